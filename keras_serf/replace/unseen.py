"""Activations that a model applies and that cannot be replaced."""

from collections.abc import Iterator
from types import FunctionType
from typing import Any

import keras

from keras_serf.replace.call_code import activations_in_call
from keras_serf.replace.call_code import activations_in_function
from keras_serf.replace.names import RECTIFIERS
from keras_serf.replace.names import is_activation
from keras_serf.replace.names import name_of
from keras_serf.replace.places import Place
from keras_serf.replace.places import walk


def unseen(model: Any) -> Iterator[tuple[Place, str, str]]:
    """Yields what cannot be replaced: where, its name, and why.

    Names are those of rectifiers, and of functions that are not known.
    """
    for owners in walk(model):
        owner = owners[-1]
        if is_activation(owner):
            continue
        for name in activations_in_call(owner):
            if name in RECTIFIERS:
                yield Place(owners), name, "not seen: in the code of `call`"
        for attribute, value in vars(owner).items():
            yield from _held(Place(owners, attribute), value)


def _held(place: Place, value: Any) -> Iterator[tuple[Place, str, str]]:
    """Yields what an attribute holds that cannot be replaced there."""
    owner = place.owners[-1]
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        for element in value:
            if is_activation(element) and not isinstance(
                element, keras.Operation
            ):
                kind = "not seen: in a list or dictionary"
                yield place, name_of(element), kind
    elif isinstance(value, FunctionType) and not (
        place.is_activation or hasattr(type(owner), str(place.attribute))
    ):  # Keras wraps methods, such as `build`, in functions.
        names = [n for n in activations_in_function(value) if n in RECTIFIERS]
        why = "not seen: in the code of a function"
        if isinstance(owner, keras.layers.Lambda):
            names = names or [name_of(value)]
            why = "not seen: in a Lambda"
        for name in names:
            yield place, name, why

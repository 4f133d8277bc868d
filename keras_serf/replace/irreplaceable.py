"""Finds activations in a model that cannot be replaced."""

from collections.abc import Iterator, Set
from types import FunctionType
from typing import Any

import keras

from keras_serf.replace.call_code import (
    activations_in_call,
    activations_in_function,
)
from keras_serf.replace.names import is_activation, name_of
from keras_serf.replace.places import Place, walk


def irreplaceable(
    model: Any, names: Set[str]
) -> Iterator[tuple[Place, str, str]]:
    """Yields place, name and reason for activations that cannot be replaced.

    Args:
        model: A model or layer.
        names: The activations to search for in code. Functions of `Lambda`
            layers that contain none of them are yielded too.
    """
    for owners in walk(model):
        owner = owners[-1]
        cls: Any = type(owner)
        if is_activation(owner):
            continue
        for name in activations_in_call(cls):
            if name in names:
                yield Place(owners), name, "kept: in the code of `call`"
        for attribute, value in vars(owner).items():
            yield from _held(Place(owners, attribute), value, names)


def _held(
    place: Place, value: Any, names: Set[str]
) -> Iterator[tuple[Place, str, str]]:
    """Yields the activations in an attribute that cannot be replaced."""
    owner = place.owners[-1]
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        for element in value:
            if is_activation(element) and not isinstance(
                element, keras.Operation
            ):
                why = "kept: in a list or dictionary"
                yield place, name_of(element), why
    elif isinstance(value, FunctionType) and not (
        place.is_activation or hasattr(type(owner), str(place.attribute))
    ):  # Keras wraps methods, such as `build`, in functions.
        found = [
            name for name in activations_in_function(value) if name in names
        ]
        why = "kept: in the code of a function"
        if isinstance(owner, keras.layers.Lambda):
            found = found or [name_of(value)]
            why = "kept: in a Lambda"
        for name in found:
            yield place, name, why

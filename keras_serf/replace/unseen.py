"""Activations that a model may apply and that cannot be replaced."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_serf.replace.names import is_activation
from keras_serf.replace.names import name_of
from keras_serf.replace.places import Place
from keras_serf.replace.places import walk


def unseen(model: Any) -> Iterator[tuple[str, str, str]]:
    """Yields rows of the report: path, name, and why it is not replaced."""
    for owners in walk(model):
        owner, path = owners[-1], Place(owners).path
        function = getattr(owner, "function", None)
        if isinstance(owner, keras.layers.Lambda) and not (
            is_activation(function)
        ):
            yield path, name_of(function), "not seen: in a Lambda"
        for attribute, value in vars(owner).items():
            if isinstance(value, dict):
                value = [*value.values()]
            if not isinstance(value, list | tuple):
                continue
            for held in value:
                if is_activation(held) and not isinstance(
                    held, keras.Operation
                ):
                    kind = "not seen: in a list or dictionary"
                    yield f"{path}.{attribute}", name_of(held), kind

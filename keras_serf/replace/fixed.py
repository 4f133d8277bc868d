"""Saves replaced activations of layers whose class fixes the activations."""

from typing import Any

import keras

from keras_serf.replace import hugging_face, private
from keras_serf.replace.configs import deserialize, serialize
from keras_serf.replace.places import places, walk


class WithActivations:
    """Mixin that saves the current activations of a layer.

    It is the first base, before the layer's own class, of the classes that
    `_with_activations` creates. All of them are saved under one name, because
    their `from_config` is the same.
    """

    _fixed: list[str]

    def _own_config(self) -> dict[str, Any]:
        with private.of_class(self, type(self).__bases__[1]):
            return serialize(self)

    def _record_fixed(self) -> None:
        layer = deserialize(self._own_config())
        self._fixed = [place.label for place in places(layer)]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer's own class, and the differences."""
        return {
            "layer": self._own_config(),
            "activations": [
                [fixed, None if place.label == fixed else place.serialize()]
                for fixed, place in zip(self._fixed, places(self), strict=True)
            ],
        }

    def __reduce__(self) -> Any:
        """Returns Keras' pickled state, with a function that pickle finds."""
        reduced: Any = super().__reduce__()
        return private.unpickle, (type(self).__bases__[1], *reduced[1])

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns the layer with its activations, built if it was."""
        layer = keras.saving.deserialize_keras_object(config["layer"])
        found = list(places(layer))
        labels = [place.label for place in found]
        if labels != [fixed for fixed, _ in config["activations"]]:
            raise ValueError(
                f"Expected {type(layer).__name__} to have the same activations "
                f"as when it was saved. Received: {labels}"
            )
        for place, (_, saved) in zip(found, config["activations"], strict=True):
            if saved is not None:
                place.replace(keras.activations.get(saved))
        private.set_class(layer, _with_activations(type(layer)))
        layer._fixed = labels
        return layer


_register = keras.saving.register_keras_serializable(
    package="keras_serf", name="WithActivations"
)
_register(WithActivations)
_subclasses: dict[type, type] = {}


def _with_activations(cls: type) -> type:
    """Returns a subclass of a layer's class that saves the activations."""
    if cls not in _subclasses:
        name, namespace = hugging_face.without_export(cls)
        bases = (WithActivations, cls)
        _subclasses[cls] = type(
            name, bases, {"__module__": __name__, **namespace}
        )
        _register(_subclasses[cls])
        _register(WithActivations)  # This class is found by that name.
    return _subclasses[cls]


def save_fixed(model: Any) -> None:
    """Makes the config of each layer in a model include its activations."""
    for *_, layer in reversed(list(walk(model))):
        if isinstance(layer, WithActivations):
            layer._record_fixed()
    while lost := _lost(model):
        done: set[int] = set()
        for owners in lost:
            if done.intersection(map(id, owners)):
                continue
            layer = next(layer for layer in reversed(owners) if _loses(layer))
            done.add(id(layer))
            if not isinstance(layer, WithActivations):
                private.set_class(layer, _with_activations(type(layer)))
                layer._record_fixed()
            if _lost(layer):
                raise ValueError(
                    "Expected layers that Keras can rebuild from their config. "
                    f"Received: {type(layer).__name__} {layer.name!r}"
                )


def has_other_activations(model: Any) -> bool:
    """Returns whether a model has a backbone that can no longer be exported."""
    return any(
        isinstance(owner, WithActivations)
        and hugging_face.is_exported(type(owner))
        for *_, owner in walk(model)
    )


def _loses(layer: Any) -> bool:
    try:
        return bool(_lost(layer))
    except Exception:  # It has no config; its parent saves it.
        return False


def _lost(layer: Any) -> list[tuple[Any, ...]]:
    """Returns the owners of activations that the config of `layer` lacks."""
    found = list(places(layer))
    rebuilt = list(places(deserialize(serialize(layer))))
    if len(found) != len(rebuilt):
        return [(layer,)]
    return [
        place.owners
        for place, other in zip(found, rebuilt, strict=True)
        if place.label != other.label
    ]

"""Finds and replaces the activations in a model."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_serf.replace import private
from keras_serf.replace.names import NAMES, is_activation, name_of
from keras_serf.replace.operation import ActivationOperation

Where = str | Callable[[Any], bool] | None


@dataclasses.dataclass(frozen=True)
class Place:
    """The place of an activation in a model.

    Attributes:
        owners: The model, the layers on the way, and the layer or operation
            that has the activation.
        attribute: The attribute of the last owner; `None` if the owner itself
            is the activation.
    """

    owners: tuple[Any, ...]
    attribute: str | None = None

    @property
    def path(self) -> str:
        """The names of the owners and of the attribute."""
        names = "/".join(owner.name for owner in self.owners)
        return f"{names}.{self.attribute}" if self.attribute else names

    @property
    def value(self) -> Any:
        """The activation in this place."""
        owner = self.owners[-1]
        return getattr(owner, self.attribute) if self.attribute else owner

    @property
    def label(self) -> str:
        """A label that identifies the activation uniquely."""
        value = self.value
        if isinstance(value, ActivationOperation):
            return str(value.get_config()["activation"])
        if isinstance(value, keras.Operation | str):
            return name_of(value)
        return str(keras.saving.get_registered_name(value))

    def is_in(self, where: Where) -> bool:
        """Returns whether `where` selects this place."""
        if where is None:
            return True
        if isinstance(where, str):
            return re.search(where, self.path) is not None
        # The model itself is the owner only if there is no other.
        return any(map(where, self.owners[1:] or self.owners))

    def serialize(self) -> Any:
        """Returns the config value of the activation."""
        value = self.value
        if isinstance(value, str):
            return value
        return keras.activations.serialize(value)

    @property
    def is_activation(self) -> bool:
        """Whether this place has an activation."""
        if not self.attribute:
            return is_activation(self.owners[-1])
        return _is_held(self.attribute, self.value)

    def takes(self, new: Any) -> bool:
        """Returns whether `new` can be put here.

        A class that stores a name looks it up, so Keras must find `new` by its
        name.
        """
        if not isinstance(self.value, str):
            return True
        try:
            return bool(keras.activations.get(name_of(new)) is new)
        except ValueError:
            return False

    def replace(self, new: Any) -> None:
        """Puts another activation here."""
        owner = self.owners[-1]
        if self.attribute:
            if isinstance(self.value, str):
                # Such a class expects a name, which it passes to a layer.
                new = name_of(new)
            setattr(owner, self.attribute, new)
        elif isinstance(owner, keras.layers.Layer):
            layer = keras.layers.Activation(
                new,
                name=owner.name,
                dtype=owner.dtype_policy,
                trainable=owner.trainable,
            )
            private.become(owner, layer)
        else:
            private.become(owner, ActivationOperation(new, name=owner.name))


def places(model: Any) -> Iterator[Place]:
    """Yields the places of activations in a model, in a fixed order."""
    for owners in walk(model):
        owner = owners[-1]
        if is_activation(owner):
            # Inside a layer, a Softmax layer normalizes attention.
            parent = owners[-2] if len(owners) > 1 else None
            if name_of(owner) != "softmax" or isinstance(parent, keras.Model):
                yield Place(owners)
            continue
        for attribute in sorted(vars(owner)):
            if _is_held(attribute, vars(owner)[attribute]):
                yield Place(owners, attribute)


def walk(
    owner: Any, parents: tuple[Any, ...] = (), seen: set[int] | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yields every layer and operation once, each with its owners."""
    seen = set() if seen is None else seen
    if id(owner) in seen:
        return
    seen.add(id(owner))
    owners = (*parents, owner)
    yield owners
    graph = owner.operations if isinstance(owner, keras.Function) else []
    for child in (*graph, *private.child_layers(owner)):
        yield from walk(child, owners, seen)


def _is_held(attribute: str, value: Any) -> bool:
    """Returns whether the value of an attribute is an activation."""
    if isinstance(value, str):
        return attribute.endswith("activation") and value in NAMES
    if isinstance(value, type | keras.layers.Layer):
        return False  # Layers are found as layers.
    return callable(value) and (
        attribute.endswith("activation")
        or is_activation(value)
        or isinstance(value, ActivationOperation)
    )

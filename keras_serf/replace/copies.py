"""Copies models by the saving and loading of Keras."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from keras_serf.replace import private
from keras_serf.replace.configs import deserialize, serialize
from keras_serf.replace.errors import reason
from keras_serf.replace.places import walk


def used_by(model: Any) -> Iterator[Any]:
    """Yields the classes of a model and the values of its attributes."""
    for *_, owner in walk(model):
        yield from (*type(owner).__mro__, *vars(owner).values())
    yield from private.compile_arguments(model)


def copy_model(model: Any) -> Any:
    """Saves and loads `model` with Keras; returns the uncompiled copy.

    Raises:
        ValueError: If Keras cannot save and load the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        try:
            keras.saving.save_model(model, path)
            copy = keras.saving.load_model(path, compile=False, safe_mode=False)
            if len(copy.weights) != len(model.weights):
                raise ValueError("layers that `build` does not build are lost")
        except Exception as error:
            raise ValueError(
                "Expected a model that Keras can save and load. Received: "
                f"{_culprit(model, error)}"
            ) from error
    # Keras does not save these: the loss scaling of `compile`, the flags of
    # layers that other layers create, and the globals of a lambda.
    copy.dtype_policy = model.dtype_policy
    for (*_, theirs), (*_, ours) in zip(walk(model), walk(copy), strict=False):
        if type(theirs) is not type(ours):
            break
        trainable = getattr(theirs, "trainable", None)
        if trainable != getattr(ours, "trainable", None):
            ours.trainable = trainable
        if isinstance(theirs, keras.layers.Lambda):
            ours.function = theirs.function
    return copy


def compile_like(copy: Any, model: Any) -> None:
    """Compiles a copy like its model, with a new optimizer."""
    if not getattr(model, "compiled", False):
        return
    config = model.get_compile_config()
    if type(model).compile_from_config is not keras.Model.compile_from_config:
        copy.compile_from_config(config)
        return
    # Keras' own method does this, but not if a class overrides `compile`.
    copy.compile(**deserialize(config))
    if copy.built:
        copy.optimizer.build(copy.trainable_variables)


def _culprit(model: Any, error: Exception) -> str:
    """Returns the layer that cannot be saved or loaded, and the reason."""
    for *_, layer in reversed(list(walk(model))):
        try:
            deserialize(serialize(layer))
        except Exception as own_error:
            error = own_error
            break
    return f"{type(layer).__name__} {layer.name!r}: {reason(error)}"

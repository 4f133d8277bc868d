"""Configs of layers, and the objects that Keras needs to load them."""

from types import FunctionType
from typing import Any

import keras


def serialize(layer: Any) -> Any:
    """Returns the config of a layer or model, without its compilation."""
    config = keras.saving.serialize_keras_object(layer)
    config.pop("compile_config", None)
    return config


def deserialize(config: Any) -> Any:
    """Returns the object of a config; loads functions of `Lambda` layers."""
    return keras.saving.deserialize_keras_object(config, safe_mode=False)


def custom_objects(used: list[Any]) -> dict[str, Any]:
    """Returns the classes and functions that Keras would not find by name.

    Args:
        used: Classes, functions, and instances of classes.
    """
    return {
        value.__name__: value
        for value in [*used, *map(type, used)]
        if isinstance(value, type | FunctionType)
        and value.__module__.split(".")[0] not in ("builtins", "keras")
        and keras.saving.get_registered_name(value) == value.__name__
    }

"""Keras settings, and checks that Keras knows the names in the options."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from demos.common.backend import TRAINING
from demos.common.errors import UserError


def channels_last() -> None:
    """Sets the image format of the demos, and ignores keras.json."""
    keras.config.set_image_data_format("channels_last")


def clear_session() -> None:
    """Clears the state of Keras, but keeps its dtype policy."""
    policy = keras.config.dtype_policy()
    keras.backend.clear_session()
    keras.config.set_dtype_policy(policy)


def keras_settings() -> dict[str, str]:
    """Returns Keras settings for `apply_settings` in another process."""
    return {
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
        # Only the name: Keras would import TensorFlow to serialize the policy.
        "dtype_policy": keras.config.dtype_policy().name,
    }


def apply_settings(settings: Mapping[str, str]) -> None:
    """Applies the settings from `keras_settings`."""
    keras.config.set_floatx(settings["floatx"])
    keras.config.set_image_data_format(settings["image_data_format"])
    keras.config.set_dtype_policy(settings["dtype_policy"])


def check_trains() -> None:
    """Raises UserError if the backend cannot train."""
    backend = keras.backend.backend()
    if backend not in TRAINING:
        raise UserError(
            "Expected a backend that can train: --backend "
            f"{', '.join(TRAINING[:-1])} or {TRAINING[-1]}. "
            f"Received: {backend}"
        )


def check_activations(names: Sequence[str]) -> None:
    """Raises UserError if an activation is unknown to Keras, or repeated."""
    examples = "relu, gelu, silu, mish, elu, serf"
    known: dict[Any, str] = {}
    for name in names:
        _check(keras.activations, name, "--activations to be names", examples)
        first = known.setdefault(keras.activations.get(name), name)
        if first != name:
            raise UserError(
                "Expected --activations to be different functions. Received "
                f"two names of one: {first} and {name}"
            )


def check_initializer(name: str) -> None:
    """Raises UserError if Keras does not know the initializer."""
    examples = "glorot_uniform, he_normal, orthogonal, serf_normal"
    _check(keras.initializers, name, "--initializer to be a name", examples)


def _check(module: Any, name: str, expected: str, examples: str) -> None:
    try:
        module.get(name)
    except ValueError:
        raise UserError(
            f"Expected {expected} that Keras knows, such as {examples}. "
            f"Received: {name!r}"
        ) from None

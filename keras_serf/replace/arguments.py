"""Checks and normalizes the arguments of `replace_activations`."""

import re
import warnings
from types import FunctionType
from typing import Any

import keras

from keras_serf.activation import serf
from keras_serf.registry import copy_of_package
from keras_serf.replace.configs import custom_objects
from keras_serf.replace.errors import reason
from keras_serf.replace.names import RECTIFIERS, name_of_key
from keras_serf.replace.operation import ActivationOperation


def check_where(where: Any) -> None:
    """Raises a `ValueError` if `where` is invalid."""
    try:
        if isinstance(where, str):
            re.compile(where)
        fits = where is None or isinstance(where, str) or callable(where)
        reason = "" if fits else f"a {type(where).__name__}"
    except re.error as error:
        reason = str(error)
    if reason:
        raise ValueError(
            "Expected `where` to be a regular expression or a function of a "
            f"layer. Received: {where=} ({reason})"
        )


def parse_replacements(replacements: Any) -> dict[str, Any]:
    """Returns the new activation for each name of an old one.

    `names.is_same` tests whether an activation is already the new one.
    """
    if replacements is None:
        raise ValueError(
            "Expected `replacements` to be an activation, or a dictionary of "
            "them. Received: replacements=None"
        )
    if not isinstance(replacements, dict):
        return dict.fromkeys(RECTIFIERS, _replacement(replacements))
    wanted: dict[str, Any] = {}
    for key, value in replacements.items():
        name = name_of_key(key)
        if name in wanted:
            raise ValueError(
                f"Expected one key of `replacements` for {name!r}. "
                f"Received: {replacements=}"
            )
        wanted[name] = _replacement(value)
    return wanted


def _replacement(value: Any) -> Any:
    """Returns a function, or an operation that replaces a layer."""
    if isinstance(value, type):
        value = value()
    if isinstance(value, keras.layers.Layer):
        value(keras.KerasTensor((1, 1)))
        if value.weights:
            raise ValueError(
                "Expected a replacement without weights. "
                f"Received: {type(value).__name__}"
            )
        new = ActivationOperation(value)
    else:
        new = keras.activations.get(value)
        if value == "serf" and new is not serf:
            copy = copy_of_package(new, serf)
            raise ValueError(
                'Expected the name "serf" to mean keras_serf.serf in Keras; '
                "pass that function itself. Received: that of "
                + (f"another {copy}" if copy else repr(new))
            )
    try:
        with (
            keras.saving.custom_object_scope(custom_objects([new])),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", UserWarning)  # About lambdas.
            loaded = keras.activations.get(keras.activations.serialize(new))
        if isinstance(new, FunctionType) and loaded is not new:
            copy = copy_of_package(loaded, new)
            raise ValueError(
                "Keras loads another function by its name"
                + (f": that of another {copy}" if copy else "")
            )
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected replacements that Keras {keras.__version__} can save "
            "and load: names, or functions with their own names. "
            f"Received: {value} ({reason(error)})"
        ) from error
    return new

"""The arguments of `replace_activations`: checked, and in one form."""

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
    """Raises a `ValueError` unless `where` is one that a place can be in."""
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
    """Returns what takes the place of each activation, by its name.

    What has its place already, `names.is_same` tells.
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
    """Returns a function, or an operation for what a layer does."""
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
                'Expected the name "serf" to mean keras_serf.serf to Keras; '
                "pass that function itself. Received: that of "
                + (f"another {copy}" if copy else repr(new))
            )
    try:
        with (
            keras.saving.custom_object_scope(custom_objects([new])),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", UserWarning)  # Of lambdas.
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
            "and load: names, or functions that have a name of their own. "
            f"Received: {value} ({reason(error)})"
        ) from error
    return new

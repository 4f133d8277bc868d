"""Names of activations, and the name of a given activation."""

from types import FunctionType
from typing import Any

import keras

from keras_serf.replace.operation import ActivationOperation

# A single replacement replaces these: the rectifiers of hidden layers. Other
# activations may be needed for their bounds or for the meaning of an output.
RECTIFIERS = frozenset(
    {
        "celu",
        "elu",
        "gelu",
        "hard_silu",
        "leaky_relu",
        "mish",
        "prelu",
        "quick_gelu",
        "relu",
        "relu6",
        "selu",
        "serf",
        "silu",
    }
)
_ALIASES = {
    "gelu_approximate": "gelu",  # KerasHub's own function
    "hard_swish": "hard_silu",
    "swish": "silu",
}
NAMES = RECTIFIERS | {
    name
    for name in dir(keras.activations)
    if name not in ("deserialize", "get", "serialize") and name[0] != "_"
}
# Classes of layers and operations: LeakyReLU and LeakyRelu are leaky_relu.
_CLASSES = {name.replace("_", ""): name for name in NAMES}


def is_activation(value: Any) -> bool:
    """Returns whether `value` is an activation of Keras or this package."""
    if isinstance(value, keras.Operation):
        return any(map(_is_known, type(value).__mro__))
    return getattr(value, "__name__", None) in NAMES and _is_from_keras(value)


def name_of(activation: Any) -> str:
    """Returns the name of an activation, as used in `replacements`.

    Args:
        activation: A name, function, operation, layer, or a class of these.
    """
    if isinstance(activation, ActivationOperation | keras.layers.Activation):
        return name_of(activation.activation)
    if isinstance(activation, keras.Operation):
        name = name_of(type(activation))
        return _relu_name(activation) if name == "relu" else name
    if isinstance(activation, type):
        for cls in activation.__mro__:
            if _is_known(cls):
                return _CLASSES[cls.__name__.lower()]
            if "call" in vars(cls):  # It has its own computation.
                break
        return activation.__name__
    if not isinstance(activation, str):
        activation = getattr(activation, "__name__", repr(activation))
    return _ALIASES.get(activation, activation)


def is_same(one: Any, other: Any) -> bool:
    """Returns whether two activations are the same, by their names.

    A function of another package that has the name of a function of Keras or
    this package, such as another `serf`, is the same only as itself.
    """
    one, other = map(_function_of, (one, other))
    if one is other:
        return True
    return name_of(one) == name_of(other) and not (
        _has_anothers_name(one) or _has_anothers_name(other)
    )


def name_of_key(key: Any) -> str:
    """Returns the name of a key such as `"LeakyReLU"`."""
    if isinstance(key, str):
        key = _CLASSES.get(key.lower(), key)
    return name_of(key)


def _function_of(activation: Any) -> Any:
    while isinstance(activation, ActivationOperation | keras.layers.Activation):
        activation = activation.activation
    return activation


def _has_anothers_name(value: Any) -> bool:
    return isinstance(value, FunctionType) and (
        value.__name__ in NAMES and not _is_from_keras(value)
    )


def _is_known(cls: type) -> bool:
    # Excludes the subclasses that `fixed` creates under the same name.
    return (
        cls.__name__.lower() in _CLASSES
        and _is_from_keras(cls)
        and not cls.__module__.endswith(".replace.fixed")
    )


def _is_from_keras(value: Any) -> bool:
    home = str(getattr(value, "__module__", None)).split(".")[0]
    return home in ("keras", "keras_serf")


def _relu_name(relu: Any) -> str:
    names = ("max_value", "negative_slope", "threshold")
    settings = {n: v for n in names if (v := getattr(relu, n, None))}
    if settings.keys() == {"negative_slope"}:
        return "leaky_relu"
    texts = ", ".join(f"{n}={v:g}" for n, v in settings.items())
    known = {"": "relu", "max_value=6": "relu6"}
    return known.get(texts, f"relu({texts})")

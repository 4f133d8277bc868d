"""Serf with only `keras.ops`, for MLX, OpenVINO and future backends.

MLX ignores `keras.ops.custom_gradient`, so the derivatives are those of a
Taylor polynomial. If Keras computes float64 in float32, as on MLX and OpenVINO,
so does this kernel.
"""

import math as constants
from typing import Any

import keras
from keras import ops

from keras_serf.kernels import polynomial, taylor
from keras_serf.kernels.math import Math

_LOG2_E = 1 / constants.log(2)
# ln 2 in two parts; the first has 9 bits, so that its product with n is exact.
_LN_2_HIGH = 355 / 512
_LN_2_LOW = -2.12194440054690583e-4

# OpenVINO has no autodiff, and an exact exp.
_PLAIN = keras.backend.backend() == "openvino"


def _exp(x: Any) -> Any:
    # For float32. MLX's exp has errors up to 32 ulp far below 0. 2^n is exact.
    n = ops.floor(x * _LOG2_E + 0.5)
    rest = (x - n * _LN_2_HIGH) - n * _LN_2_LOW
    return ops.power(2.0, n) * ops.exp(rest)


_MATH = Math(
    exp=ops.exp if _PLAIN else _exp,
    log1p=ops.log1p,
    erf=ops.erf,
    clip=ops.clip,
    where=ops.where,
)


def serf(x: Any) -> Any:
    """Returns `x * erf(softplus(x))` in the shape and dtype of `x`."""
    wide = ops.cast(x, "float32")
    if _PLAIN:
        y = polynomial.SINGLE.value(wide, _MATH)
    else:
        constant = ops.stop_gradient(wide)
        y = taylor.value(wide, constant, polynomial.SINGLE, _MATH)
    return ops.cast(y, keras.backend.standardize_dtype(x.dtype))


def implementation(x: Any) -> str:
    """Returns how `serf(x)` computes."""
    return "polynomials, through keras.ops"

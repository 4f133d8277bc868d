"""Serf through `keras.ops` alone, for OpenVINO and for backends yet to come.

Where Keras computes float64 in float32, as on OpenVINO, so does this kernel.
"""

from typing import Any

import keras
from keras import ops

from keras_serf.kernels import polynomial
from keras_serf.kernels.math import Math

_MATH = Math(
    exp=ops.exp,
    log1p=ops.log1p,
    erf=ops.erf,
    clip=ops.clip,
    where=ops.where,
)


def serf(x: Any) -> Any:
    """Returns `x * erf(softplus(x))` in the shape and dtype of `x`."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    return ops.cast(
        polynomial.SINGLE.value(ops.cast(x, "float32"), _MATH), dtype
    )


def implementation(x: Any) -> str:
    """Returns how `serf(x)` computes."""
    return "polynomials, through keras.ops"

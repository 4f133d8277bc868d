"""Serf in NumPy, computed in float64; only the value, without autodiff."""

import numpy as np

from keras_serf import theory
from keras_serf.kernels import polynomial


def serf(x: np.ndarray) -> np.ndarray:
    """Returns `x * erf(softplus(x))` in the shape and dtype of `x`."""
    if x.dtype == np.float64:
        return np.asarray(theory.serf(x))
    # NumPy's float32 exp has an error of 2.5 ulp, too large for a total of 4.
    wide = np.asarray(x, "float64")
    return np.asarray(polynomial.SINGLE.value(wide, theory.NUMPY), x.dtype)


def implementation(x: np.ndarray) -> str:
    """Returns how `serf(x)` computes."""
    return "polynomials, by way of float64"

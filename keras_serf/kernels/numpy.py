"""Serf in NumPy, which has no autodiff: the value alone, by way of float64."""

import numpy as np

from keras_serf import theory
from keras_serf.kernels import polynomial


def serf(x: np.ndarray) -> np.ndarray:
    """Returns `x * erf(softplus(x))` in the shape and dtype of `x`."""
    if x.dtype == np.float64:
        return np.asarray(theory.serf(x))
    # NumPy's exp of float32 errs by 2.5 ulp: too much of the 4 promised.
    wide = np.asarray(x, "float64")
    return np.asarray(polynomial.SINGLE.value(wide, theory.NUMPY), x.dtype)


def implementation(x: np.ndarray) -> str:
    """Returns how `serf(x)` computes."""
    return "polynomials, by way of float64"

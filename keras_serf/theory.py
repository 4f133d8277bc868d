"""The mathematics of Serf in NumPy float64, the reference of the tests.

With s = softplus(x) = ln(1 + e^x), the paper defines

    f(x) = x erf(s),
    f'(x) = p(x) swish(x) + f(x)/x,
    p(x) = (2 / sqrt(pi)) e^(-s^2).

Functions of `x` take an array or a number, and return a float64 array of the
same shape.

Reference: [Nag et al., 2023](https://arxiv.org/abs/2108.09598); sections are
cited by their titles.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keras_serf.kernels import composed
from keras_serf.kernels.math import Math

try:
    from scipy.special import erf
except ImportError:  # Much slower, but equally accurate.
    erf = np.vectorize(math.erf, otypes=["float64"])

Array = NDArray[np.float64]

# The only minimum, in float64: x with f'(x) = 0, and f(x).
MINIMUM = (-1.193059968928188, -0.3484374587596064)

NUMPY = Math(exp=np.exp, log1p=np.log1p, erf=erf, clip=np.clip, where=np.where)


def serf(x: ArrayLike) -> Array:
    """Computes f(x) = x erf(softplus(x)), the definition of Serf.

    Args:
        x: Real numbers of any shape.

    Returns:
        f, with f(-inf) = 0 and f(inf) = inf. It is smooth, nonmonotonic,
        bounded below by its minimum and unbounded above (section "Properties").

    Example:

    >>> round(float(serf(1.0)), 6)
    0.936722
    """
    return composed.value(_float64(x), NUMPY)


def derivative(x: ArrayLike) -> Array:
    """Computes f'(x) = erf(s) + x p(x) sigmoid(x).

    Args:
        x: Real numbers of any shape.

    Returns:
        f', from 0 at -inf to 1 at inf, within [-0.13, 1.09] (section
        "Properties", on the first derivative).

    Example:

    >>> round(float(derivative(0.0)), 6)
    0.673041
    """
    return composed.derivative(_float64(x), NUMPY)


def second_derivative(x: ArrayLike) -> Array:
    """Computes f''(x) = p sigmoid (2 + x (1 - sigmoid - 2 s sigmoid)).

    This formula is not in the paper.

    Args:
        x: Real numbers of any shape.

    Returns:
        f'', which is 0 at -inf and inf.

    Example:

    >>> round(float(second_derivative(0.0)), 6)
    0.697906
    """
    return composed.second_derivative(_float64(x), NUMPY)


def preconditioner(x: ArrayLike) -> Array:
    """Computes p(x) = (2 / sqrt(pi)) e^(-softplus(x)^2).

    According to the paper (section "Properties", on the preconditioner), p
    weights Swish in the derivative of Serf and smooths the gradient:
    f'(x) = p(x) swish(x) + f(x)/x.

    Args:
        x: Real numbers of any shape.

    Returns:
        p, which decreases from 2/sqrt(pi) at -inf to 0 at inf.

    Example:

    >>> round(float(preconditioner(0.0)), 6)
    0.697906
    """
    s = np.log1p(_exp(x))
    return 2 / math.sqrt(math.pi) * np.exp(-s * s)


def swish(x: ArrayLike) -> Array:
    """Computes Swish, x sigmoid(x), also called SiLU.

    Args:
        x: Real numbers of any shape.

    Returns:
        Swish, with swish(-inf) = 0 and swish(inf) = inf.

    Example:

    >>> round(float(swish(1.0)), 6)
    0.731059
    """
    u = _exp(x)
    return np.maximum(x, composed.FLOOR) * (u / (1 + u))


def second_moment(sigma: float = 1.0) -> float:
    """Computes E[f(z)^2] for normal z with mean 0.

    Args:
        sigma: Standard deviation of z, above 0.

    Returns:
        The moment, by Gauss-Hermite quadrature, with a relative error below
        1e-12 for `sigma` up to 2.

    Raises:
        ValueError: If `sigma` is not above 0 and finite.

    Example:

    >>> round(second_moment(), 6)
    0.501423
    """
    if not 0 < sigma < math.inf:
        raise ValueError(
            f"Expected `sigma` to be above 0 and finite. Received: {sigma=}"
        )
    z, weights = np.polynomial.hermite_e.hermegauss(200)
    moment = weights @ serf(sigma * z) ** 2 / math.sqrt(2 * math.pi)
    return float(moment)


def gain() -> float:
    """Computes the gain of weights that preserve unit variance.

    If the pre-activations of a wide layer are N(0, 1) and the weights of the
    next layer have variance gain^2 / fan_in, the next pre-activations have unit
    second moment. For ReLU, this gain is sqrt(2)
    ([He et al., 2015](https://arxiv.org/abs/1502.01852), section 2.2).

    Returns:
        1 / sqrt(E[f(z)^2]), z ~ N(0, 1).

    Example:

    >>> round(gain(), 6)
    1.412205
    """
    return 1 / math.sqrt(second_moment())


def _float64(x: ArrayLike) -> Array:
    return np.asarray(x, "float64")


def _exp(x: ArrayLike) -> Array:
    # Above 40, sigmoid = 1 and p = 0 in float64.
    return np.exp(np.clip(_float64(x), composed.FLOOR, 40.0))

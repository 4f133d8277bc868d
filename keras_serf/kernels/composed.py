"""Serf as a composition of exp, log1p and erf that stays finite.

It is used for float64, and for the second derivative in every type. With
s = softplus(x), G = erf(s) and D = (2 / sqrt(pi)) e^(-s^2) sigmoid(x):

    f = x G
    f' = G + x D
    f'' = D (2 + x (1 - sigmoid - 2 s sigmoid))
"""

import math as constants
from typing import Any

from keras_serf.kernels.math import Math

# Below -1e3, e^x = 0; above 30, G = 1 and D = 0, in float64 too.
FLOOR = -1e3
BOUND = 30.0


def value(x: Any, math: Math) -> Any:
    """Returns f(x) for an array `x` of floats."""
    held = math.clip(x, FLOOR, BOUND)
    g = math.erf(math.log1p(math.exp(held)))
    return math.where(x > 0, x, held) * g


def derivative(x: Any, math: Math) -> Any:
    """Returns f'(x) for an array `x` of floats."""
    held, s, _, d = _parts(x, math)
    return math.erf(s) + held * d


def second_derivative(x: Any, math: Math) -> Any:
    """Returns f''(x) for an array `x` of floats.

    It is accurate to a few ulp of its terms for |x| < 3. For larger |x|,
    e^(-s^2), which is below 1e-4, loses s^2 ulp to the rounding of s^2.
    """
    held, s, sigmoid, d = _parts(x, math)
    return d * (2 + held * (1 - sigmoid - 2 * s * sigmoid))


def _parts(x: Any, math: Math) -> tuple[Any, Any, Any, Any]:
    held = math.clip(x, FLOOR, BOUND)
    u = math.exp(held)
    s = math.log1p(u)
    sigmoid = u / (1 + u)
    d = 2 / constants.sqrt(constants.pi) * math.exp(-s * s) * sigmoid
    return held, s, sigmoid, d

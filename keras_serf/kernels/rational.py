"""Serf as rational functions of u = e^x: coefficients and their evaluation.

The value takes one exponential and one division, the derivative one division
more; there is no branch on data. Accurate for float32 and narrower types; see
`composed.py` for float64 and the second derivative, and `fit.py` for where the
coefficients come from and for their error.
"""

from dataclasses import dataclass
from typing import Any

from keras_serf.kernels.math import Math

# From x = BOUND on, f(x) = x and f'(x) = 1 in float32; below FLOOR, e^x = 0.
BOUND = 4.25
FLOOR = -200.0

# For x <= 0, G/u runs from 1.128 at u = 0 to 0.673 at u = 1. Only its distance
# from BASE is left to the quotient, so that the quotient's rounding weighs
# little; BASE stays below 0.673 so that f(-0.0) is -0.0.
BASE = 21 / 32


@dataclass(frozen=True)
class Value:
    """Coefficients of G = erf(softplus(x)), from the constant term up.

    G = u (BASE + below/denominator) for x <= 0,
    G = 1 - above/denominator for x > 0.
    """

    below: tuple[float, ...]
    above: tuple[float, ...]
    denominator: tuple[float, ...]


@dataclass(frozen=True)
class Density:
    """Coefficients of D = G', from the constant term up.

    D = u numerator/denominator.
    """

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]


# Tables, written by fit.py
VALUE = Value(
    below=(
        0.47212913632392883,
        0.28133103251457214,
        -0.35525545477867126,
        -0.23674660921096802,
        -0.0696224793791771,
        -0.009123413823544979,
        -0.0007096329936757684,
    ),
    above=(
        1.0,
        0.6624816656112671,
        -0.06886729598045349,
        0.0032164098229259253,
        -8.206481288652867e-05,
        1.0870015785258147e-06,
        -5.731413121878859e-09,
    ),
    denominator=(
        1.0,
        1.7908607721328735,
        1.3877161741256714,
        0.5586496591567993,
        0.12978516519069672,
        0.015550117939710617,
        0.0010813454864546657,
    ),
)
DENSITY = Density(
    numerator=(
        8974.0,
        10528.8994140625,
        -444.9262390136719,
        7.367703914642334,
        -0.04535270482301712,
    ),
    denominator=(
        7953.0,
        17284.037109375,
        16889.185546875,
        8944.6044921875,
        2928.2705078125,
        559.691650390625,
        72.31849670410156,
        4.3535566329956055,
        0.2293429672718048,
    ),
)
# End of tables


def value(x: Any, math: Math) -> Any:
    """Returns f(x) = x G for an array `x` of float32."""
    held, u, h = _parts(x, math)
    y = held * u
    above = x > 0
    # G times its factor: x (1 + h) above 0, x u (BASE + h) below.
    return math.where(above, x, BASE * y) + math.where(above, held, y) * h


def slope(x: Any, math: Math) -> Any:
    """Returns f'(x) = G + x D for an array `x` of float32."""
    held, u, h = _parts(x, math)
    g = math.where(x > 0, 1 + h, u * (BASE + h))
    ratio = horner(DENSITY.numerator, u) / horner(DENSITY.denominator, u)
    return g + held * u * ratio


def _parts(x: Any, math: Math) -> tuple[Any, Any, Any]:
    # x held between FLOOR and BOUND, u = e^x, and h: G = 1 + h above 0,
    # G = u (BASE + h) below.
    held = math.clip(x, FLOOR, BOUND)
    u = math.exp(held)
    below, above = horner(VALUE.below, u), horner(VALUE.above, u)
    h = math.where(x > 0, -above, below) / horner(VALUE.denominator, u)
    return held, u, h


def horner(coefficients: Any, u: Any) -> Any:
    """Evaluates a polynomial.

    Args:
        coefficients: At least two numbers, from the constant term up.
        u: Where to evaluate it: an array or a number.

    Returns:
        The polynomial's value, of the type of `u`.

    Example:

    >>> horner((1.0, 2.0, 3.0), 10.0)
    321.0
    """
    last, *rest = reversed(coefficients)
    total = last
    for coefficient in rest:
        total = total * u + coefficient
    return total

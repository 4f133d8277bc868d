"""Exact values of Serf and its derivatives, and errors against them."""

import math
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import mpmath as mp
import numpy as np
from scipy.special import expit

from demos.benchmarks.accuracy.errors import SYMBOLS, Errors
from demos.benchmarks.accuracy.inputs import Array
from keras_serf import theory

LIMITS: dict[str, dict[float, float]] = {
    "value": {-math.inf: 0.0, math.inf: math.inf, math.nan: math.nan},
    "derivative": {-math.inf: 0.0, math.inf: 1.0},
    "second_derivative": {},
}
QUANTITIES = tuple(LIMITS)
# Below this, tails may be flushed; in units of the smallest normal number.
MARGIN = {"value": 64, "derivative": 64, "second_derivative": 512}
DIGITS = 40  # Precision of the reference for float64.


@dataclass(frozen=True)
class Exact:
    """The exact values of one quantity, and the units of their errors."""

    values: Array  # Rounded to float64.
    remainder: Array  # The rounding errors of the values.
    unit: Array  # Units of the errors; infinite where absolute errors are used.
    allowance: float  # The largest absolute error allowed there.


def exact(x: Array) -> dict[str, Exact]:
    """Computes the exact values of each quantity, with units of x's dtype.

    For infinite x and NaN, they are arbitrary.
    """
    limits = ml_dtypes.finfo(x.dtype)
    eps, least = float(limits.eps), float(limits.smallest_subnormal)
    # The half types are computed in float32.
    computed = "float64" if x.dtype == "float64" else "float32"
    tiny = float(np.finfo(computed).tiny)
    border = math.log(tiny)
    wide = to_float64(x)
    finite = np.isfinite(wide)
    wide[~finite] = 0.0
    reference = _precise_serf if x.dtype == "float64" else _serf
    values, remainders, scales = reference(wide)
    size = np.abs(values[0])
    with np.errstate(over="ignore", under="ignore"):
        ulp = np.spacing(size.astype(x.dtype)).astype("float64")
    # The tail of f, but not its root.
    scales = [np.where(wide < -1, size, 1.0), *scales]
    result = {}
    for name, value, remainder, scale in zip(
        QUANTITIES, values, remainders, scales, strict=True
    ):
        in_units = finite & (wide > border) & (scale >= MARGIN[name] * tiny)
        unit = np.maximum(eps * scale, least)
        if name == "value":
            in_units &= (np.abs(wide) >= tiny) & (size >= tiny)
            unit = ulp
        allowance = max(MARGIN[name], 1.15 * abs(border)) * tiny
        unit = np.where(in_units, unit, np.inf)
        result[name] = Exact(value, remainder, unit, allowance)
    return result


def to_float64(x: Array) -> Array:
    """Returns a copy in float64."""
    with np.errstate(invalid="ignore"):  # Signalling NaNs.
        return x.astype("float64")


def compare(quantity: str, x: Array, y: Array, exact: Exact) -> Errors:
    """Compares results `y` of any dtype at `x` with the exact values."""
    x, y = to_float64(x), to_float64(y)
    is_input, is_finite = np.isfinite(x), np.isfinite(y)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(y - exact.values - exact.remainder)
        error = np.where(is_finite, difference / exact.unit, 0.0)
    worst = int(np.argmax(error))
    bad = x[is_input & ~is_finite]
    absolute = is_input & is_finite & np.isinf(exact.unit)
    flushed = np.max(difference, where=absolute, initial=0.0) / exact.allowance
    wrong = []
    for limit, expected in LIMITS[quantity].items():
        at = np.isnan(x) if math.isnan(limit) else x == limit
        right = np.isnan(y) if math.isnan(expected) else y == expected
        if (at & ~right).any():
            result = y[np.argmax(at & ~right)]
            wrong.append(f"{SYMBOLS[quantity]}({limit:g}) = {result:g}")
    return Errors(
        inputs=int(np.count_nonzero(is_input)),
        error=float(error[worst]),
        at=float(x[worst]) if error[worst] > 0 else None,
        nonfinite=bad.size,
        example=float(min(bad, key=abs)) if bad.size else None,
        flushed=float(flushed),
        limits=tuple(wrong),
    )


# The quantities, their rounding errors, and the scales of the units of the
# derivatives.
_Reference = tuple[list[Array], list[Array], list[Array]]


def _serf(x: Array) -> _Reference:
    """Computes Serf in float64."""
    f, first = theory.serf(x), theory.derivative(x)
    second = theory.second_derivative(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        gate = np.where(x == 0, first, f / x)
    double = 2 * theory.preconditioner(x) * expit(x)
    return (
        [f, first, second],
        [np.zeros_like(x)] * 3,
        [np.abs(gate) + np.abs(first - gate), double + np.abs(second - double)],
    )


def _precise_serf(x: Array) -> _Reference:
    """Computes Serf with mpmath."""

    def at(x: Any) -> tuple[Any, ...]:
        u = mp.exp(x)
        s, sigmoid = mp.log1p(u), u / (1 + u)
        g = mp.erf(s)
        d = 2 / mp.sqrt(mp.pi) * mp.exp(-s * s) * sigmoid
        bend = x * d * (1 - sigmoid - 2 * s * sigmoid)
        return (
            *(x * g, g + x * d, 2 * d + bend),
            *(abs(g) + abs(x * d), abs(2 * d) + abs(bend)),
        )

    with mp.workdps(DIGITS):
        # Above 40, G is 1 in this precision; below -1e4, everything is 0.
        rows = [at(mp.mpf(min(v, 40.0))) if v > -1e4 else [0] * 5 for v in x]
        columns = np.array(rows, dtype=object).T
        rounded = columns.astype("float64")
        lost = (columns - rounded).astype("float64")
    rounded[0] = np.where(x > 40, x, rounded[0])
    lost[0] = np.where(x > 40, 0.0, lost[0])
    return [*rounded[:3]], [*lost[:3]], [*rounded[3:]]

"""Compares results with exact values."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demos.benchmarks.accuracy.exact import Exact, smallest_normal, to_float64
from demos.benchmarks.accuracy.results import NEAR_ZERO, SYMBOLS, Errors

Array = NDArray[Any]

LIMITS: dict[str, dict[float, float]] = {
    "value": {-math.inf: 0.0, math.inf: math.inf, math.nan: math.nan},
    "derivative": {-math.inf: 0.0, math.inf: 1.0},
    "second_derivative": {},
}


def compare(
    quantity: str, x: Array, y: Array, exact: Exact
) -> dict[str, Errors]:
    """Compares results with the exact values, near zero separately.

    Args:
        quantity: One of `results.QUANTITIES`.
        x: Numbers, finite or not.
        y: The results at `x`, of any dtype.
        exact: The exact values at `x`.

    Returns:
        The errors of `quantity` and, for the value where |x| is normal but
        hardly, those of `results.NEAR_ZERO`.
    """
    size, tiny = np.abs(to_float64(x)), smallest_normal(x)
    near = (size >= tiny) & (size < 64 * tiny)
    if quantity != "value" or not near.any():
        return {quantity: _errors(quantity, x, y, exact)}
    return {
        name: _errors(quantity, x[where], y[where], exact[where])
        for name, where in ((NEAR_ZERO, near), (quantity, ~near))
        if where.any()
    }


def _errors(quantity: str, x: Array, y: Array, exact: Exact) -> Errors:
    x, y = to_float64(x), to_float64(y)
    is_input, is_finite = np.isfinite(x), np.isfinite(y)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(y - exact.values - exact.remainder)
        error = difference / exact.unit
    if not is_finite.all():
        error[~is_finite] = 0.0
    worst = int(np.argmax(error))
    inputs = int(np.count_nonzero(is_input))
    bad = is_input & ~is_finite
    nonfinite = int(np.count_nonzero(bad))
    absolute = is_input & is_finite & np.isinf(exact.unit)
    flushed = np.max(difference, where=absolute, initial=0.0) / exact.allowance
    return Errors(
        inputs=inputs,
        error=float(error[worst]),
        at=float(x[worst]) if error[worst] > 0 else None,
        nonfinite=nonfinite,
        example=float(min(x[bad], key=abs)) if nonfinite else None,
        flushed=float(flushed),
        limits=() if inputs == x.size else _wrong_limits(quantity, x, y),
    )


def _wrong_limits(quantity: str, x: Array, y: Array) -> tuple[str, ...]:
    wrong = []
    for limit, expected in LIMITS[quantity].items():
        at = np.isnan(x) if math.isnan(limit) else x == limit
        right = np.isnan(y) if math.isnan(expected) else y == expected
        if (at & ~right).any():
            result = y[np.argmax(at & ~right)]
            wrong.append(f"{SYMBOLS[quantity]}({limit:g}) = {result:g}")
    return tuple(wrong)

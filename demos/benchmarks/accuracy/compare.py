"""Compares results with exact values."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demos.benchmarks.accuracy.errors import BINS
from demos.benchmarks.accuracy.errors import NEAR_ZERO
from demos.benchmarks.accuracy.errors import SPAN
from demos.benchmarks.accuracy.errors import SYMBOLS
from demos.benchmarks.accuracy.errors import Errors
from demos.benchmarks.accuracy.exact import Exact
from demos.benchmarks.accuracy.exact import is_near_zero
from demos.benchmarks.accuracy.exact import to_float64

Array = NDArray[Any]

LIMITS: dict[str, dict[float, float]] = {
    "value": {-math.inf: 0.0, math.inf: math.inf, math.nan: math.nan},
    "derivative": {-math.inf: 0.0, math.inf: 1.0},
    "second_derivative": {},
}


def compare(
    quantity: str, x: Array, y: Array, exact: Exact, binned: bool = False
) -> Errors:
    """Compares results with the exact values.

    Args:
        quantity: One of `errors.QUANTITIES`.
        x: Numbers, finite or not.
        y: The results at `x`, of any dtype.
        exact: The exact values at `x`.
        binned: Whether to keep the errors by bins of x.
    """
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
        bins=_binned(x, error) if binned else (),
    )


def compare_apart(
    quantity: str, x: Array, y: Array, exact: Exact, binned: bool = False
) -> dict[str, Errors]:
    """Does as `compare`, with the value near zero apart from the rest."""
    near = is_near_zero(x)
    if quantity != "value" or not near.any():
        return {quantity: compare(quantity, x, y, exact, binned)}
    return {
        name: compare(quantity, x[where], y[where], exact[where], binned)
        for name, where in ((NEAR_ZERO, near), (quantity, ~near))
        if where.any()
    }


def _wrong_limits(quantity: str, x: Array, y: Array) -> tuple[str, ...]:
    wrong = []
    for limit, expected in LIMITS[quantity].items():
        at = np.isnan(x) if math.isnan(limit) else x == limit
        right = np.isnan(y) if math.isnan(expected) else y == expected
        if (at & ~right).any():
            result = y[np.argmax(at & ~right)]
            wrong.append(f"{SYMBOLS[quantity]}({limit:g}) = {result:g}")
    return tuple(wrong)


def _binned(x: Array, error: Array) -> tuple[float, ...]:
    low, high = SPAN
    inside = (x >= low) & (x <= high)
    place = ((x[inside] - low) / (high - low) * BINS).astype("int64")
    bins = np.zeros(BINS)
    np.maximum.at(bins, np.minimum(place, BINS - 1), error[inside])
    return tuple(map(float, bins))

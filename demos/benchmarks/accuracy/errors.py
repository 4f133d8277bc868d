"""Errors of results against exact values, and what Serf promises of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from demos.benchmarks import names
from demos.benchmarks.accuracy.exact import Exact, to_float64

Array = NDArray[Any]

SYMBOLS = {"value": "f", "derivative": "f′", "second_derivative": "f″"}
# In the units of the errors. Half a unit is what rounding to a half type takes
# at least; a hundredth is for what comes before. f'' only has to be finite.
PROMISED = {"float32": 4.0, "float16": 0.51, "bfloat16": 0.51, "float64": 8.0}
PROMISES = (
    "f within 4 ulp and f′ within 4 units in float32, 8 and 8 in float64, 0.51 "
    "and 0.51 in the half types, finite results and the right limits"
)
LIMITS: dict[str, dict[float, float]] = {
    "value": {-math.inf: 0.0, math.inf: math.inf, math.nan: math.nan},
    "derivative": {-math.inf: 0.0, math.inf: 1.0},
    "second_derivative": {},
}


@dataclass(frozen=True)
class Errors:
    """The errors of one quantity on some numbers."""

    inputs: int = 0  # How many finite numbers were tried.
    error: float = 0.0  # The largest error of a finite result, in units.
    at: float | None = None  # The number where it occurs.
    nonfinite: int = 0  # How many finite numbers gave NaN or an infinity.
    example: float | None = None  # The smallest of them in size.
    # The largest absolute error where units do not count, over the allowance.
    flushed: float = 0.0
    limits: tuple[str, ...] = ()  # The wrong results at -inf, inf and NaN.

    def __add__(self, other: Self) -> "Errors":
        """Returns the errors on the numbers of both."""
        worse = self if self.error >= other.error else other
        examples = [e for e in (self.example, other.example) if e is not None]
        return Errors(
            inputs=self.inputs + other.inputs,
            error=worse.error,
            at=worse.at,
            nonfinite=self.nonfinite + other.nonfinite,
            example=min(examples, key=abs, default=None),
            flushed=max(self.flushed, other.flushed),
            limits=tuple(sorted({*self.limits, *other.limits})),
        )

    def __str__(self) -> str:
        """The largest error and where it occurs."""
        at = "" if self.at is None else f" at {self.at:.5g}"
        return f"{self.error:.4g}{at}"


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


@dataclass
class Result:
    """The errors of an activation on a backend, in a mode and a dtype."""

    backend: str
    version: str  # Package and version of what runs it.
    activation: str  # `names.SERF` or `names.COMPOSED`.
    mode: str
    dtype: str
    errors: dict[str, Errors] = field(default_factory=dict)  # By quantity.
    reason: str = ""  # Why it was not measured, or not on all numbers.

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Makes a result of what `dataclasses.asdict` made of one."""
        errors = {
            name: Errors(**{**values, "limits": tuple(values["limits"])})
            for name, values in content["errors"].items()
        }
        return cls(**{**content, "errors": errors})


def broken(results: Sequence[Result]) -> dict[str, list[str]]:
    """Returns the promises that Serf does not keep, and where."""
    places: dict[str, list[str]] = {}
    for each in results:
        if each.activation != names.SERF:
            continue
        lines = []
        if each.errors and each.reason:
            lines.append(f"not all numbers were tried ({each.reason})")
        for name, errors in each.errors.items():
            symbol, promised = SYMBOLS[name], PROMISED[each.dtype]
            if name != "second_derivative" and errors.error > promised:
                lines.append(
                    f"the error of {symbol} is {errors}, "
                    f"{promised:.4g} promised"
                )
            if errors.nonfinite:
                lines.append(
                    f"{symbol} is not finite for {errors.nonfinite:,} "
                    f"finite x, such as {errors.example:.5g}"
                )
            if errors.flushed > 1:
                lines.append(
                    f"the error of {symbol} where e^x, x or f is subnormal is "
                    f"{errors.flushed:.3g} times that of flushing to zero"
                )
            lines += errors.limits
        for line in lines:
            place = f"{each.backend}, {each.mode}, {each.dtype}"
            places.setdefault(line, []).append(place)
    return places


def verdict(results: Sequence[Result]) -> str:
    """Says in one sentence whether Serf keeps its promises."""
    ours = [r for r in results if r.activation == names.SERF and r.errors]
    if not ours:
        return "Serf was not measured."
    places = broken(results)
    if not places:
        return (
            f"Serf keeps its promises in all {len(ours)} combinations of "
            f"backend, mode and dtype that were measured: {PROMISES}."
        )
    parts = [f"{what} ({' and '.join(at)})" for what, at in places.items()]
    return f"Serf does not keep its promises ({PROMISES}): {'; '.join(parts)}."

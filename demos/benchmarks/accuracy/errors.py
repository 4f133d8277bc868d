"""Errors of results, and the error bounds that Serf guarantees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from demos.benchmarks import names

SYMBOLS = {"value": "f", "derivative": "f′", "second_derivative": "f″"}
# Bounds in units of the errors. Rounding to a half type costs at least half a
# unit; a hundredth allows for earlier errors. f'' only has to be finite.
PROMISED = {"float32": 4.0, "float16": 0.51, "bfloat16": 0.51, "float64": 8.0}
PROMISES = (
    "f within 4 ulp and f′ within 4 units in float32, 8 and 8 in float64, 0.51 "
    "and 0.51 in the half types, finite results and the right limits"
)


@dataclass(frozen=True)
class Errors:
    """The errors of one quantity on some numbers."""

    inputs: int = 0  # Number of finite inputs.
    error: float = 0.0  # The largest error of a finite result, in units.
    at: float | None = None  # The input where it occurs.
    nonfinite: int = 0  # Number of finite inputs that gave NaN or infinity.
    example: float | None = None  # The one with the smallest absolute value.
    # Largest absolute error in subnormal regions, relative to the allowance.
    flushed: float = 0.0
    limits: tuple[str, ...] = ()  # Wrong results at -inf, inf and NaN.

    def __add__(self, other: Self) -> "Errors":
        """Returns the errors on the inputs of both."""
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


@dataclass
class Result:
    """The errors of an activation on a backend, in a mode and a dtype."""

    backend: str
    version: str  # Package and version of the framework or runtime.
    activation: str  # `names.SERF` or `names.COMPOSED`.
    mode: str
    dtype: str
    errors: dict[str, Errors] = field(default_factory=dict)  # By quantity.
    reason: str = ""  # Why it was not measured, or not on all inputs.

    def add(self, errors: Mapping[str, Errors], reason: str) -> None:
        """Adds errors on more inputs, and the reason if some are missing."""
        for name, found in errors.items():
            self.errors[name] = self.errors.get(name, Errors()) + found
        self.reason = self.reason or reason


def broken(results: Sequence[Result]) -> dict[str, list[str]]:
    """Returns violations of the bounds, and where they occur."""
    places: dict[str, list[str]] = {}
    for each in results:
        if each.activation != names.SERF:
            continue
        lines = []
        if each.errors and each.reason:
            lines.append(f"not all inputs were tried ({each.reason})")
        for name, errors in each.errors.items():
            symbol, promised = SYMBOLS[name], PROMISED[each.dtype]
            if name != "second_derivative" and errors.error > promised:
                lines.append(
                    f"the error of {symbol} is {errors}, "
                    f"above the bound {promised:.4g}"
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
    """Describes in one sentence whether Serf meets its error bounds."""
    ours = [r for r in results if r.activation == names.SERF and r.errors]
    if not ours:
        return "Serf was not measured."
    places = broken(results)
    if not places:
        return (
            f"Serf meets its error bounds in all {len(ours)} measured "
            f"combinations of backend, mode and dtype: {PROMISES}."
        )
    parts = [f"{what} ({' and '.join(at)})" for what, at in places.items()]
    return f"Serf violates its error bounds ({PROMISES}): {'; '.join(parts)}."

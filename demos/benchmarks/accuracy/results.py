"""Errors of results, and what Serf promises about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from demos.benchmarks import names

QUANTITIES = ("value", "derivative", "second_derivative")
NEAR_ZERO = "near zero"  # The value again, at the smallest normal x.
SYMBOLS = {
    "value": "f",
    "derivative": "f′",
    "second_derivative": "f″",
    NEAR_ZERO: "f near 0",
}
# In the units of the errors. Half a unit is what rounding to a half type takes
# at least; a hundredth is for what comes before. f'' only has to be finite.
PROMISED = {"float32": 4.0, "float16": 0.51, "bfloat16": 0.51, "float64": 8.0}
PROMISES = (
    "f within 4 ulp and f′ within 4 units in float32, 8 and 8 in float64, 0.51 "
    "and 0.51 in the half types, finite results and the right limits"
)


@dataclass(frozen=True)
class Errors:
    """The errors of one quantity on some numbers.

    Attributes:
        inputs: How many finite numbers were tried.
        error: The largest error of a finite result, in units.
        at: The number where it occurs.
        nonfinite: How many finite numbers gave NaN or an infinity.
        example: The smallest of them in size.
        flushed: The largest absolute error where units do not count, relative
            to the allowance.
        limits: The wrong results at -inf, inf and NaN.
    """

    inputs: int = 0
    error: float = 0.0
    at: float | None = None
    nonfinite: int = 0
    example: float | None = None
    flushed: float = 0.0
    limits: tuple[str, ...] = ()

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


@dataclass
class Result:
    """The errors of an activation on a backend, in a mode and a dtype.

    Attributes:
        backend: The Keras backend.
        version: Package and version of what runs it.
        activation: `names.SERF` or `names.COMPOSED`.
        mode: The execution mode.
        dtype: The dtype.
        errors: By quantity; filled during the measurement.
        reason: Why it was not measured, or not on all numbers.
    """

    backend: str
    version: str
    activation: str
    mode: str
    dtype: str
    errors: dict[str, Errors] = field(default_factory=dict)
    reason: str = ""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Makes a result of what `dataclasses.asdict` made of one."""
        errors = {
            name: Errors(**{**values, "limits": tuple(values["limits"])})
            for name, values in content["errors"].items()
        }
        return cls(**{**content, "errors": errors})


def broken(results: Sequence[Result]) -> list[str]:
    """Lists the promises that Serf does not keep, a line for each."""
    lines = []
    for each in results:
        if each.activation != names.SERF:
            continue
        where = f"{each.backend}, {each.mode}, {each.dtype}: "
        if each.errors and each.reason:
            lines.append(f"{where}not all numbers were tried ({each.reason})")
        for name, errors in each.errors.items():
            symbol, promised = SYMBOLS[name], PROMISED[each.dtype]
            if name != "second_derivative" and errors.error > promised:
                lines.append(
                    f"{where}the error of {symbol} is {errors}, "
                    f"{promised:.4g} promised"
                )
            if errors.nonfinite:
                lines.append(
                    f"{where}{symbol} is not finite for {errors.nonfinite:,} "
                    f"finite x, such as {errors.example:.5g}"
                )
            if errors.flushed > 1:
                lines.append(
                    f"{where}the error of {symbol} where e^x, x or f is "
                    f"subnormal is {errors.flushed:.3g} times that of flushing "
                    "to zero"
                )
            lines += [f"{where}{limit}" for limit in errors.limits]
    return lines


def verdict(results: Sequence[Result]) -> str:
    """Says in one sentence whether Serf keeps its promises."""
    ours = [r for r in results if r.activation == names.SERF and r.errors]
    if not ours:
        return "Serf was not measured."
    places: dict[str, list[str]] = {}
    for line in broken(results):
        where, _, what = line.partition(": ")
        places.setdefault(what, []).append(where)
    if not places:
        return (
            f"Serf keeps its promises in all {len(ours)} combinations of "
            f"backend, mode and dtype that were measured: {PROMISES}."
        )
    parts = [f"{what} ({' and '.join(at)})" for what, at in places.items()]
    return f"Serf does not keep its promises ({PROMISES}): {'; '.join(parts)}."

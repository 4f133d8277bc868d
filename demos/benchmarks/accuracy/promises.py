"""What Serf promises about its errors, and whether it keeps that."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from demos.benchmarks.accuracy.errors import SYMBOLS
from demos.benchmarks.accuracy.errors import Errors
from demos.benchmarks.names import SERF

# In the units of the errors. Half a unit is what rounding to a half type takes
# at least; a hundredth is for what comes before. f'' only has to be finite.
PROMISED = {"float32": 4.0, "float16": 0.51, "bfloat16": 0.51, "float64": 8.0}


@dataclass(frozen=True)
class Result:
    """The errors of an activation on a backend, in a mode and a dtype.

    Attributes:
        backend: The Keras backend.
        version: Package and version of what runs it.
        source: Package and version that the activation comes from.
        activation: Its name.
        mode: The execution mode.
        dtype: The dtype.
        errors: By quantity.
        reason: Why it was not measured, or not on all numbers.
    """

    backend: str
    version: str
    source: str
    activation: str
    mode: str
    dtype: str
    errors: Mapping[str, Errors] = field(default_factory=dict)
    reason: str = ""


def result(content: Mapping[str, Any]) -> Result:
    """Reads what `measure` has sent as JSON, which has no tuples."""
    values = {**content, **content["subject"]}
    del values["subject"]
    values["errors"] = {
        name: Errors(
            **{**e, "limits": tuple(e["limits"]), "bins": tuple(e["bins"])}
        )
        for name, e in content["errors"].items()
    }
    return Result(**values)


def broken(results: Sequence[Result]) -> list[str]:
    """Lists the promises that Serf does not keep, a line for each."""
    lines = []
    for each in results:
        if each.activation != SERF:
            continue
        where = f"{each.backend}, {each.mode}, {each.dtype}: "
        if each.errors and each.reason:
            lines.append(f"{where}not all numbers were tried ({each.reason})")
        for name, errors in each.errors.items():
            symbol, promised = SYMBOLS[name], PROMISED[each.dtype]
            if name != "second_derivative" and errors.error > promised:
                lines.append(
                    f"{where}the error of {symbol} is {error_text(errors)}, "
                    f"{promised:.4g} promised"
                )
            if errors.nonfinite:
                lines.append(
                    f"{where}{symbol} is not finite for {errors.nonfinite:,} "
                    f"finite x, such as {number_text(errors.example)}"
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
    ours = [each for each in results if each.activation == SERF and each.errors]
    promises = (
        "f within 4 ulp and f′ within 4 units in float32, 8 and 8 in float64, "
        "0.51 and 0.51 in the half types, finite results and the right limits"
    )
    lines = broken(results)
    if not ours:
        return "Serf was not measured."
    if not lines:
        return (
            f"Serf keeps its promises in all {len(ours)} combinations of "
            f"backend, mode and dtype that were measured: {promises}."
        )
    places: dict[str, list[str]] = {}
    for line in lines:
        where, _, what = line.partition(": ")
        places.setdefault(what, []).append(where)
    parts = [f"{what} ({' and '.join(p)})" for what, p in places.items()]
    return f"Serf does not keep its promises ({promises}): {'; '.join(parts)}."


def error_text(errors: Errors) -> str:
    """Returns the largest error and where it occurs."""
    if errors.at is None:
        return f"{errors.error:.4g}"
    return f"{errors.error:.4g} at {number_text(errors.at)}"


def number_text(x: float | None) -> str:
    """Returns a number in few digits."""
    return "" if x is None else f"{x:.5g}"

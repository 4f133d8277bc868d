"""Runs the benchmark on one backend after another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demos.benchmarks import backends
from demos.benchmarks.accuracy.errors import Result, broken
from demos.benchmarks.accuracy.options import AccuracyOptions
from demos.benchmarks.accuracy.report import write
from demos.common.errors import UnfinishedError

MEASURE = "demos.benchmarks.accuracy.measure"


def run(options: AccuracyOptions, chosen: Sequence[str], folder: Path) -> int:
    """Measures everything, prints and writes the report.

    Returns the exit code: 0 if Serf keeps its promises, otherwise 1.

    Raises:
        UnfinishedError: Nothing could be measured.
    """
    results: list[Result] = []
    environments: list[dict[str, Any]] = []

    def add(kind: str, content: Any) -> None:
        if kind == "environment":
            environments.append(content)
        else:
            results.append(Result.from_json(content))

    failures, interrupted = backends.run(
        *(MEASURE, dict.fromkeys(chosen, options), folder / "logs"),
        *("blocks of numbers", add),
        threads=1,  # What is measured is the same with more.
    )
    if not any(each.errors for each in results):
        raise UnfinishedError(
            "nothing was measured: " + ("; ".join(failures) or "interrupted")
        )
    print(write(folder, environments, results))
    code = backends.finish(folder, failures, interrupted)
    return code or int(bool(broken(results)))

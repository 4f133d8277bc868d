"""Runs the benchmark on one backend after another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demos.benchmarks import backends
from demos.benchmarks.accuracy.options import AccuracyOptions
from demos.benchmarks.accuracy.promises import Result
from demos.benchmarks.accuracy.promises import broken
from demos.benchmarks.accuracy.promises import result
from demos.benchmarks.accuracy.report import write
from demos.common.errors import UnfinishedError

MEASURE = "demos.benchmarks.accuracy.measure"


def run(options: AccuracyOptions, names: Sequence[str], folder: Path) -> int:
    """Measures the backends one after another, prints and writes the report.

    Args:
        options: The options of the command.
        names: The installed backends.
        folder: The output folder.

    Returns:
        The exit code: 0 if Serf keeps its promises, otherwise 1.

    Raises:
        UnfinishedError: Nothing could be measured.
    """
    results: list[Result] = []

    def add(kind: str, content: Any) -> None:
        results.append(result(content))

    failures, interrupted = backends.run(
        *(MEASURE, dict.fromkeys(names, options), folder / "logs"),
        *("numbers", add),
        threads=1,  # What is measured is the same with more.
    )
    if not any(each.errors for each in results):
        raise UnfinishedError(
            "nothing was measured: " + ("; ".join(failures) or "interrupted")
        )
    print(write(folder, results))
    code = backends.finish(folder, failures, interrupted)
    return code or int(bool(broken(results)))

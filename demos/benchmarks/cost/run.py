"""Runs the benchmark on one backend after another."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from demos.benchmarks import backends
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.report import write
from demos.benchmarks.cost.types import Findings
from demos.common.machine import cores

MEASURE = "demos.benchmarks.cost.measure"
QUICK_SIZE = 1000
# glibc keeps what is freed, up to its limit of 32 MB an array; otherwise page
# faults would add to all times, and blur the ratios.
MALLOC: dict[str, Any] = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
}


def run(options: CostOptions, names: Sequence[str], folder: Path) -> int:
    """Measures the backends one after another, prints and writes the report.

    Args:
        options: The options of the command.
        names: The installed backends.
        folder: The output folder.

    Returns:
        The exit code: 1 if a backend could not be measured, otherwise 0.
    """
    if options.quick:
        size = min(options.size, QUICK_SIZE)
        options = replace(
            options,
            size=size,
            sizes=(size,),
            dtypes=options.dtypes[:1],
            seconds=min(options.seconds, 0.1),
        )
    findings = Findings()
    with tempfile.TemporaryDirectory() as cache, _on_cores(options.threads):
        failures, interrupted = backends.run(
            *(MEASURE, dict.fromkeys(names, options), folder / "logs"),
            *("cells", findings.add),
            # torch.compile shall find nothing that an earlier run compiled.
            TORCHINDUCTOR_CACHE_DIR=cache,
            **MALLOC,
        )
    findings.failures += failures
    if findings.timings or findings.kept:
        print(write(folder, options, findings))
    else:
        print(*findings.failures, sep="\n", file=sys.stderr)
    return backends.finish(folder, failures, interrupted)


@contextlib.contextmanager
def _on_cores(count: int | None) -> Iterator[None]:
    """Restricts the processes that are started to a number of cores."""
    if count is None:
        yield
        return
    before = cores()
    os.sched_setaffinity(0, before[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)

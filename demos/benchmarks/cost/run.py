"""Runs the benchmark on one backend after another."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from demos.benchmarks import backends, names
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.plan import Cell, effort_of, fresh_plan
from demos.benchmarks.cost.report import Findings, write
from demos.common.errors import UserError
from demos.common.progress import progress_bar

MEASURE = "demos.benchmarks.cost.measure"
FRESH = "demos.benchmarks.cost.fresh"
QUICK_SIZE = 1000
# glibc keeps what is freed, up to its limit of 32 MB an array; otherwise page
# faults would add to all times, and blur the ratios.
MALLOC: dict[str, Any] = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
}


def run(options: CostOptions, chosen: Sequence[str], folder: Path) -> int:
    """Measures the backends one after another, prints and writes the report.

    Returns the exit code: 1 if a backend could not be measured, otherwise 0.
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
    logs = folder / "logs"
    failures, interrupted = backends.run(
        *(MEASURE, dict.fromkeys(chosen, options), logs),
        *("cells", findings.add),
        **MALLOC,
    )
    try:
        for backend in () if interrupted else chosen:
            _measure_fresh(options, backend, logs, findings)
    except KeyboardInterrupt:
        interrupted = True
    findings.failures += failures
    if findings.timings or findings.kept or findings.lengths:
        print(write(folder, options, findings))
    else:
        print(*findings.failures, sep="\n", file=sys.stderr)
    return backends.finish(folder, failures, interrupted)


def _measure_fresh(
    options: CostOptions, backend: str, logs: Path, findings: Findings
) -> None:
    """Measures what needs a new process for each number."""
    tasks = fresh_plan(options, backend)
    log = logs / f"{backend}.txt"
    first_steps: dict[tuple[Cell, str], list[float]] = {}
    with progress_bar(len(tasks), "processes", desc=backend) as bar:
        for task in tasks:
            what = f"{backend}: {task.work} {task.mode}: {task.activation}"
            bar.set_description_str(what)
            # torch.compile shall find nothing that was compiled before.
            with (
                tempfile.TemporaryDirectory() as cache,
                backends.child(
                    *(FRESH, backend, log), TORCHINDUCTOR_CACHE_DIR=cache
                ) as process,
            ):
                try:
                    result = process.call(task)
                except UserError as error:
                    findings.failures.append(f"{what}: {error}")
                    continue
                finally:
                    bar.update()
            if task.work == names.FIRST_STEP:
                cell = Cell(backend, task.work, task.mode)
                place = cell, task.activation
                first_steps.setdefault(place, []).append(result["seconds"])
            else:
                task_of = {"backend": backend, "work": task.work}
                task_of |= {"activation": task.activation}
                findings.add("lengths", task_of | result)
    for (cell, activation), seconds in first_steps.items():
        if len(seconds) == effort_of(options).fresh_rounds:
            timing = {"activation": activation, "seconds": seconds}
            findings.add("timings", asdict(cell) | timing)

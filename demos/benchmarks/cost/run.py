"""Runs the benchmark on one backend after another."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from demos.benchmarks import names
from demos.benchmarks.backends import calls
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.plan import Cell, effort_of, fresh_plan, plan
from demos.benchmarks.cost.report import Findings, write

MEASURE = "demos.benchmarks.cost.measure"
FRESH = "demos.benchmarks.cost.fresh"
QUICK_SIZE = 1000
# glibc keeps freed memory, up to its limit of 32 MB per array. Otherwise, page
# faults would add to all times and distort the ratios.
MALLOC: dict[str, Any] = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
}


def run(options: CostOptions, chosen: Sequence[str], folder: Path) -> int:
    """Measures the backends one after another, prints and writes the report.

    Returns the exit code: 1 if a backend could not be measured, otherwise 0.
    """
    if options.quick:
        size, dtypes = min(*options.sizes, QUICK_SIZE), options.dtypes[:1]
        options = replace(options, sizes=(size,), dtypes=dtypes)
    findings = Findings()
    tasks = {backend: plan(options, backend) for backend in chosen}
    found = calls(MEASURE, tasks, folder, findings, **MALLOC)
    for backend, task, records in found:
        if isinstance(records, Exception):
            records = [("unmeasured", f"{backend}: {task}: {records}")]
        for kind, record in records:
            getattr(findings, kind).append(record)
    if not findings.interrupted:
        _measure_fresh(options, chosen, folder, findings)
    if findings.timings or findings.kept or findings.lengths:
        print(write(folder, options, findings))
    else:
        print(*findings.unmeasured, sep="\n", file=sys.stderr)
    return findings.finish(folder)


def _measure_fresh(
    options: CostOptions,
    chosen: Sequence[str],
    folder: Path,
    findings: Findings,
) -> None:
    """Runs the measurements that need a new process each."""
    tasks = {backend: fresh_plan(options, backend) for backend in chosen}
    first_steps: dict[tuple[Cell, str], list[float]] = {}
    # torch.compile would reuse what it has compiled before.
    cold: dict[str, Any] = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
    for backend, task, found in calls(
        FRESH, tasks, folder, findings, fresh=True, **cold
    ):
        (name,) = task.activations
        if isinstance(found, Exception):
            findings.unmeasured.append(f"{backend}: {task}: {found}")
            continue
        seconds, mebibytes = found
        if task.cell.work == names.FIRST_STEP:
            first_steps.setdefault((task.cell, name), []).append(seconds)
        else:
            record = {"backend": backend, "work": task.cell.work}
            record |= {"activation": name, "seconds": seconds}
            findings.lengths.append(record | {"mebibytes": mebibytes})
    for (cell, name), times in first_steps.items():
        if len(times) == effort_of(options).fresh_rounds:  # No failures.
            timing = {"activation": name, "seconds": times}
            findings.timings.append(asdict(cell) | timing)

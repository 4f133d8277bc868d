"""Runs the trials on one backend after another."""

from collections.abc import Sequence
from pathlib import Path

from demos.benchmarks.backends import Outcome, calls
from demos.benchmarks.export.options import ExportOptions
from demos.benchmarks.export.report import write
from demos.benchmarks.export.targets import TARGETS
from demos.benchmarks.export.trials import (
    CONTROL,
    FAILS,
    INTEGER_ACTIVATIONS,
    RANGES,
    SERF,
    Trial,
    TrialResult,
    cells,
)

ATTEMPT = "demos.benchmarks.export.attempt"


def run(options: ExportOptions, chosen: Sequence[str], folder: Path) -> int:
    """Runs all trials on the backends, prints and writes the report.

    Returns the exit code: 1 if Serf fails where ReLU works, or if a backend
    could not be tested; otherwise 0.
    """
    outcome = Outcome()
    results: dict[Trial, TrialResult] = {}
    trials = {backend: plan(options, backend) for backend in chosen}
    for _, trial, result in calls(ATTEMPT, trials, folder, outcome):
        if not isinstance(result, TrialResult):  # Its process died.
            result = TrialResult(reason=str(result))
        results[trial] = result
    if results:
        print(write(folder, results, outcome.failures))
    code = outcome.finish(folder)
    return code or int(any(c.verdict == FAILS for c in cells(results)))


def plan(options: ExportOptions, backend: str) -> list[Trial]:
    """Lists the trials of a backend."""
    models = tuple(dict.fromkeys(options.models))
    models = models[:1] if options.quick else models
    whole = [(model, name) for model in models for name in (SERF, CONTROL)]
    alone = [(span, name) for span in RANGES for name in INTEGER_ACTIVATIONS]
    return [
        Trial(backend, name, model, activation)
        for name in dict.fromkeys(options.formats)
        if backend in TARGETS[name].backends
        for model, activation in (alone if TARGETS[name].is_integer else whole)
    ]

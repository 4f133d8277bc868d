"""Makes the trials on one backend after another."""

from collections.abc import Sequence
from pathlib import Path

from demos.benchmarks import backends
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
from demos.common.errors import UserError
from demos.common.progress import progress_bar
from demos.common.subprocesses import EndedEarlyError

ATTEMPT = "demos.benchmarks.export.attempt"


def run(options: ExportOptions, chosen: Sequence[str], folder: Path) -> int:
    """Makes all trials on the backends, prints and writes the report.

    Returns the exit code: 1 if ReLU works somewhere and Serf does not, or a
    backend could not be tried; otherwise 0.
    """
    results: dict[Trial, TrialResult] = {}
    failures: list[str] = []
    logs = folder / "logs"
    backends.make_folder(logs)
    interrupted = False
    try:
        for backend in chosen:
            log = logs / f"{backend}.txt"
            try:
                try_backend(backend, plan(options, backend), log, results)
            except UserError as error:  # The backend does not start.
                failures.append(f"{backend}: {error}; see {log}")
    except KeyboardInterrupt:
        interrupted = True
    if results:
        print(write(folder, results, failures))
    code = backends.finish(folder, failures, interrupted)
    return code or int(any(c.verdict == FAILS for c in cells(results)))


def plan(options: ExportOptions, backend: str) -> list[Trial]:
    """Lists what to try on a backend."""
    models = tuple(dict.fromkeys(options.models))
    models = models[:1] if options.quick else models
    formats = [
        name
        for name in dict.fromkeys(options.formats)
        if backend in TARGETS[name].backends
    ]
    return [
        Trial(backend, name, model, activation)
        for name in formats
        for model in (RANGES if TARGETS[name].is_integer else models)
        for activation in (
            INTEGER_ACTIVATIONS if TARGETS[name].is_integer else (SERF, CONTROL)
        )
    ]


def try_backend(
    backend: str,
    trials: Sequence[Trial],
    log: Path,
    results: dict[Trial, TrialResult],
) -> None:
    """Makes the trials of a backend; the results are added as they come.

    A trial that kills its process is one that failed; another process makes the
    next one.
    """
    with (
        progress_bar(len(trials), "trials", desc=backend) as bar,
        backends.child(ATTEMPT, backend, log) as process,
    ):
        for trial in trials:
            label = TARGETS[trial.format].label
            bar.set_description_str(
                f"{backend}: {label}, {trial.model}, {trial.activation}"
            )
            try:
                results[trial] = TrialResult(**process.call(trial))
            except EndedEarlyError as error:
                results[trial] = TrialResult(reason=str(error))
            bar.update()

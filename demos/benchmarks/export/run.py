"""Makes the trials on one backend after another."""

from collections.abc import Sequence
from pathlib import Path

from demos.benchmarks import backends, names
from demos.benchmarks.export.formats import FORMATS
from demos.benchmarks.export.options import ExportOptions
from demos.benchmarks.export.report import write
from demos.benchmarks.export.types import (
    CONTROL,
    FAILS,
    Findings,
    Trial,
    TrialResult,
)
from demos.common.errors import UserError
from demos.common.progress import progress_bar
from demos.common.subprocesses import EndedEarlyError

ATTEMPT = "demos.benchmarks.export.attempt"


def run(options: ExportOptions, names: Sequence[str], folder: Path) -> int:
    """Makes all trials, prints and writes the report.

    Args:
        options: The options of the command.
        names: The installed backends.
        folder: The output folder.

    Returns:
        The exit code: 1 if ReLU works somewhere and Serf does not, or a backend
        could not be tried; otherwise 0.
    """
    findings = Findings()
    logs = folder / "logs"
    backends.make_folder(logs)
    interrupted = False
    try:
        for name in names:
            log = logs / f"{name}.txt"
            try_backend(name, plan(options, name), log, findings)
    except KeyboardInterrupt:
        interrupted = True
    if findings.cells:
        print(write(folder, findings))
    code = backends.finish(folder, findings.failures, interrupted)
    return code or int(any(c.verdict == FAILS for c in findings.cells))


def plan(options: ExportOptions, backend: str) -> list[Trial]:
    """Lists what to try on a backend."""
    models = tuple(dict.fromkeys(options.models))
    return [
        Trial(backend, name, model, activation)
        for name in dict.fromkeys(options.formats)
        if backend in FORMATS[name].backends
        for model in (models[:1] if options.quick else models)
        for activation in (names.SERF, CONTROL)
    ]


def try_backend(
    backend: str, trials: Sequence[Trial], log: Path, findings: Findings
) -> None:
    """Makes the trials of a backend; the findings are added as they come.

    A trial that kills its process is one that failed; another process makes the
    next one.
    """
    with (
        progress_bar(len(trials), "trials", desc=backend) as bar,
        backends.child(ATTEMPT, backend, log) as process,
    ):
        for trial in trials:
            bar.set_description_str(
                f"{backend}: {FORMATS[trial.format].label}, {trial.model}, "
                f"{trial.activation}"
            )
            try:
                result = TrialResult(**process.call(trial))
            except EndedEarlyError as error:
                result = TrialResult(reason=str(error))
            except UserError as error:  # The backend does not start.
                findings.failures.append(f"{backend}: {error}; see {log}")
                return
            findings.results[trial] = result
            bar.update()

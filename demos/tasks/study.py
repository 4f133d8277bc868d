"""The study of a task: trials, progress, baselines and report."""

import shlex
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from demos.common.errors import UnfinishedError, UserError
from demos.common.keras_config import check_initializer
from demos.common.progress import log
from demos.report.types import Presentation, Report
from demos.report.write import write_report
from demos.study import sweep
from demos.study.executors.executor import Executor
from demos.study.executors.processes import Processes
from demos.study.executors.ray import RayCluster
from demos.study.executors.sequential import SequentialExecutor
from demos.study.progress import Progress
from demos.study.resplit import ResplitTask
from demos.study.study import Study, grid
from demos.study.trial import Task as Trainable
from demos.study.trial import Trial, TrialRecord
from demos.study.tuning import TunedTask, at_the_edge, choose
from demos.tasks.advice import advice, looks
from demos.tasks.options import StudyOptions
from demos.tasks.task import Task

SMOKE_TEST = (
    "Smoke test: little data and 1 epoch. The scores are not meaningful."
)


def run(
    task: Task,
    options: StudyOptions,
    folder: Path,
    check: Callable[[Any], None],
    load: Callable[[int], Task] | None = None,
) -> Report:
    """Tunes (with `--tune`), trains with each activation and seed, and reports.

    Args:
        task: The task.
        options: The command-line options.
        folder: Default folder of the study; the varied options are appended to
            its name. `--out` replaces it.
        check: See `trials_of`.
        load: Function that returns the task with the random split of a seed,
            for `--resplit`.

    Raises:
        UserError: If the folder is not writable or no trial finished.
    """
    axes = sweep.axes(options.vary, task)
    trials = trials_of(task, options, check)
    folder = folder_by(folder, axes)
    trained: Trainable = task
    if options.resplit and load is not None:
        trained = ResplitTask(task, load)
    chosen: dict[str, dict[str, Any]] = {}
    notes = ["Not tuned: all activations have the same settings."]
    if options.tune:
        tuned_axes = sweep.axes(options.tune, task, "--tune")
        if twice := axes.keys() & tuned_axes.keys():
            raise UserError(f"--vary and --tune both name {twice.pop()}")
        tuning = replace(
            options, vary=options.tune, seeds=options.tune_seeds, tune=()
        )
        chosen, notes = tune_settings(
            trained,
            trials_of(task, tuning, check),
            tuned_axes,
            options,
            folder,
            sweep.shared(trained.config(), task, tuned_axes),
        )
        trained = TunedTask(trained, chosen)

    def baselines() -> dict[str, dict[str, float]]:
        if not options.resplit or load is None:
            return task.baselines()
        found = [load(seed).baselines() for seed in options.seeds]
        return {
            name: {
                metric: fmean(one[name][metric] for one in found)
                for metric in metrics
            }
            for name, metrics in found[0].items()
        }

    return conduct(
        trained,
        trials,
        options,
        folder,
        sweep.shared(trained.config(), task, axes),
        task.describe(),
        baselines,
        task.presentation,
        notes,
        chosen,
        # They train the model without varied options.
        {}
        if axes or chosen
        else task.baseline_trials(options.activations, options.seeds[0]),
    )


def tune_settings(
    task: Trainable,
    trials: Sequence[Trial],
    axes: Mapping[str, Sequence[Any]],
    options: StudyOptions,
    folder: Path,
    config: Mapping[str, Any],
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Chooses the settings of each activation on the validation split.

    The tuning is a separate study in its own folder, and resumes like any
    study.

    Args:
        task: The task, which trains and scores one model.
        trials: Trials of all values with all tuning seeds.
        axes: The values by name.
        options: The output folder and the executor.
        folder: Default folder of the study; `--out` replaces it.
        config: The config that the tuning trials share.

    Returns:
        Settings by activation, and notes.

    Raises:
        UserError: If the folder is not writable, or no trial of an activation
            finished.
    """
    usual = folder.with_name(f"{folder.name}-tuning")
    study = Study(
        task,
        options.out / "tuning" if options.out else usual,
        config,
        options.tensorboard,
        renames=options.out is None,
    )
    pending = study.pending(trials)
    log(
        f"{study.folder}: tuning, {len(trials) - len(pending)} of "
        f"{len(trials)} trials already finished, {len(pending)} to run"
    )
    with Progress(len(pending), most_epochs(task, trials)) as progress:
        records = study.run(trials, progress, executor(options))
    chosen = choose(records, task.objective)
    told = "; ".join(
        f"{activation} {', '.join(f'{k} {v}' for k, v in settings.items())}"
        for activation, settings in chosen.items()
    )
    values = " x ".join(str(len(values)) for values in axes.values())
    note = (
        f"Tuned for each activation on the validation split ({values} values, "
        f"{len(options.tune_seeds)} other seeds): {told}."
    )
    log(note)
    return chosen, [note, *at_the_edge(chosen, axes)]


def most_epochs(task: Trainable, trials: Sequence[Trial]) -> int:
    """Returns the largest number of epochs of a trial."""
    return max(t.settings.get("epochs", task.epochs) for t in trials)


def trials_of(
    task: Task, options: StudyOptions, check: Callable[[Any], None]
) -> list[Trial]:
    """Returns the trials of a study; raises UserError if a value is invalid.

    `check` raises UserError if the (varied) options of a task are invalid.
    """
    axes = sweep.axes(options.vary, task)
    trials = grid({"activation": options.activations, **axes}, options.seeds)
    for settings in {str(t.settings): t.settings for t in trials}.values():
        varied = sweep.apply_overrides(task, settings)
        check(varied)
        varied.check(axes)
        check_initializer(varied.model.initializer)
    return trials


def folder_by(folder: Path, axes: Collection[str]) -> Path:
    """Appends the varied options to the name of a study's folder.

    Example:

    >>> folder_by(Path("reviews"), ["layers", "dropout"]).name
    'reviews-by-layers-dropout'
    """
    if not axes:
        return folder
    return folder.with_name("-".join([folder.name, "by", *axes]))


def conduct(
    task: Trainable,
    trials: Sequence[Trial],
    options: StudyOptions,
    folder: Path,
    config: Mapping[str, Any],
    description: str,
    baselines: Callable[[], Mapping[str, Mapping[str, float]]],
    presentation: Callable[[Path, Sequence[TrialRecord]], Presentation],
    notes: Sequence[str],
    chosen: Mapping[str, Mapping[str, Any]],
    baseline_trials: Mapping[str, Trial],
) -> Report:
    """Runs the trials of a study, and writes and returns its report.

    Args:
        task: The task, which trains and scores one model.
        trials: The trials.
        options: The output folder and the executor.
        folder: Default folder of the study; `--out` replaces it.
        config: The config that the trials share.
        description: Description of the data, in one line.
        baselines: Function that scores simple models, by name.
        presentation: Function that returns the presentation of the report, from
            the study's folder and all records.
        notes: Additional notes of the report.
        chosen: Settings that tuning chose, by activation.
        baseline_trials: Additional trials, by the name of their baseline.

    Raises:
        UserError: If the folder is not writable or no trial finished.
    """
    study = Study(
        task,
        options.out or folder,
        config,
        options.tensorboard,
        renames=options.out is None,
    )
    every = [*trials, *baseline_trials.values()]
    pending = study.pending(every)
    log(description)
    log(
        f"{study.folder}: {len(every) - len(pending)} of {len(every)} trials "
        f"already finished, {len(pending)} to run"
    )
    scores = dict(baselines())  # First, to report errors before training.
    with Progress(len(pending), most_epochs(task, trials)) as progress:
        records = study.run(every, progress, executor(options))
    results, baseline_records = records[: len(trials)], records[len(trials) :]
    for name, record in zip(baseline_trials, baseline_records, strict=True):
        if not record.reason:  # The progress has already shown failures.
            scores[name] = record.metrics
    if all(record.reason for record in results):
        raise UnfinishedError(
            f"no trial finished; the first failure: {results[0].reason}"
        )
    try:
        shown = presentation(study.folder, results)
        if options.resplit:  # The pictures show only one split.
            shown = replace(shown, pictures=(), tables=())
        first = [
            *advice(results, shown),
            looks(study.folder, len(options.seeds)),
        ]
        shown = replace(
            shown,
            warnings=(SMOKE_TEST,) if options.quick else (),
            notes=(*filter(None, first), *shown.notes, *notes),
            command=command_line(),
            reference=options.reference,
            # From the unit of the differences, such as points.
            margin=options.margin and options.margin / shown.metrics[0].scale,
            chosen=chosen,
            resplit=options.resplit,
        )
        return write_report(study.folder, results, scores, shown)
    except OSError as error:
        raise UserError(f"{study.folder} is not writable: {error}") from None


def command_line() -> str:
    """Returns the command of this process, if it is a demo."""
    program, *arguments = sys.argv
    if Path(program).parts[-2:] != ("demos", "__main__.py"):
        return ""
    return f"python -m demos {shlex.join(arguments)}"


def executor(options: StudyOptions) -> Executor:
    """Chooses the executor of the trials."""
    if options.engine == "ray":
        return RayCluster(options.address, options.jobs)
    if options.jobs is None or options.jobs == 1:
        return SequentialExecutor()
    return Processes(options.jobs)

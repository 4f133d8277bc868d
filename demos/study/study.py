"""The study engine: runs and resumes trials of all settings and seeds.

It does not depend on any task. A `Task` trains and scores one model. An
executor runs trials, in this process or in others. The study selects the trials
that still have to run, and keeps the best model of each setting. Its folder:

    study.json              the shared config, and its fingerprint
    trials/relu-seed0.json  the record of a trial: settings, versions, metrics
    trials/relu-seed0.*     additional files of that trial
    relu.keras              the model of these settings with the best objective
    ...                     assets that the task saves with the models
    checkpoints/            checkpoints of unfinished trials
    locks/                  locks of running trials, in this process or others
"""

import itertools
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from demos.common.environment import environment
from demos.common.errors import UserError
from demos.common.files import (
    check_writable,
    digest,
    is_regular,
    write_json,
)
from demos.study.executors.executor import Executor
from demos.study.executors.sequential import SequentialExecutor
from demos.study.progress import Progress
from demos.study.runner import Runner
from demos.study.trial import (
    Task,
    Trial,
    TrialRecord,
    best,
    fingerprint_of,
    gather,
    locked,
    read,
    saved_fingerprint,
    saved_study,
    trial_path,
)

RESUMES = "finished trials are kept; run the same command again to resume"
EPOCHS = "no trial has finished; the same command resumes at the last epoch"


class Study:
    """Trials that share a task, and their folder.

    The constructor writes nothing; `run` does.

    Args:
        task: The task, which trains and scores one model.
        folder: Folder of the study.
        config: The config that all trials share; by default the task's config.
        tensorboard: Whether trials write logs for TensorBoard.
        renames: Whether to append the fingerprint to the name of the folder if
            it has another study.

    Raises:
        UserError: If the folder is not writable or has another study.
    """

    def __init__(
        self,
        task: Task,
        folder: Path,
        config: Mapping[str, Any] | None = None,
        tensorboard: bool = False,
        renames: bool = False,
    ) -> None:
        config = task.config() if config is None else config
        self.task = task
        self.environment = environment()
        fingerprint = fingerprint_of(config, self.environment)
        check_writable(folder)
        if renames and saved_fingerprint(folder) not in (None, fingerprint):
            folder = folder.with_name(f"{folder.name}-{fingerprint}")
        self.folder = folder
        self.runner = Runner(
            task, folder.absolute(), config, fingerprint, tensorboard
        )
        self._is_ours()

    def pending(self, trials: Iterable[Trial]) -> list[Trial]:
        """Returns the trials without a record, and the failed ones.

        Raises:
            UserError: If a record is damaged or belongs to another study.
        """
        return [
            trial
            for trial in trials
            if (record := self._read(trial)) is None or record.reason
        ]

    def _read(self, trial: Trial) -> TrialRecord | None:
        record = read(self.folder, trial, self.runner.fingerprint)
        objective = self.task.objective
        if record and not record.reason and objective not in record.metrics:
            raise UserError(
                f"{trial_path(self.folder, trial)} has no {objective}; delete "
                "it to run the trial again"
            )
        return record

    def run(
        self,
        trials: Sequence[Trial],
        progress: Progress,
        executor: Executor | None = None,
    ) -> list[TrialRecord]:
        """Runs the trials that have not finished.

        A failed trial is recorded with its reason, and the others continue.
        Finished trials are kept whenever the run stops. Trials that another
        process runs in the same folder are skipped.

        Args:
            trials: The trials.
            progress: Shows the progress.
            executor: By default, this process runs one trial after another.

        Returns:
            The records of all trials, in their order.

        Raises:
            UserError: If the folder is not writable or has another study.
            KeyboardInterrupt: If it was stopped; the message says what is kept.
        """
        executor = executor or SequentialExecutor()
        failures: dict[str, TrialRecord] = {}
        try:
            self._begin()
            for trial in trials:  # An earlier run may have been killed here.
                self._keep_best(trial)
            left = self.pending(trials)
            records = {trial.name: self._read(trial) for trial in left}
            failed = {name: r for name, r in records.items() if r}
            for wait in (False, True):
                runner = replace(self.runner, wait=wait, failures=failed)
                busy = []
                for trial, record in executor.run(runner, left, progress):
                    if record is None:
                        busy.append(trial)
                        continue
                    if record.reason:  # Perhaps unwritten, if the disk is full.
                        failures[trial.name] = record
                    self._keep_best(trial)
                    progress.trial_ended(record)
                left = busy
        except OSError as error:
            remedy = "choose another folder with --out"
            if self._any_finished(trials):
                remedy = RESUMES
            raise UserError(
                f"{self.folder} is not writable: {error}; {remedy}"
            ) from None
        except KeyboardInterrupt:
            kept = RESUMES if self._any_finished(trials) else EPOCHS
            raise KeyboardInterrupt(f"{kept} ({self.folder})") from None
        results = (
            failures.get(trial.name) or self._read(trial) for trial in trials
        )
        return [record for record in results if record is not None]

    def _is_ours(self) -> bool:
        """Returns whether the folder has this study; False if it has none.

        Raises:
            UserError: If it has another study.
        """
        fingerprint = saved_fingerprint(self.folder)
        if fingerprint not in (None, self.runner.fingerprint):
            raise UserError(
                f"{self.folder} has a study with other data, options or "
                "versions; choose another --out, or delete that folder"
            )
        return fingerprint is not None

    def _begin(self) -> None:
        (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        with locked(self.folder, "study"):
            if self._is_ours() and self._is_intact():
                return
            with tempfile.TemporaryDirectory(
                prefix=".", dir=self.folder
            ) as scratch:
                self.task.save_assets(Path(scratch))
                assets = sorted(Path(scratch).iterdir())
                files = {path.name: digest(path) for path in assets}
                for path in assets:
                    os.replace(path, self.folder / path.name)
            description = {
                "fingerprint": self.runner.fingerprint,
                "objective": self.task.objective,
                "config": self.runner.config,
                "environment": self.environment,
                "files": files,
            }
            write_json(self.folder / "study.json", description)

    def _is_intact(self) -> bool:
        """Returns whether the task's files are those that it saved."""
        files = saved_study(self.folder)["files"]
        return all(
            is_regular(self.folder / name)
            and digest(self.folder / name) == known
            for name, known in files.items()
        )

    def _keep_best(self, trial: Trial) -> None:
        """Moves the trial's model to `<label>.keras`, or deletes it."""
        model = trial_path(self.folder, trial, "keras")
        if not model.exists():
            return
        with locked(self.folder, "study"):
            record = self._read(trial)
            if not model.exists() or record is None or record.reason:
                return
            every = gather(self.folder, self.runner.fingerprint)
            rivals = [r for r in every if r.label == trial.label]
            if best(rivals, self.task.objective).seed == trial.seed:
                os.replace(model, self.folder / f"{trial.label}.keras")
            else:
                model.unlink()

    def _any_finished(self, trials: Sequence[Trial]) -> bool:
        return len(self.pending(trials)) < len(trials)


def grid(
    choices: Mapping[str, Sequence[Any]], seeds: Sequence[int]
) -> list[Trial]:
    """Returns the trials of all combinations of choices and seeds.

    Seeds vary slowest, so a run that stops early includes all settings.

    Example:

    >>> [t.name for t in grid({"activation": ["relu", "serf"]}, [0, 1])]
    ['relu-seed0', 'serf-seed0', 'relu-seed1', 'serf-seed1']
    """
    return [
        Trial(dict(zip(choices, values, strict=True)), seed)
        for seed in seeds
        for values in itertools.product(*choices.values())
    ]

"""The engine of every demo: settings x seeds -> trials, resumed and gathered.

It knows nothing of any task. A `Task` trains and scores one model; an executor
runs trials, in this process or in others; the study decides which are still to
run, and keeps the best model of each setting. Its folder:

    study.json              what all trials share, and its fingerprint
    trials/relu-seed0.json  the record of a trial: settings, versions, metrics
    trials/relu-seed0.*     further files of that trial
    relu.keras              the best model of these settings on the validation
    ...                     what the task itself saves beside the models
    checkpoints/            of trials that have not finished
    locks/                  of trials that run, in this process or in others
"""

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from demos.common.environment import environment
from demos.common.errors import UserError
from demos.common.files import check_writable, write_json
from demos.study.executors.executor import Executor, Observer
from demos.study.executors.sequential import SequentialExecutor
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
    trial_path,
)

RESUMES = "finished trials are kept; run the same command again to resume"
EPOCHS = "no trial has finished; the same command resumes at the last epoch"


class Study:
    """Trials that share a task, and their folder.

    Making one writes nothing; `run` does.

    Args:
        task: Trains and scores one model.
        folder: Where everything is kept.
        config: What all trials share; by default the task's.
        tensorboard: Whether trials write logs for TensorBoard.
        renames: Whether, if the folder holds another study, the fingerprint of
            this one is added to its name.

    Raises:
        UserError: The folder is not writable, or holds another study.
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
        """Returns the trials with no record, or with that of a failure.

        Raises:
            UserError: A record is damaged, or belongs to another study.
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
        observer: Observer,
        executor: Executor | None = None,
    ) -> list[TrialRecord]:
        """Runs the trials that have not finished.

        A trial that fails is recorded with its reason; the others go on.
        Whatever stops the run, finished trials are kept. Trials that another
        process runs in the same folder are left to it.

        Args:
            trials: The trials.
            observer: Is told of the progress.
            executor: Runs them; by default one after another, in this process.

        Returns:
            The records of all trials, in their order.

        Raises:
            UserError: The folder is not writable, or holds another study.
            KeyboardInterrupt: It was stopped; a message says what is kept.
        """
        executor = executor or SequentialExecutor()
        failures: dict[str, TrialRecord] = {}
        try:
            self._begin()
            for trial in trials:  # A kill may have come before this.
                self._keep_best(trial)
            left = self.pending(trials)
            records = {trial.name: self._read(trial) for trial in left}
            failed = {name: r for name, r in records.items() if r}
            for wait in (False, True):
                runner = replace(self.runner, wait=wait, failures=failed)
                busy = []
                for trial, record in executor.run(runner, left, observer):
                    if record is None:
                        busy.append(trial)
                        continue
                    if record.reason:  # The disk may be too full for it.
                        failures[trial.name] = record
                    self._keep_best(trial)
                    observer.trial_ended(record)
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
        """Returns whether the folder holds this study, not none at all.

        Raises:
            UserError: It holds another one.
        """
        fingerprint = saved_fingerprint(self.folder)
        if fingerprint not in (None, self.runner.fingerprint):
            raise UserError(
                f"{self.folder} holds a study with other data, options or "
                "versions; choose another --out, or delete that folder"
            )
        return fingerprint is not None

    def _begin(self) -> None:
        (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        with locked(self.folder, "study"):
            if self._is_ours():
                return
            self.task.save_assets(self.folder)
            description = {
                "fingerprint": self.runner.fingerprint,
                "objective": self.task.objective,
                "config": self.runner.config,
                "environment": self.environment,
            }
            write_json(self.folder / "study.json", description)

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
    """Combines every choice with every other and with every seed.

    Seeds vary slowest, so a run that is stopped early has all settings.

    Args:
        choices: The values of each setting.
        seeds: The seeds.

    Example:

    >>> [t.name for t in grid({"activation": ["relu", "serf"]}, [0, 1])]
    ['relu-seed0', 'serf-seed0', 'relu-seed1', 'serf-seed1']
    """
    return [
        Trial(dict(zip(choices, values, strict=True)), seed)
        for seed in seeds
        for values in itertools.product(*choices.values())
    ]

"""The engine of every demo: settings x seeds -> trials, resumed and gathered.

It knows nothing of any task. A `Task` trains and scores one model; an executor
runs trials, in this process or in others; the study decides which are still to
run, and keeps the best model of each setting. Its folder:

    study.json              what all trials share, and its fingerprint
    trials/relu-seed0.json  one file a trial: settings, versions, metrics, ...
    trials/relu-seed0.*     what else the task has to say of that trial
    relu.keras              the best trial of that setting on the validation
    ...                     what the task itself saves beside the models
    checkpoints/            of trials that are not done yet
    locks/                  so that processes do not get in each other's way
"""

import contextlib
import itertools
import os
import signal
import threading
import time
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Protocol
from typing import Self

from demos.common.environment import environment
from demos.common.environment import fingerprint_of
from demos.common.errors import UserError
from demos.common.files import check_writable
from demos.common.files import write_json
from demos.study.trial import Runner
from demos.study.trial import Task
from demos.study.trial import Trial
from demos.study.trial import TrialRecord
from demos.study.trial import interrupted
from demos.study.trial import kept_fingerprint
from demos.study.trial import locked
from demos.study.trial import read
from demos.study.trial import read_result
from demos.study.trial import record_path


class Observer(Protocol):
    """Who wants to know how far the study is; see `progress.py`.

    It is told one thing at a time, be it from several threads.
    """

    def trial_started(self, trial: Trial) -> None:
        """Says that a trial begins."""
        ...

    def epoch_ended(
        self, trial: Trial, epoch: int, logs: Mapping[str, float]
    ) -> None:
        """Says how many epochs of a trial are done, and their last logs."""
        ...

    def trial_ended(self, result: TrialRecord) -> None:
        """Says how a trial ended."""
        ...


class Executor(Protocol):
    """Who runs trials; see `executors.py`."""

    def run(
        self,
        runner: Runner,
        trials: Sequence[Trial],
        observer: Observer,
        wait: bool,
        since: float,
    ) -> Iterator[tuple[Trial, TrialRecord | None]]:
        """Runs trials, in any order.

        Args:
            runner: Runs one.
            trials: Those to run.
            observer: Is told when one starts, and of its epochs.
            wait: Whether to wait for those that another process runs.
            since: When the study's run began; see `Runner.run`.

        Yields:
            Each trial with its record; with None, only without `wait`, where
            another process runs it.
        """
        ...


class SequentialExecutor:
    """The executor that runs one trial after another in this process."""

    def run(
        self,
        runner: Runner,
        trials: Sequence[Trial],
        observer: Observer,
        wait: bool,
        since: float,
    ) -> Iterator[tuple[Trial, TrialRecord | None]]:
        """Runs trials; see `Executor`."""
        for trial in trials:
            observer.trial_started(trial)

            def on_epoch(
                epoch: int, logs: Mapping[str, float], trial: Trial = trial
            ) -> None:
                observer.epoch_ended(trial, epoch, logs)

            with _heeding_interrupts():
                result = runner.run(trial, on_epoch, wait, since)
            yield trial, result


class _OneByOne:
    """Tells an observer one thing at a time, whichever thread has it to say."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.Lock()

    def trial_started(self, trial: Trial) -> None:
        with self._lock:
            self._observer.trial_started(trial)

    def epoch_ended(
        self, trial: Trial, epoch: int, logs: Mapping[str, float]
    ) -> None:
        with self._lock:
            self._observer.epoch_ended(trial, epoch, logs)

    def trial_ended(self, result: TrialRecord) -> None:
        with self._lock:
            self._observer.trial_ended(result)


@contextlib.contextmanager
def _heeding_interrupts() -> Iterator[None]:
    """Notes that Ctrl-C was pressed, for a framework may swallow the error."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return

    def handle(number: int, frame: Any) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    interrupted.clear()
    signal.signal(signal.SIGINT, handle)
    try:
        yield
        if interrupted.is_set():
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupted.clear()


class Study:
    """Trials that share a task, and the folder that keeps them.

    Making one writes nothing; `run` does.

    Args:
        task: What a trial trains and scores.
        folder: Where everything is kept.
        config: What all trials share; by default the task's.
        tensorboard: Whether trials write logs for TensorBoard.

    Raises:
        UserError: The folder cannot be written, or keeps another study.
    """

    def __init__(
        self,
        task: Task,
        folder: Path,
        config: Mapping[str, Any] | None = None,
        tensorboard: bool = False,
    ) -> None:
        config = task.config() if config is None else config
        self.task = task
        self.folder = folder
        self.environment = environment()
        self.runner = Runner(
            task,
            folder.absolute(),
            config,
            fingerprint_of(config, self.environment),
            tensorboard,
        )
        check_writable(folder)
        kept = kept_fingerprint(folder)
        if kept not in (None, self.runner.fingerprint):
            raise UserError(
                f"{folder} keeps a study with other data, options or versions; "
                "choose another --out, or delete that folder"
            )

    @classmethod
    def open(
        cls,
        task: Task,
        folder: Path | None,
        usual: Path,
        config: Mapping[str, Any] | None = None,
        tensorboard: bool = False,
    ) -> Self:
        """Opens the folder asked for, or the usual one.

        Args:
            task: What a trial trains and scores.
            folder: The one asked for, if any.
            usual: Used without one. Where it keeps another study already, its
                name is followed by the fingerprint of this one, so that both
                are kept and each can go on.
            config: What all trials share; by default the task's.
            tensorboard: Whether trials write logs for TensorBoard.

        Returns:
            The study.
        """
        if folder is not None:
            return cls(task, folder, config, tensorboard)
        ours = fingerprint_of(
            task.config() if config is None else config, environment()
        )
        check_writable(usual)
        if kept_fingerprint(usual) not in (None, ours):
            usual = usual.with_name(f"{usual.name}-{ours}")
        return cls(task, usual, config, tensorboard)

    def pending(self, trials: Iterable[Trial]) -> list[Trial]:
        """Returns the trials that no run has finished yet.

        Args:
            trials: Those wanted.

        Returns:
            Those with no record, or with the record of a failure.
        """
        return [
            trial
            for trial in trials
            if (result := read(self.folder, trial)) is None or result.reason
        ]

    def run(
        self,
        trials: Sequence[Trial],
        observer: Observer,
        executor: Executor | None = None,
    ) -> list[TrialRecord]:
        """Runs the trials that are still to run.

        A trial that fails is recorded with its reason; the others go on.
        Whatever stops the run, finished trials are kept. Trials that another
        process runs in the same folder are left to it.

        Args:
            trials: Those wanted.
            observer: Is told of the progress.
            executor: Runs them; by default one after another, here.

        Returns:
            The results of all trials, in their order.

        Raises:
            UserError: The folder cannot be written.
            KeyboardInterrupt: It was stopped; a message says what is kept.
        """
        executor = executor or SequentialExecutor()
        observer = _OneByOne(observer)
        kept = "finished trials are kept"
        failures: dict[str, TrialRecord] = {}
        since = time.time()
        try:
            self._begin()
            for trial in trials:  # A kill may have come before this.
                self._keep_best(trial)
            left = self.pending(trials)
            for wait in (False, True):
                busy = []
                for trial, result in executor.run(
                    self.runner, left, observer, wait, since
                ):
                    if result is None:
                        busy.append(trial)
                        continue
                    if result.reason:  # The disk may not have taken it.
                        failures[trial.name] = result
                    self._keep_best(trial)
                    observer.trial_ended(result)
                left = busy
        except OSError as error:
            remedy = "choose another folder with --out"
            if self._any_finished(trials):
                remedy = kept
            raise UserError(
                f"{self.folder} cannot be written: {error}; {remedy}"
            ) from None
        except KeyboardInterrupt:
            if not self._any_finished(trials):
                raise
            raise KeyboardInterrupt(
                f"{kept}; the same command goes on from there"
            ) from None
        results = [
            failures.get(trial.name) or read(self.folder, trial)
            for trial in trials
        ]
        return [result for result in results if result is not None]

    def _begin(self) -> None:
        (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        with locked(self.folder, "study"):
            if kept_fingerprint(self.folder) is not None:
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
        """Promotes the trial's model to `<label>.keras`, or drops it."""
        model = record_path(self.folder, trial).with_suffix(".keras")
        if not model.exists():
            return
        with locked(self.folder, "study"):
            result = read(self.folder, trial)
            if not model.exists() or result is None or result.reason:
                return
            rivals = [r for r in gather(self.folder) if r.label == trial.label]
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

    Seeds vary slowest, so that a run stopped early has every setting.

    Args:
        choices: The values to try of each setting.
        seeds: The seeds to try.

    Returns:
        The trials.

    Example:

    >>> [t.name for t in grid({"activation": ["relu", "serf"]}, [0, 1])]
    ['relu-seed0', 'serf-seed0', 'relu-seed1', 'serf-seed1']
    """
    return [
        Trial(dict(zip(choices, values, strict=True)), seed)
        for seed in seeds
        for values in itertools.product(*choices.values())
    ]


def best(results: Iterable[TrialRecord], objective: str) -> TrialRecord:
    """Returns the finished result with the highest objective.

    Args:
        results: At least one of them finished.
        objective: Name of the metric.

    Returns:
        The best; the first of them at a tie.
    """
    finished = [result for result in results if not result.reason]
    return max(finished, key=lambda result: result.metrics[objective])


def gather(folder: Path) -> list[TrialRecord]:
    """Reads every finished trial of a study.

    Args:
        folder: The study's.

    Returns:
        The results, by name of setting and then by seed.
    """
    results = [
        read_result(path)
        for path in (folder / "trials").glob("*.json")
        if not path.name.startswith(".")  # One that is being written.
    ]
    finished = [result for result in results if not result.reason]
    return sorted(finished, key=lambda result: (result.label, result.seed))

"""One training: what is asked for, what comes of it, and its record on disk.

A `Task` trains and scores; `Runner` calls it, whatever process it is in, and
writes the record. Nothing here knows any task, or imports Keras on its own.
"""

import contextlib
import datetime
import json
import math
import os
import re
import shutil
import threading
import time
import zipfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import Protocol

import filelock
import numpy as np

from demos.common.environment import environment
from demos.common.environment import fingerprint_of
from demos.common.errors import UserError
from demos.common.files import write_json
from demos.common.files import write_text

OnEpoch = Callable[[int, Mapping[str, float]], None]
CHECKPOINT = "state.npz"  # In the folder of a trial's checkpoint.
# Set by Ctrl-C; see `study.SequentialExecutor`.
interrupted = threading.Event()


class DivergedError(Exception):
    """Training left the finite numbers."""


@dataclass(frozen=True)
class Trial:
    """One training: what is under study, and the seed.

    Attributes:
        settings: Name and value of each thing that varies between the trials
            of a study, such as `{"activation": "serf"}`.
        seed: Decides the initial weights, the order of the data and dropout.
    """

    settings: Mapping[str, Any]
    seed: int

    @property
    def label(self) -> str:
        """The settings in a few characters, good as the name of a file."""
        return label_of(self.settings)

    @property
    def name(self) -> str:
        """Label and seed: unique in a study."""
        return f"{self.label}-seed{self.seed}"


@dataclass(frozen=True)
class TrialContext:
    """What a trial is given besides its settings.

    Attributes:
        on_epoch: Is to be called with the number of epochs done and their
            logs.
        checkpoint: Folder for what a training needs to go on after an
            interruption; None to keep nothing.
        tensorboard: Folder for TensorBoard's logs; None for no logs.
    """

    on_epoch: OnEpoch = lambda epoch, logs: None
    checkpoint: Path | None = None
    tensorboard: Path | None = None


@dataclass(frozen=True)
class TrialResult:
    """What a task hands back from one trial.

    Attributes:
        metrics: Final scores; must hold the task's `objective`.
        history: Value of each metric after each epoch.
        parameters: Number of trained weights.
        save: Writes the model to the path it is given; None where it cannot
            be written.
        texts: Ending and content of files to write beside the record.
        timings: Seconds that parts of the trial took.
    """

    metrics: Mapping[str, float]
    history: Mapping[str, Sequence[float]]
    parameters: int
    save: Callable[[Path], object] | None
    texts: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialRecord:
    """The record of a trial: what its JSON file holds.

    Attributes:
        settings: Of the trial.
        seed: Of the trial.
        fingerprint: Of the study that it belongs to.
        reason: Why the trial failed; empty when it did not.
        metrics: Final scores.
        history: Value of each metric after each epoch.
        parameters: Number of trained weights.
        seconds: Wall-clock time of the trial, before and after interruptions.
        timings: Seconds that parts of it took.
        config: What all trials of the study share.
        environment: Versions, backend and the machine.
        finished: When it ended, in UTC, as ISO 8601 has it.
    """

    settings: dict[str, Any]
    seed: int
    fingerprint: str
    reason: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    parameters: int = 0
    seconds: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    finished: str = ""

    @property
    def label(self) -> str:
        """The settings in a few characters."""
        return label_of(self.settings)

    @property
    def name(self) -> str:
        """Label and seed: unique in a study."""
        return f"{self.label}-seed{self.seed}"


class Task(Protocol):
    """What a study needs of a task; it is free in all else.

    A study may send it to other processes, so it can be pickled.

    Attributes:
        objective: The metric, higher is better, that chooses the best model;
            measured on the validation split, never on the test.
        epochs: Epochs of a trial, at most.
    """

    @property
    def objective(self) -> str:
        """Name of the metric that chooses."""
        ...

    @property
    def epochs(self) -> int:
        """Epochs of a trial, at most."""
        ...

    def config(self) -> dict[str, Any]:
        """Returns all that decides a trial's result, besides the trial."""
        ...

    def run(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model; it may raise."""
        ...

    def save_assets(self, folder: Path) -> None:
        """Writes what every saved model needs beside it."""
        ...


@dataclass(frozen=True)
class Runner:
    """Runs trials of a study, in whatever process it is.

    Attributes:
        task: What a trial trains and scores.
        folder: Of the study.
        config: What all its trials share.
        fingerprint: Of that and of the versions.
        tensorboard: Whether logs are written for TensorBoard.
    """

    task: Task
    folder: Path
    config: Mapping[str, Any]
    fingerprint: str
    tensorboard: bool = False

    def run(
        self, trial: Trial, on_epoch: OnEpoch, wait: bool, since: float
    ) -> TrialRecord | None:
        """Runs a trial, and writes its record and its model.

        No two processes run it at once: it is locked as long as this one
        lives.

        Args:
            trial: The trial.
            on_epoch: Is called after each epoch.
            wait: Whether to wait where another process runs it.
            since: A record written after this time (of the clock, in seconds)
                is taken as it is, though it be that of a failure.

        Returns:
            Its record, or that of another process; None without `wait` where
            another one runs it. What fails is in the record, which is on the
            disk too unless the disk cannot take it.
        """
        began = time.perf_counter()
        checkpoint = self.folder / "checkpoints" / trial.name
        try:
            with _locked(self.folder, trial, wait) as ours:
                if not ours:
                    return None
                found = read(self.folder, trial)
                path = record_path(self.folder, trial)
                if found and (not found.reason or path.stat().st_mtime > since):
                    return found
                self._check_place()
                before = elapsed(checkpoint)
                result = self._train(
                    trial, TrialContext(on_epoch, checkpoint, self._logs(trial))
                )
                seconds = before + time.perf_counter() - began
                result = replace(result, seconds=seconds)
                self.record(result)
                if not result.reason:
                    shutil.rmtree(checkpoint, ignore_errors=True)
                return result
        except OSError as error:  # Of the lock, or of the record.
            return self.failed(trial, reason_of(error))

    def failed(self, trial: Trial, reason: str) -> TrialRecord:
        """Makes the record of a failure.

        Args:
            trial: The trial.
            reason: Why it failed, in a line.

        Returns:
            The record, which is not written.
        """
        return TrialRecord(
            settings=dict(trial.settings),
            seed=trial.seed,
            fingerprint=self.fingerprint,
            reason=reason,
            config=dict(self.config),
            environment=environment(),
            finished=_now(),
        )

    def lost(self, trial: Trial, reason: str) -> TrialRecord:
        """Records, for a process that died, that the trial failed with it.

        Args:
            trial: The trial.
            reason: How it died, in a line.

        Returns:
            The record, on the disk too unless that cannot take it, or another
            process runs the trial by now; or that which the process wrote
            before it died, if it had come so far.
        """
        result = self.failed(trial, reason)
        with (
            contextlib.suppress(OSError),  # It is told all the same.
            _locked(self.folder, trial, wait=False) as ours,
        ):
            found = read(self.folder, trial)
            if found and not found.reason:
                return found
            if ours:
                self.record(result)
        return result

    def record(self, result: TrialRecord) -> None:
        """Writes a record.

        Args:
            result: The record.

        Raises:
            OSError: The disk cannot take it.
        """
        write_json(record_path(self.folder, result), asdict(result))

    def _train(self, trial: Trial, context: TrialContext) -> TrialRecord:
        path = record_path(self.folder, trial)
        try:
            found = self.task.run(trial, context)
            result = replace(
                self.failed(trial, ""),
                metrics=finite(found.metrics),
                history={k: list(v) for k, v in found.history.items()},
                parameters=found.parameters,
                timings=dict(found.timings),
            )
            if found.save is not None:
                scratch = path.with_suffix(".tmp.keras")
                found.save(scratch)
                os.replace(scratch, path.with_suffix(".keras"))
            for ending, text in found.texts.items():
                write_text(text_path(self.folder, trial, ending), text)
        except Exception as error:  # Whatever it is, the other trials go on.
            if interrupted.is_set():  # JAX makes other errors of it.
                raise KeyboardInterrupt from None
            path.with_suffix(".tmp.keras").unlink(missing_ok=True)
            if isinstance(error, DivergedError) and context.checkpoint:
                # It would only diverge again.
                shutil.rmtree(context.checkpoint, ignore_errors=True)
            return self.failed(trial, reason_of(error))
        return result

    def _logs(self, trial: Trial) -> Path | None:
        if not self.tensorboard:
            return None
        return self.folder / "tensorboard" / trial.name

    def _check_place(self) -> None:
        """Raises where this process is not what the study takes it for."""
        there = kept_fingerprint(self.folder)
        if there != self.fingerprint:
            raise FileNotFoundError(
                f"{self.folder} is not seen from here; choose --out on a disk "
                "that all machines share"
            )
        ours = fingerprint_of(self.config, environment())
        if ours != self.fingerprint:
            raise OSError(
                "this process has other versions of Python or of the packages "
                "than the one that began the study"
            )


def elapsed(checkpoint: Path) -> float:
    """Returns the seconds that a training had taken at its checkpoint, or 0."""
    try:
        with (checkpoint / CHECKPOINT).open("rb") as file:
            return float(np.load(file)["seconds"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0.0


def record_path(folder: Path, trial: Trial | TrialRecord) -> Path:
    """Names the file of a trial's record.

    Args:
        folder: Of the study.
        trial: The trial, or its record.

    Returns:
        The path.
    """
    return folder / "trials" / f"{trial.name}.json"


def text_path(folder: Path, trial: Trial | TrialRecord, ending: str) -> Path:
    """Names a file that a task has written beside the record of a trial.

    Args:
        folder: Of the study.
        trial: The trial, or its record.
        ending: Of the file's name, such as `"test.txt"`.

    Returns:
        The path.
    """
    return folder / "trials" / f"{trial.name}.{ending}"


def read(folder: Path, trial: Trial) -> TrialRecord | None:
    """Reads the record of a trial, if there is one.

    Args:
        folder: Of the study.
        trial: The trial.

    Returns:
        The record.

    Raises:
        UserError: What is in its place is not such a record.
    """
    path = record_path(folder, trial)
    return read_result(path) if path.exists() else None


def read_result(path: Path) -> TrialRecord:
    """Reads the record of a trial.

    Args:
        path: A file that a study wrote.

    Returns:
        The record.

    Raises:
        UserError: The file is not such a record.
    """
    try:
        return TrialRecord(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is not the record of a trial ({error}); delete it to run "
            "the trial again"
        ) from None


def kept_fingerprint(folder: Path) -> str | None:
    """Returns the fingerprint of the study that a folder keeps.

    Args:
        folder: It need not exist.

    Returns:
        The fingerprint; None where there is no study.

    Raises:
        UserError: What is in its place cannot be read.
    """
    path = folder / "study.json"
    try:
        return json.loads(path.read_text())["fingerprint"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not the description of a study ({error}); choose "
            "another --out, or delete that folder"
        ) from None


def label_of(settings: Mapping[str, Any]) -> str:
    """Names settings in a few characters, good as the name of a file.

    Args:
        settings: Their activation goes by its bare name.

    Returns:
        Such as `"serf"` or `"serf-dropout=0.1"`.
    """
    return "-".join(
        str(value) if key == "activation" else f"{key}={value}"
        for key, value in settings.items()
    )


def reason_of(error: Exception) -> str:
    r"""Says in one line why a trial failed.

    Args:
        error: What it raised.

    Returns:
        The error's kind and the first line of its message; of what a Keras
        layer raised its own message, which Keras wraps in others.

    Example:

    >>> reason_of(MemoryError("too large\nfor this machine"))
    'MemoryError: too large'
    """
    message = re.sub(r"\x1b\[[\d;]*m", "", str(error))  # ANSI: bold, colours.
    # keras/src/utils/traceback_utils.py and keras/src/ops/operation.py.
    wrapper = r"(Exception encountered when|Could not automatically) .*\n\n"
    first_line = re.sub(wrapper, "", message).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first_line}"


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns the metrics as they are, if all are finite.

    Args:
        metrics: The metrics.

    Returns:
        A copy, of Python floats.

    Raises:
        DivergedError: One is infinite or not a number.
    """
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise DivergedError(f"{name} is {value}")
    return {name: float(value) for name, value in metrics.items()}


@contextlib.contextmanager
def _locked(folder: Path, trial: Trial, wait: bool) -> Iterator[bool]:
    """Holds the lock of a trial; gives whether it has it."""
    lock = locked(folder, trial.name)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def locked(folder: Path, name: str) -> filelock.BaseFileLock:
    """Makes a lock between the processes that work in a folder.

    The system frees it when its process ends, however that does.

    Args:
        folder: Of a study.
        name: Of what is locked.

    Returns:
        The lock, free; a context manager.
    """
    locks = folder / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(locks / f"{name}.lock")


def _now() -> str:
    now = datetime.datetime.now(datetime.UTC)
    return now.isoformat(timespec="seconds")

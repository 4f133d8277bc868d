"""Runs one trial, in any process, and writes its record."""

import contextlib
import datetime
import math
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from demos.common.environment import environment
from demos.common.errors import reason_of
from demos.common.files import digest, write_json, write_text
from demos.study.trial import (
    CHECKPOINT,
    DivergedError,
    OnEpoch,
    Task,
    Trial,
    TrialContext,
    TrialRecord,
    fingerprint_of,
    locked,
    read,
    saved_fingerprint,
    trial_path,
)

# Set by Ctrl-C; see `executors.sequential`.
interrupted = threading.Event()


@dataclass(frozen=True)
class Runner:
    """Runs trials of a study.

    Attributes:
        task: The task, which trains and scores one model.
        folder: Folder of the study.
        config: The config that all trials share.
        fingerprint: Fingerprint of the config and the versions.
        tensorboard: Whether to write logs for TensorBoard.
        wait: Whether to wait for a trial that another process runs.
        failures: Failures of earlier runs, by trial name; these trials run
            again. A trial that fails in this run, in another process, does not.
    """

    task: Task
    folder: Path
    config: Mapping[str, Any]
    fingerprint: str
    tensorboard: bool = False
    wait: bool = False
    failures: Mapping[str, TrialRecord] = field(default_factory=dict)

    def run(self, trial: Trial, on_epoch: OnEpoch) -> TrialRecord | None:
        """Runs a trial, and writes its record and its model.

        A lock prevents two processes from running it at the same time.

        Returns:
            The record, from this or another process; None if another process
            runs the trial and `wait` is false. A failure is in the record,
            which is also written unless the disk is full.
        """
        began = time.perf_counter()
        checkpoint = self.folder / "checkpoints" / trial.name
        try:
            with _lock(self.folder, trial, self.wait) as ours:
                if not ours:
                    return None
                record = read(self.folder, trial, self.fingerprint)
                if record and record != self.failures.get(trial.name):
                    return record
                self._check_place()
                before = _seconds(checkpoint)
                logs = self.folder / "tensorboard" / trial.name
                record = self._train(
                    trial,
                    TrialContext(
                        on_epoch,
                        checkpoint,
                        logs if self.tensorboard else None,
                        f"{self.fingerprint} {trial.name}",
                    ),
                )
                seconds = before + time.perf_counter() - began
                record = replace(record, seconds=seconds)
                self.write(record)
                if not record.reason:
                    shutil.rmtree(checkpoint, ignore_errors=True)
                return record
        except OSError as error:  # From the lock or the record.
            return self.failed(trial, reason_of(error))

    def failed(self, trial: Trial, reason: str) -> TrialRecord:
        """Returns the record of a failure without writing it."""
        now = datetime.datetime.now(datetime.UTC)
        return TrialRecord(
            settings=dict(trial.settings),
            seed=trial.seed,
            fingerprint=self.fingerprint,
            reason=reason,
            config=dict(self.config),
            environment=environment(),
            finished=now.isoformat(timespec="seconds"),
        )

    def lost(self, trial: Trial, reason: str) -> TrialRecord:
        """Records that a trial failed because its process died.

        Returns:
            The record. It is written unless the disk is full or another process
            now runs the trial. If the process wrote a record before it died,
            that one is returned.
        """
        failure = self.failed(trial, reason)
        with (
            contextlib.suppress(OSError),  # The failure is reported anyway.
            _lock(self.folder, trial, wait=False) as ours,
        ):
            record = read(self.folder, trial, self.fingerprint)
            if record and not record.reason:
                return record
            if ours:
                self.write(failure)
        return failure

    def write(self, record: TrialRecord) -> None:
        """Writes a record.

        Raises:
            OSError: If the disk is full or the folder is not writable.
        """
        write_json(trial_path(self.folder, record), asdict(record))

    def _train(self, trial: Trial, context: TrialContext) -> TrialRecord:
        unfinished = trial_path(self.folder, trial, "tmp.keras")
        try:
            result = self.task.run(trial, context)
            record = replace(
                self.failed(trial, ""),
                metrics=_finite(result.metrics),
                history={k: list(v) for k, v in result.history.items()},
                parameters=result.parameters,
                timings=dict(result.timings),
            )
            if result.save is not None:
                result.save(unfinished)
                record = replace(record, model=digest(unfinished))
                os.replace(unfinished, trial_path(self.folder, trial, "keras"))
            for suffix, text in result.texts.items():
                write_text(trial_path(self.folder, trial, suffix), text)
        except Exception as error:  # The other trials continue in any case.
            if interrupted.is_set():  # JAX turns Ctrl-C into other errors.
                raise KeyboardInterrupt from None
            unfinished.unlink(missing_ok=True)
            if isinstance(error, DivergedError) and context.checkpoint:
                # A resumed training would diverge again.
                shutil.rmtree(context.checkpoint, ignore_errors=True)
            return self.failed(trial, reason_of(error))
        return record

    def _check_place(self) -> None:
        """Raises OSError if this process would run a different study."""
        if saved_fingerprint(self.folder) != self.fingerprint:
            raise FileNotFoundError(
                f"{self.folder} does not have this study here: it was deleted, "
                "or it is not on a disk that all machines share"
            )
        if fingerprint_of(self.config, environment()) != self.fingerprint:
            raise OSError(
                "the versions of Python or the packages in this process differ "
                "from those with which the study began"
            )


def _seconds(checkpoint: Path) -> float:
    """Returns the training time at a checkpoint in seconds, or 0."""
    try:
        with (checkpoint / CHECKPOINT).open("rb") as file:
            return float(np.load(file)["seconds"])
    except Exception:  # NumPy may raise anything for a damaged file.
        return 0.0


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns the metrics as Python floats.

    Raises:
        DivergedError: If one is infinite or NaN.
    """
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise DivergedError(f"{name} is {value}")
    return {name: float(value) for name, value in metrics.items()}


@contextlib.contextmanager
def _lock(folder: Path, trial: Trial, wait: bool) -> Iterator[bool]:
    """Locks a trial; yields whether this process has the lock."""
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

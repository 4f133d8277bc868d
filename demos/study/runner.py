"""Runs one trial, in whatever process it is, and writes its record."""

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
from demos.common.files import write_json, write_text
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
        task: Trains and scores one model.
        folder: Folder of the study.
        config: What all its trials share.
        fingerprint: Of the config and the versions.
        tensorboard: Whether logs are written for TensorBoard.
        wait: Whether to wait for a trial that another process runs.
        failures: Failures of earlier runs, by the trial's name: these trials
            run again. One that fails in this run, in another process, does not.
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

        No two processes run it at the same time: it is locked meanwhile.

        Returns:
            Its record, or that of another process; None without `wait` if
            another process runs it. A failure is in the record, which is on the
            disk too unless that is full.
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
        except OSError as error:  # Of the lock, or of the record.
            return self.failed(trial, reason_of(error))

    def failed(self, trial: Trial, reason: str) -> TrialRecord:
        """Returns the record of a failure, which is not written."""
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
            The record, which is written unless the disk is full or another
            process runs the trial by now; or the one that the process had
            written before it died.
        """
        failure = self.failed(trial, reason)
        with (
            contextlib.suppress(OSError),  # It is reported all the same.
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
            OSError: The disk is full, or the folder not writable.
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
                os.replace(unfinished, trial_path(self.folder, trial, "keras"))
            for suffix, text in result.texts.items():
                write_text(trial_path(self.folder, trial, suffix), text)
        except Exception as error:  # Whatever it is, the other trials go on.
            if interrupted.is_set():  # JAX turns Ctrl-C into other errors.
                raise KeyboardInterrupt from None
            unfinished.unlink(missing_ok=True)
            if isinstance(error, DivergedError) and context.checkpoint:
                # It would only diverge again.
                shutil.rmtree(context.checkpoint, ignore_errors=True)
            return self.failed(trial, reason_of(error))
        return record

    def _check_place(self) -> None:
        """Raises OSError if the study would be another one in this process."""
        if saved_fingerprint(self.folder) != self.fingerprint:
            raise FileNotFoundError(
                f"{self.folder} does not hold this study here: it was deleted, "
                "or it is not on a disk that all machines share"
            )
        if fingerprint_of(self.config, environment()) != self.fingerprint:
            raise OSError(
                "this process has other versions of Python or of the packages "
                "than the one that began the study"
            )


def _seconds(checkpoint: Path) -> float:
    """Returns the seconds that a training had taken at its checkpoint, or 0."""
    try:
        with (checkpoint / CHECKPOINT).open("rb") as file:
            return float(np.load(file)["seconds"])
    except Exception:  # NumPy raises anything on a damaged file.
        return 0.0


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns the metrics as Python floats.

    Raises:
        DivergedError: One is infinite or not a number.
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

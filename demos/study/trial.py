"""Trials: their settings, results and records on disk.

Nothing here imports Keras. `runner.py` runs trials.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import filelock

from demos.common.errors import UserError
from demos.common.files import read_json

OnEpoch = Callable[[int, Mapping[str, float]], None]
CHECKPOINT = "state.npz"  # In the folder of a trial's checkpoint.
LONGEST = 200  # Bytes of a trial's name; the names of its files are longer.
# Parts of the environment that may differ between the trials of a study; they
# only change the rounding.
MACHINE = ("platform", "processor", "cores", "threads", "devices")


class DivergedError(Exception):
    """A loss or a score is not finite."""


@dataclass(frozen=True)
class Trial:
    """The settings and the seed of one training.

    Attributes:
        settings: Settings that vary between the trials of a study, such as
            `{"activation": "serf"}`.
        seed: Seed of the initial weights, the order of the data and dropout.
    """

    settings: Mapping[str, Any]
    seed: int

    @property
    def label(self) -> str:
        """The settings in a few characters, for file names."""
        return label_of(self.settings)

    @property
    def name(self) -> str:
        """Label and seed: unique in a study."""
        return f"{self.label}-seed{self.seed}"


@dataclass(frozen=True)
class TrialContext:
    """The callback and folders of a trial.

    Attributes:
        on_epoch: Function called with the number of finished epochs and the
            logs of the last one.
        checkpoint: Folder of the checkpoint, from which an interrupted training
            resumes; None for no checkpoint.
        tensorboard: Folder of TensorBoard's logs; None for no logs.
        identity: Identifies study and trial; other checkpoints are ignored.
    """

    on_epoch: OnEpoch = lambda epoch, logs: None
    checkpoint: Path | None = None
    tensorboard: Path | None = None
    identity: str = ""


@dataclass(frozen=True)
class TrialResult:
    """The result of one trial.

    Attributes:
        metrics: Final scores, including the task's `objective`.
        history: Value of each metric after each epoch.
        parameters: Number of trainable weights.
        save: Function that writes the model to a path; None if the model cannot
            be saved.
        texts: Content of additional files of the trial, by suffix.
        timings: Duration of parts of the trial, in seconds.
    """

    metrics: Mapping[str, float]
    history: Mapping[str, Sequence[float]]
    parameters: int
    save: Callable[[Path], object] | None
    texts: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialRecord(Trial):
    """The record of a trial: the content of its JSON file.

    Attributes:
        fingerprint: Fingerprint of its study.
        reason: Reason of a failure; empty if the trial did not fail.
        metrics: Final scores.
        history: Value of each metric after each epoch.
        parameters: Number of trainable weights.
        seconds: Wall-clock time of the trial, including interrupted runs.
        timings: Duration of parts of the trial, in seconds.
        config: The config that all trials of the study share.
        environment: Versions, backend and machine.
        finished: Time of its end, in UTC, in ISO 8601 format.
        model: SHA-256 of its model; empty without one.
    """

    fingerprint: str
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    history: Mapping[str, list[float]] = field(default_factory=dict)
    parameters: int = 0
    seconds: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    finished: str = ""
    model: str = ""


class Task(Protocol):
    """The interface of a task, which must be picklable."""

    @property
    def objective(self) -> str:
        """Name of the metric that selects the best model; higher is better.

        It is measured on the validation split, never on the test split.
        """
        ...

    @property
    def epochs(self) -> int:
        """The largest number of epochs of a trial."""
        ...

    def config(self) -> dict[str, Any]:
        """Returns everything except the trial that affects its result."""
        ...

    def run(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model; may raise exceptions."""
        ...

    def save_assets(self, folder: Path) -> None:
        """Writes the files that all saved models need."""
        ...


@dataclass(frozen=True)
class WrappedTask:
    """Base class of tasks that modify the trials of another task.

    Attributes:
        task: The other task.
    """

    task: Task

    @property
    def objective(self) -> str:
        """Name of the metric that selects the best model."""
        return self.task.objective

    @property
    def epochs(self) -> int:
        """The largest number of epochs of a trial."""
        return self.task.epochs

    def save_assets(self, folder: Path) -> None:
        """Writes the files that all saved models need."""
        self.task.save_assets(folder)


def label_of(settings: Mapping[str, Any]) -> str:
    """Returns a short name of settings, for file names.

    Example:

    >>> label_of({"activation": "serf", "dropout": 0.1})
    'serf-dropout=0.1'
    """
    return "-".join(
        str(value) if key == "activation" else f"{key}={value}"
        for key, value in settings.items()
    )


def fingerprint_of(
    config: Mapping[str, Any], environment: Mapping[str, Any]
) -> str:
    """Identifies a study: trials with the same fingerprint may be compared.

    It depends on the config that all trials share and on versions and backend;
    the machine is ignored. It has 12 hexadecimal digits.
    """
    versions = {k: v for k, v in environment.items() if k not in MACHINE}
    text = json.dumps([config, versions], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def trial_path(folder: Path, trial: Trial, suffix: str = "json") -> Path:
    """Returns the path of a trial's record, model or text.

    The suffix is `"json"`, `"keras"`, or that of one of `TrialResult.texts`.

    Raises:
        UserError: If the settings cannot be part of a file name.
    """
    length = len(trial.name.encode(errors="replace"))
    if length > LONGEST or re.search(r"[/\\\0]", trial.name):
        raise UserError(
            f"Expected settings that fit into a file name, at most "
            f"{LONGEST} bytes without slashes. Received: {trial.name}"
        )
    return folder / "trials" / f"{trial.name}.{suffix}"


def read(
    folder: Path, trial: Trial, fingerprint: str | None = None
) -> TrialRecord | None:
    """Reads the record of a trial if there is one; see `read_record`."""
    path = trial_path(folder, trial)
    return read_record(path, fingerprint) if path.exists() else None


def read_record(path: Path, fingerprint: str | None = None) -> TrialRecord:
    """Reads the record of a trial.

    Args:
        path: The file, named after the trial.
        fingerprint: Fingerprint of the study; by default it is not checked.

    Raises:
        UserError: If the file is not the record of the trial in this study.
    """
    try:
        record = TrialRecord(**read_json(path))
        _check_types(record)
        if record.name != path.stem:
            raise ValueError(f"it is the record of {record.name}")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is not the record of a trial ({error}); delete it to run "
            "the trial again"
        ) from None
    if fingerprint not in (None, record.fingerprint):
        raise UserError(
            f"{path} belongs to a study with other data, options or versions; "
            "choose another --out, or delete it to run the trial again"
        )
    return record


def _check_types(record: TrialRecord) -> None:
    """Raises TypeError if JSON values have wrong types."""
    for name, like in vars(TrialRecord({}, 0, "")).items():
        value = getattr(record, name)
        kinds = (int, float) if isinstance(like, float) else type(like)
        if not isinstance(value, kinds):
            raise TypeError(f"{name} is {value!r:.99}")
    if not isinstance(record.settings.get("activation"), str):
        raise TypeError("its settings have no activation")
    numbers = [*record.metrics.values(), *record.timings.values()]
    for curve in record.history.values():
        numbers += curve  # TypeError if it is not a list.
    for number in numbers:
        if not isinstance(number, int | float) or not math.isfinite(number):
            raise TypeError(f"a number is {number!r:.99}")


def gather(folder: Path, fingerprint: str | None = None) -> list[TrialRecord]:
    """Reads the records of all finished trials of a study; see `read_record`.

    They are sorted by label and then by seed.
    """
    records = [
        read_record(path, fingerprint)
        for path in (folder / "trials").glob("*.json")
        if not path.name.startswith(".")  # A file that is being written.
    ]
    finished = [record for record in records if not record.reason]
    return sorted(finished, key=lambda record: (record.label, record.seed))


def best(records: Iterable[TrialRecord], objective: str) -> TrialRecord:
    """Returns the finished record with the highest objective.

    At least one must have finished. The first one wins a tie.
    """
    finished = [record for record in records if not record.reason]
    return max(finished, key=lambda record: record.metrics[objective])


def saved_fingerprint(folder: Path) -> str | None:
    """Returns the fingerprint of the study in a folder, or None without one.

    Raises:
        UserError: If `study.json` cannot be read.
    """
    return saved_study(folder).get("fingerprint")


def saved_study(folder: Path) -> dict[str, Any]:
    """Returns the description of the study in a folder; empty without one.

    Raises:
        UserError: If `study.json` cannot be read.
    """
    path = folder / "study.json"
    try:
        study = {"files": {}, **read_json(path)}
        for name, kind in (("fingerprint", str), ("files", dict)):
            if not isinstance(study[name], kind):
                raise TypeError(f"{name} is {study[name]!r:.99}")
        return study
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not the description of a study ({error}); choose "
            "another --out, or delete that folder"
        ) from None


def locked(folder: Path, name: str) -> filelock.BaseFileLock:
    """Returns a lock between the processes that use a study's folder.

    The name is that of a trial, or `"study"`. The lock is a context manager
    that is not acquired yet. The operating system releases it when its process
    ends for any reason.
    """
    locks = folder / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(locks / f"{name}.lock")

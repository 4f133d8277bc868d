"""One training: what is asked for, what comes of it, and its record on disk.

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
LONGEST = 200  # Bytes of a trial's name; its files have longer ones.
# Parts of the environment in which trials of a study may differ: they change
# rounding alone.
MACHINE = ("platform", "processor", "cores", "threads", "devices")


class DivergedError(Exception):
    """A loss or a score is not finite."""


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
        """The settings in a few characters, part of file names."""
        return label_of(self.settings)

    @property
    def name(self) -> str:
        """Label and seed: unique in a study."""
        return f"{self.label}-seed{self.seed}"


@dataclass(frozen=True)
class TrialContext:
    """What a trial is given besides its settings.

    Attributes:
        on_epoch: Is called with the number of epochs done and their logs.
        checkpoint: Folder of what a training needs to resume after an
            interruption; None to keep nothing.
        tensorboard: Folder for TensorBoard's logs; None for no logs.
        identity: Of study and trial; another one's checkpoint is ignored.
    """

    on_epoch: OnEpoch = lambda epoch, logs: None
    checkpoint: Path | None = None
    tensorboard: Path | None = None
    identity: str = ""


@dataclass(frozen=True)
class TrialResult:
    """What a task returns from one trial.

    Attributes:
        metrics: Final scores, with the task's `objective` among them.
        history: Value of each metric after each epoch.
        parameters: Number of trained weights.
        save: Writes the model to a path; None where it cannot be saved.
        texts: Suffix and content of files to write beside the record.
        timings: Seconds that parts of the trial took.
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
        fingerprint: Of the study that it belongs to.
        reason: Why the trial failed; empty when it did not.
        metrics: Final scores.
        history: Value of each metric after each epoch.
        parameters: Number of trained weights.
        seconds: Wall-clock time of the trial, before and after interruptions.
        timings: Seconds that parts of it took.
        config: What all trials of the study share.
        environment: Versions, backend and the machine.
        finished: When it ended, in UTC, in ISO 8601 format.
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


class Task(Protocol):
    """What a study needs of a task; it can be pickled."""

    @property
    def objective(self) -> str:
        """Name of the metric, higher is better, that chooses the best model.

        It is measured on the validation split, never on the test split.
        """
        ...

    @property
    def epochs(self) -> int:
        """The largest number of epochs of a trial."""
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
class WrappedTask:
    """The base of tasks that change the trials of another one.

    Attributes:
        task: The other task.
    """

    task: Task

    @property
    def objective(self) -> str:
        """Name of the metric that chooses."""
        return self.task.objective

    @property
    def epochs(self) -> int:
        """The largest number of epochs of a trial."""
        return self.task.epochs

    def save_assets(self, folder: Path) -> None:
        """Writes what every saved model needs beside it."""
        self.task.save_assets(folder)


def label_of(settings: Mapping[str, Any]) -> str:
    """Names settings in a few characters, part of file names.

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

    Args:
        config: What all trials share.
        environment: Versions and backend; the machine does not count.

    Returns:
        12 hexadecimal digits.
    """
    versions = {k: v for k, v in environment.items() if k not in MACHINE}
    text = json.dumps([config, versions], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def trial_path(folder: Path, trial: Trial, suffix: str = "json") -> Path:
    """Returns the path of a trial's record, model or text.

    Args:
        folder: Folder of the study.
        trial: The trial, or its record.
        suffix: `"json"`, `"keras"`, or that of one of `TrialResult.texts`.

    Raises:
        UserError: The settings cannot be a part of a file's name.
    """
    length = len(trial.name.encode(errors="replace"))
    if length > LONGEST or re.search(r"[/\\\0]", trial.name):
        raise UserError(
            f"Expected settings that fit into the name of a file, at most "
            f"{LONGEST} bytes without slashes. Received: {trial.name}"
        )
    return folder / "trials" / f"{trial.name}.{suffix}"


def read(
    folder: Path, trial: Trial, fingerprint: str | None = None
) -> TrialRecord | None:
    """Reads the record of a trial, or returns None if there is none.

    Args:
        folder: Folder of the study.
        trial: The trial.
        fingerprint: Of the study; by default it is not compared.

    Raises:
        UserError: The file is not the record of this trial in this study.
    """
    path = trial_path(folder, trial)
    return read_record(path, fingerprint) if path.exists() else None


def read_record(path: Path, fingerprint: str | None = None) -> TrialRecord:
    """Reads the record of a trial.

    Args:
        path: The file, named after the trial.
        fingerprint: Of the study; by default it is not compared.

    Raises:
        UserError: The file is not the record of the trial in this study.
    """
    try:
        record = TrialRecord(**read_json(path))
        _check_types(record)
        if record.name != path.stem:
            raise ValueError(f"it is that of {record.name}")
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
    """Raises TypeError where JSON held values of other types."""
    for name, like in vars(TrialRecord({}, 0, "")).items():
        value = getattr(record, name)
        kinds = (int, float) if isinstance(like, float) else type(like)
        if not isinstance(value, kinds):
            raise TypeError(f"{name} is {value!r:.99}")
    if not isinstance(record.settings.get("activation"), str):
        raise TypeError("its settings name no activation")
    numbers = [*record.metrics.values(), *record.timings.values()]
    for curve in record.history.values():
        numbers += curve  # TypeError: it is no list.
    for number in numbers:
        if not isinstance(number, int | float) or not math.isfinite(number):
            raise TypeError(f"a number is {number!r:.99}")


def gather(folder: Path, fingerprint: str | None = None) -> list[TrialRecord]:
    """Reads the records of all finished trials of a study.

    Args:
        folder: Folder of the study.
        fingerprint: Of the study; by default it is not compared.

    Returns:
        The records, by label and then by seed.

    Raises:
        UserError: A file is not the record of a trial of this study.
    """
    records = [
        read_record(path, fingerprint)
        for path in (folder / "trials").glob("*.json")
        if not path.name.startswith(".")  # One that is being written.
    ]
    finished = [record for record in records if not record.reason]
    return sorted(finished, key=lambda record: (record.label, record.seed))


def best(records: Iterable[TrialRecord], objective: str) -> TrialRecord:
    """Returns the finished record with the highest objective.

    Args:
        records: At least one of them finished; the first one wins a tie.
        objective: Name of the metric.
    """
    finished = [record for record in records if not record.reason]
    return max(finished, key=lambda record: record.metrics[objective])


def saved_fingerprint(folder: Path) -> str | None:
    """Returns the fingerprint of the study in a folder, or None without one.

    Raises:
        UserError: `study.json` cannot be read.
    """
    path = folder / "study.json"
    try:
        fingerprint = read_json(path)["fingerprint"]
        if not isinstance(fingerprint, str):
            raise TypeError("its fingerprint is no text")
        return fingerprint
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not the description of a study ({error}); choose "
            "another --out, or delete that folder"
        ) from None


def locked(folder: Path, name: str) -> filelock.BaseFileLock:
    """Returns a lock between the processes that work in a study's folder.

    The operating system releases it when its process ends, however that ends.

    Args:
        folder: Folder of the study.
        name: Of a trial, or `"study"`.

    Returns:
        The lock, not acquired; a context manager.
    """
    locks = folder / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(locks / f"{name}.lock")

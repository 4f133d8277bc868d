"""The engine of every demo: settings x seeds -> trials, resumed and gathered.

It knows nothing of any task. A `Task` trains and scores one model; the study
decides which trials are still to run, keeps what they give, and keeps the best
model of each setting. Its folder:

    study.json              what all trials share, and its fingerprint
    trials/relu-seed0.json  one file a trial: settings, versions, metrics, ...
    trials/relu-seed0.*     what else the task has to say of that trial
    relu.keras              the best trial of that setting on the validation
    ...                     what the task itself saves beside the models
"""

import hashlib
import itertools
import json
import math
import os
import platform
import re
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from importlib import metadata
from pathlib import Path
from typing import Any
from typing import Protocol
from typing import Self

from demos.errors import UserError

OnEpoch = Callable[[int, Mapping[str, float]], None]


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
class Outcome:
    """What a task hands back from one trial.

    Attributes:
        metrics: Final scores; must hold the task's `objective`.
        history: Value of each metric after each epoch.
        parameters: Number of trained weights.
        save: Writes the model to the path it is given.
        texts: Ending and content of files to write beside the record.
        timings: Seconds that parts of the trial took.
    """

    metrics: Mapping[str, float]
    history: Mapping[str, Sequence[float]]
    parameters: int
    save: Callable[[Path], object]
    texts: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """The record of a trial: what its JSON file holds.

    Attributes:
        settings: Of the trial.
        seed: Of the trial.
        fingerprint: Of the study that it belongs to.
        reason: Why the trial failed; empty when it did not.
        metrics: Final scores.
        history: Value of each metric after each epoch.
        parameters: Number of trained weights.
        seconds: Wall-clock time of the trial.
        timings: Seconds that parts of it took.
        config: What all trials of the study share.
        environment: Versions, backend and platform.
        finished: When it ended, ISO 8601.
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
    environment: dict[str, str] = field(default_factory=dict)
    finished: str = ""  # ISO 8601

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

    def run(self, trial: Trial, on_epoch: OnEpoch) -> Outcome:
        """Trains and scores one model.

        It may raise; `on_epoch` is to be called with the number of epochs done
        and their logs.
        """
        ...

    def save_assets(self, folder: Path) -> None:
        """Writes what every saved model needs beside it."""
        ...


class Observer(Protocol):
    """Who wants to know how far the study is; see `progress.py`."""

    def trial_started(self, trial: Trial) -> None:
        """Says that a trial begins."""
        ...

    def epoch_ended(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Says that an epoch of that trial is done."""
        ...

    def trial_ended(self, result: Result) -> None:
        """Says how that trial ended."""
        ...


class Study:
    """Trials that share a task, and the folder that keeps them.

    Making one writes nothing; `run` does.

    Args:
        task: What a trial trains and scores.
        folder: Where everything is kept.

    Raises:
        UserError: The folder cannot be written, or keeps another study.
    """

    def __init__(self, task: Task, folder: Path) -> None:
        self.task = task
        self.folder = folder
        self.config = task.config()
        self.environment = environment()
        self.fingerprint = fingerprint_of(self.config, self.environment)
        check_writable(folder)
        kept = kept_fingerprint(folder)
        if kept not in (None, self.fingerprint):
            raise UserError(
                f"{folder} keeps a study with other data, options or versions; "
                "choose another --out, or delete that folder"
            )

    @classmethod
    def open(cls, task: Task, folder: Path | None, usual: Path) -> Self:
        """Opens the folder asked for, or the usual one.

        Args:
            task: What a trial trains and scores.
            folder: The one asked for, if any.
            usual: Used without one. Where it keeps another study already, its
                name is followed by the fingerprint of this one, so that both
                are kept and each can go on.

        Returns:
            The study.
        """
        if folder is not None:
            return cls(task, folder)
        ours = fingerprint_of(task.config(), environment())
        check_writable(usual)
        if kept_fingerprint(usual) not in (None, ours):
            usual = usual.with_name(f"{usual.name}-{ours}")
        return cls(task, usual)

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
            if (result := self._read(trial)) is None or result.reason
        ]

    def run(self, trials: Sequence[Trial], observer: Observer) -> list[Result]:
        """Runs the trials that are still to run, one after another.

        A trial that fails is recorded with its reason; the others go on.
        Whatever stops the run, finished trials are kept.

        Args:
            trials: Those wanted.
            observer: Is told of the progress.

        Returns:
            The results of all trials, in their order.

        Raises:
            UserError: The folder cannot be written.
            KeyboardInterrupt: It was stopped; a message says what is kept.
        """
        kept = "finished trials are kept"
        try:
            self._begin()
            for trial in trials:  # A kill may have come before this.
                self._keep_best(trial)
            for trial in self.pending(trials):
                observer.trial_started(trial)
                result = self._run(trial, observer.epoch_ended)
                self._keep_best(trial)
                observer.trial_ended(result)
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
        results = [self._read(trial) for trial in trials]
        return [result for result in results if result is not None]

    def _begin(self) -> None:
        (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        description = {
            "fingerprint": self.fingerprint,
            "objective": self.task.objective,
            "config": self.config,
            "environment": self.environment,
        }
        if kept_fingerprint(self.folder) is None:
            self.task.save_assets(self.folder)
            write_json(self.folder / "study.json", description)

    def _run(self, trial: Trial, on_epoch: OnEpoch) -> Result:
        began = time.perf_counter()
        path = self._path(trial)
        try:
            found = self.task.run(trial, on_epoch)
            outcome: dict[str, Any] = {
                "metrics": finite(found.metrics),
                "history": {k: list(v) for k, v in found.history.items()},
                "parameters": found.parameters,
                "timings": dict(found.timings),
            }
        except Exception as error:  # Whatever it is, the other trials go on.
            outcome = {"reason": reason_of(error)}
        else:
            scratch = path.with_suffix(".tmp.keras")
            found.save(scratch)
            os.replace(scratch, path.with_suffix(".keras"))
            for ending, text in found.texts.items():
                write_text(text_path(self.folder, trial, ending), text)
        result = Result(
            settings=dict(trial.settings),
            seed=trial.seed,
            fingerprint=self.fingerprint,
            seconds=time.perf_counter() - began,
            config=self.config,
            environment=self.environment,
            **outcome,
        )
        write_json(path, asdict(result))
        return result

    def _keep_best(self, trial: Trial) -> None:
        """Promotes the trial's model to `<label>.keras`, or drops it."""
        model = self._path(trial).with_suffix(".keras")
        result = self._read(trial)
        if not model.exists() or result is None or result.reason:
            return
        rivals = [r for r in gather(self.folder) if r.label == trial.label]
        if best(rivals, self.task.objective).seed == trial.seed:
            os.replace(model, self.folder / f"{trial.label}.keras")
        else:
            model.unlink()

    def _any_finished(self, trials: Sequence[Trial]) -> bool:
        return len(self.pending(trials)) < len(trials)

    def _path(self, trial: Trial) -> Path:
        return self.folder / "trials" / f"{trial.name}.json"

    def _read(self, trial: Trial) -> Result | None:
        path = self._path(trial)
        return read_result(path) if path.exists() else None


def text_path(folder: Path, trial: Trial | Result, ending: str) -> Path:
    """Names a file that a task has written beside the record of a trial.

    Args:
        folder: Of the study.
        trial: The trial, or its record.
        ending: Of the file's name, such as `"test.txt"`.

    Returns:
        The path.
    """
    return folder / "trials" / f"{trial.name}.{ending}"


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


def best(results: Iterable[Result], objective: str) -> Result:
    """Returns the finished result with the highest objective.

    Args:
        results: At least one of them finished.
        objective: Name of the metric.

    Returns:
        The best; the first of them at a tie.
    """
    finished = [result for result in results if not result.reason]
    return max(finished, key=lambda result: result.metrics[objective])


def gather(folder: Path) -> list[Result]:
    """Reads every finished trial of a study.

    Args:
        folder: The study's.

    Returns:
        The results, by name of setting and then by seed.
    """
    results = [read_result(path) for path in (folder / "trials").glob("*.json")]
    finished = [result for result in results if not result.reason]
    return sorted(finished, key=lambda result: (result.label, result.seed))


def read_result(path: Path) -> Result:
    """Reads the record of a trial.

    Args:
        path: A file that a study wrote.

    Returns:
        The record.

    Raises:
        UserError: The file is not such a record.
    """
    try:
        return Result(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is not the record of a trial ({error}); delete it to run "
            "the trial again"
        ) from None


def environment() -> dict[str, str]:
    """Returns what, besides the config, a result depends on.

    Returns:
        Backend, platform and the versions of Python and of the packages.
    """
    import keras

    import keras_serf

    backend = keras.backend.backend()
    return {
        "backend": backend,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "keras_serf": keras_serf.__version__,
        **{
            package: metadata.version(package)
            for package in ("keras", "keras-hub", backend)
        },
    }


def fingerprint_of(
    config: Mapping[str, Any], environment: Mapping[str, str]
) -> str:
    """Identifies a study: trials with the same one may be compared.

    Args:
        config: What all trials share.
        environment: Versions and backend; the platform does not count.

    Returns:
        12 hexadecimal digits.
    """
    counted = {k: v for k, v in environment.items() if k != "platform"}
    text = json.dumps([config, counted], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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


def check_writable(folder: Path) -> None:
    """Checks, writing nothing, that a folder is there or can be made.

    Args:
        folder: The folder.

    Raises:
        UserError: Something else has its place, or permission is missing.
    """
    nearest = folder.absolute()
    while not (nearest.exists() or nearest.is_symlink()):
        nearest = nearest.parent
    if not nearest.is_dir():
        raise UserError(
            f"Expected --out to be a folder. Received: {folder}, but {nearest} "
            "is a file"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(
            f"{nearest} cannot be written; choose another folder with --out"
        )


def write_json(path: Path, content: Any) -> None:
    """Writes JSON so that the file is the old one or the new one, whole.

    Args:
        path: The file.
        content: What to write.
    """
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes text so that the file is the old one or the new one, whole.

    Args:
        path: The file.
        text: What to write.
    """
    with atomic(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


class atomic:  # noqa: N801 - reads as a statement, like open()
    """A path to write to, which takes the place of `path` when all went well.

    Args:
        path: The file to replace.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Path:
        self._scratch = self._path.with_name(f".{self._path.name}.partial")
        return self._scratch

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            os.replace(self._scratch, self._path)
        else:
            self._scratch.unlink(missing_ok=True)


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

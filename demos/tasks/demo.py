"""The command of a task: parse, check, choose the backend, train, report.

Each task defines a `Demo` in its `options.py`. That file imports nothing heavy,
so that `--help` and errors in options appear at once, and the backend can be
chosen before Keras is imported. Only then does the demo import the task's
`task.py`, which imports Keras at the top and has two functions:

    load(options)            returns the data and the settings as a `Task`
    predict(options, saved)  prints the predictions of a saved model

`demos/tasks/study.py` trains and reports.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from demos.common.backend import choose_backend, start_keras
from demos.common.cli import parse
from demos.common.errors import UserError
from demos.common.progress import log
from demos.common.text import folder_name
from demos.tasks.options import PredictOptions, StudyOptions, check_study

QUICK_SEEDS = 3  # Seeds of a smoke test, the minimum for a verdict.


@dataclass(frozen=True)
class Demo:
    """A task that the command line and the notebooks can start.

    Attributes:
        name: Name of the command and of the package in `demos.tasks`.
        options: The options of a study, a dataclass with `model` and
            `training`.
        predict_options: The options of `predict`.
        check: Function that raises UserError if the options (or a task with the
            same `model` and `training`) are invalid.
        presets: Function that returns the default options for a command line,
            such as those of its `--dataset`, or None for the class defaults.
        resplits: Whether a new split can be drawn for each seed.
        notes: Additional text for `--help`.
        example: Example of a `predict` command.
    """

    name: str
    options: type[StudyOptions]
    predict_options: type[PredictOptions]
    check: Callable[[Any], None]
    presets: Callable[[Sequence[str]], StudyOptions | None] = lambda _: None
    resplits: bool = False
    notes: str = ""
    example: str = 'predict "a text" ...'

    @property
    def command(self) -> str:
        """The command line of the task."""
        return f"python -m demos {self.name}"

    @property
    def runs(self) -> Path:
        """Folder of the task's studies."""
        return Path("runs", self.name)

    def main(self, arguments: Sequence[str]) -> int:
        """Runs the command; raises UserError as `run` and `predict` do."""
        if arguments[:1] == ["predict"]:
            self.predict(
                parse(
                    self.predict_options,
                    arguments[1:],
                    f"{self.command} predict",
                )
            )
        else:
            print(self.run(self.parse(arguments)).short)
            print(f"next: {self.command} {self.example}")
        return 0

    def parse(self, arguments: Sequence[str]) -> Any:
        """Parses the options of a study."""
        after = f"Afterwards, run: {self.command} {self.example}"
        return parse(
            self.options,
            arguments,
            self.command,
            f"{self.notes}\n\n{after}".strip(),
            self.presets(arguments),
        )

    def run(self, options: Any) -> Any:
        """Trains with every activation and seed, and reports.

        Args:
            options: An instance of the demo's options.

        Returns:
            The `demos.report.types.Report`, after its files are written.

        Raises:
            UserError: If the input is invalid or no trial finished.
        """
        self.check(options)
        check_study(options, self.runs)
        if options.resplit and not self.resplits:
            raise UserError(f"--resplit is not available for {self.name}")
        log("loading Keras and the data ...")
        start_training(options)
        keras_config().channels_last()
        if options.quick:
            options = smoke_test(options)
        load = partial(self._module("task").load, options)
        task = load()
        study = importlib.import_module("demos.tasks.study")
        return study.run(
            task,
            options,
            self.runs / folder_name(task.study_name),
            self.check,
            load,
        )

    def predict(self, options: Any) -> None:
        """Prints the predictions of a saved model.

        Args:
            options: An instance of the demo's `predict_options`.

        Raises:
            UserError: If the input is invalid or the model does not exist.
        """
        options.check()
        if options.out is None and not any(self.runs.glob("*/study.json")):
            raise UserError(
                f"{self.runs} has no study; train with: {self.command}"
            )
        choose_backend(options.backend)
        start_keras()
        keras_config().channels_last()
        task = self._module("task")
        saved = importlib.import_module("demos.tasks.saved_model")
        task.predict(
            options,
            saved.find(options, self.runs, task.TASK.objective, self.command),
        )

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"demos.tasks.{self.name}.{name}")


def smoke_test(options: Any) -> Any:
    """Returns options with 1 epoch, at most 3 seeds and 2 activations."""
    others = [a for a in options.activations if a != options.reference]
    known = options.reference in options.activations
    last = [options.reference] if known else others[1:2]
    return replace(
        options,
        training=replace(options.training, epochs=1),
        activations=(*others[:1], *last),
        seeds=options.seeds[:QUICK_SEEDS],
        tune_seeds=options.tune_seeds[:1],
    )


def start_training(options: StudyOptions) -> None:
    """Starts Keras on a backend that can train.

    Raises:
        UserError: If a package is not installed, the backend cannot train, or
            Keras does not know one of the activations.
    """
    choose_backend(options.backend)
    start_keras()
    keras_config().check_trains()
    keras_config().check_activations(options.activations)


def keras_config() -> Any:
    """Imports and returns the module; the backend must be chosen before."""
    return importlib.import_module("demos.common.keras_config")

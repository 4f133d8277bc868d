"""Random splits: a task whose data is divided anew with each seed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demos.study.trial import Task, Trial, TrialContext, TrialResult


@dataclass(frozen=True)
class ResplitTask:
    """A task whose trials have a split drawn by their seed.

    At the same seed the split is the same for every activation, so that the
    comparison stays paired; intervals over the seeds cover the data as well as
    the initialization.

    Attributes:
        task: The task with the fixed split.
        load: Returns the task with the split of a seed.
    """

    task: Task
    load: Callable[[int], Task]

    @property
    def objective(self) -> str:
        """Name of the metric that chooses."""
        return self.task.objective

    @property
    def epochs(self) -> int:
        """Epochs of a trial, at most."""
        return self.task.epochs

    def config(self) -> dict[str, Any]:
        """Returns all that decides a trial's result, besides the trial."""
        return {**self.task.config(), "resplit": True}

    def run(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model on the split of its seed."""
        return self.load(trial.seed).run(trial, context)

    def save_assets(self, folder: Path) -> None:
        """Writes what every saved model needs beside it."""
        self.task.save_assets(folder)

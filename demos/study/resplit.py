"""Random splits: a task whose data is divided anew with each seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demos.study.trial import (
    Task,
    Trial,
    TrialContext,
    TrialResult,
    WrappedTask,
)


@dataclass(frozen=True)
class ResplitTask(WrappedTask):
    """A task whose trials have a split drawn by their seed.

    At the same seed the split is the same for every activation, so that the
    comparison stays paired; intervals over the seeds cover the data as well as
    the initialization.

    Attributes:
        task: The task with the fixed split.
        load: Returns the task with the split of a seed.
    """

    load: Callable[[int], Task]

    def config(self) -> dict[str, Any]:
        """Returns all that decides a trial's result, besides the trial."""
        return {**self.task.config(), "resplit": True}

    def run(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model on the split of its seed."""
        return self.load(trial.seed).run(trial, context)

"""Random splits: a task with a new split of the data for each seed."""

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
    """A task whose trials draw their split with their seed.

    For each seed, all activations have the same split, so the comparison stays
    paired. Intervals over the seeds cover the data as well as the
    initialization.

    Attributes:
        task: The task with the fixed split.
        load: A function that returns the task with the split of a seed.
    """

    load: Callable[[int], Task]

    def config(self) -> dict[str, Any]:
        """Returns everything except the trial that affects its result."""
        return {**self.task.config(), "resplit": True}

    def run(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model on the split of its seed."""
        return self.load(trial.seed).run(trial, context)

"""Runs trials in several processes on this machine."""

from dataclasses import dataclass

import joblib
import keras

from demos.common.subprocesses import ChildProcess
from demos.study.executors.executor import (
    Results,
    Trials,
    pickled_runner,
    run_in_slots,
)
from demos.study.progress import Progress
from demos.study.runner import Runner


@dataclass(frozen=True)
class Processes:
    """The executor of `--jobs`.

    Attributes:
        jobs: The number of processes, which share the cores.
    """

    jobs: int

    def run(
        self, runner: Runner, trials: Trials, progress: Progress
    ) -> Results:
        """Runs trials; see `Executor`."""
        function = pickled_runner(runner)
        threads = max(1, joblib.cpu_count() // self.jobs)
        slots = [
            ChildProcess(function, keras.backend.backend(), threads)
            for _ in trials[: self.jobs]
        ]
        return run_in_slots(slots, runner, trials, progress)

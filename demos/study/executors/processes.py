"""Runs trials in several processes on this machine."""

from dataclasses import dataclass

import keras

from demos.common.machine import cores
from demos.common.subprocesses import ChildProcess
from demos.study.executors.executor import Observer
from demos.study.executors.executor import Results
from demos.study.executors.executor import Trials
from demos.study.executors.executor import cannot_be_sent
from demos.study.executors.executor import run_in_slots
from demos.study.executors.executor import trial_function
from demos.study.runner import Runner


@dataclass(frozen=True)
class Processes:
    """The executor of `--jobs`.

    Attributes:
        jobs: The number of processes, which share the cores.
    """

    jobs: int

    def run(
        self, runner: Runner, trials: Trials, observer: Observer, wait: bool
    ) -> Results:
        """Runs trials; see `Executor`."""
        threads = max(1, len(cores()) // self.jobs)
        try:
            slots = [
                ChildProcess(
                    trial_function(runner), keras.backend.backend(), threads
                )
                for _ in trials[: self.jobs]
            ]
        except TypeError as error:
            raise cannot_be_sent(error) from None
        yield from run_in_slots(slots, runner, trials, observer, wait)

"""Runs one trial after another in this process."""

import contextlib
import functools
import signal
import threading
from collections.abc import Iterator
from typing import Any

from demos.study.executors.executor import Results, Trials
from demos.study.progress import Progress
from demos.study.runner import Runner, interrupted


class SequentialExecutor:
    """The executor of a command without `--jobs` and `--engine`."""

    def run(
        self, runner: Runner, trials: Trials, progress: Progress
    ) -> Results:
        """Runs trials; see `Executor`."""
        for trial in trials:
            progress.trial_started(trial)
            on_epoch = functools.partial(progress.epoch_ended, trial)
            with _noting_interrupts():
                record = runner.run(trial, on_epoch)
            yield trial, record


@contextlib.contextmanager
def _noting_interrupts() -> Iterator[None]:
    """Records Ctrl-C, because a framework may hide KeyboardInterrupt."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return

    def handle(number: int, frame: Any) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    interrupted.clear()
    signal.signal(signal.SIGINT, handle)
    try:
        yield
        if interrupted.is_set():
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupted.clear()

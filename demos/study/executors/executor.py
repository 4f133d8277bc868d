"""What an executor is, and how trials run in several processes at once.

A process stays for one trial after another, so that Keras starts once. If it
dies (out of memory, for instance), its trial alone has failed and the others go
on; so each slot is a pool of one process, where a pool of many would lose the
trials of all.
"""

import functools
import queue
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import cloudpickle

from demos.common.errors import UserError, reason_of
from demos.common.keras_config import apply_settings, keras_settings
from demos.common.subprocesses import EndedEarlyError, OnEvent
from demos.study.runner import Runner
from demos.study.trial import Trial, TrialRecord

Trials = Sequence[Trial]
Results = Iterator[tuple[Trial, TrialRecord | None]]


class Observer(Protocol):
    """Is told how far the study is; see `progress.py`."""

    def trial_started(self, trial: Trial) -> None:
        """A trial has started."""
        ...

    def epoch_ended(
        self, trial: Trial, epoch: int, logs: Mapping[str, float]
    ) -> None:
        """So many epochs of a trial are done; the logs of the last one."""
        ...

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial has ended."""
        ...


class Executor(Protocol):
    """Runs trials."""

    def run(
        self, runner: Runner, trials: Trials, observer: Observer
    ) -> Results:
        """Runs trials, in any order.

        Args:
            runner: Runs one.
            trials: The trials.
            observer: Is told when one starts, and of its epochs.

        Yields:
            Each trial and what `Runner.run` returns.
        """
        ...


def pickled_runner(runner: Runner) -> bytes:
    """Pickles a function of a trial, for slots.

    Raises:
        UserError: It cannot be pickled.
    """
    try:
        return cloudpickle.dumps(
            functools.partial(_run_trial, runner, keras_settings())
        )
    except TypeError as error:
        raise UserError(
            f"The trials cannot be sent to other processes ({error}); leave "
            "--jobs and --engine out"
        ) from None


def _run_trial(
    runner: Runner, settings: Mapping[str, str], trial: Trial, emit: OnEvent
) -> TrialRecord | None:
    def on_epoch(epoch: int, logs: Mapping[str, float]) -> None:
        emit("epoch", [epoch, {k: float(v) for k, v in logs.items()}])

    apply_settings(settings)
    return runner.run(trial, on_epoch)


def run_in_slots(
    slots: Sequence[Any], runner: Runner, trials: Trials, observer: Observer
) -> Results:
    """Runs trials, as many at a time as there are slots; see `Executor.run`.

    Args:
        slots: Each calls the function of `pickled_runner` in a process of its
            own, with the methods `call` and `close` of `ChildProcess`.
        runner: Records which trials died with their process.
        trials: The trials.
        observer: Is told when one starts, and of its epochs.
    """
    if not trials:
        return
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for slot in slots:
        free.put(slot)
    # What threads have to tell; this one tells it the observer.
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(trial: Trial) -> TrialRecord | None:
        def on_event(kind: str, content: Any) -> None:
            events.put((observer.epoch_ended, trial, *content))

        slot = free.get()
        events.put((observer.trial_started, trial))
        try:
            return slot.call(trial, on_event=on_event)
        except EndedEarlyError as error:
            return runner.lost(trial, reason_of(error))
        finally:
            free.put(slot)

    pool = ThreadPoolExecutor(len(slots))
    futures = {pool.submit(run, trial): trial for trial in trials}
    for future in futures:
        future.add_done_callback(events.put)
    try:
        for _ in trials:
            while not isinstance(event := events.get(), Future):
                tell, *arguments = event
                tell(*arguments)
            yield futures[event], event.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for slot in slots:
            slot.close()

"""The executor interface, and running trials in several processes.

A process runs one trial after another, so that Keras starts only once. If it
dies (out of memory, for instance), only its trial fails. For this reason, each
slot is a pool of one process: a larger pool would lose all running trials.
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
from demos.study.progress import Progress
from demos.study.runner import Runner
from demos.study.trial import Trial, TrialRecord

Trials = Sequence[Trial]
Results = Iterator[tuple[Trial, TrialRecord | None]]


class Executor(Protocol):
    """Runs trials."""

    def run(
        self, runner: Runner, trials: Trials, progress: Progress
    ) -> Results:
        """Runs trials, in any order.

        It shows the start and the epochs of each trial, and yields the trial
        with the result of `Runner.run`.
        """
        ...


def pickled_runner(runner: Runner) -> bytes:
    """Pickles a function that runs a trial in a slot.

    Raises:
        UserError: If it cannot be pickled.
    """
    try:
        return cloudpickle.dumps(
            functools.partial(_run_trial, runner, keras_settings())
        )
    except TypeError as error:
        raise UserError(
            f"The trials cannot be sent to other processes ({error}); omit "
            "--jobs and --engine"
        ) from None


def _run_trial(
    runner: Runner, settings: Mapping[str, str], trial: Trial, emit: OnEvent
) -> TrialRecord | None:
    def on_epoch(epoch: int, logs: Mapping[str, float]) -> None:
        emit("epoch", [epoch, {k: float(v) for k, v in logs.items()}])

    apply_settings(settings)
    return runner.run(trial, on_epoch)


def run_in_slots(
    slots: Sequence[Any], runner: Runner, trials: Trials, progress: Progress
) -> Results:
    """Runs trials in parallel, one in each slot; see `Executor.run`.

    A slot calls the function of `pickled_runner` in its own process, with the
    methods `call` and `close` of `ChildProcess`. The runner records the trials
    whose process died.
    """
    if not trials:
        return
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for slot in slots:
        free.put(slot)
    # Events of the threads, which this thread shows.
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    unstarted = list(trials)

    def run(trial: Trial) -> TrialRecord | None:
        def on_event(kind: str, content: Any) -> None:
            events.put((progress.epoch_ended, trial, *content))

        slot = free.get()
        unstarted.remove(trial)
        events.put((progress.trial_started, trial))
        try:
            return slot.call(trial, on_event=on_event)
        except EndedEarlyError as error:
            return runner.lost(trial, reason_of(error))
        finally:
            free.put(slot)
            if not unstarted:  # Another slot may wait for its resources.
                slot.close()

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

"""Runs a study's trials in several processes, here or on a Ray cluster.

A process stays for one trial after another, so that Keras is started once. If
it dies, by lack of memory say, the one trial that it ran has failed and the
others go on: hence a pool of one process each, where joblib's own pool of many
would lose the trials of all.
"""

import contextlib
import json
import math
import os
import queue
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

from demos.common.environment import cores
from demos.common.errors import UserError
from demos.common.files import write_json
from demos.study.trial import Runner
from demos.study.trial import Trial
from demos.study.trial import TrialRecord
from demos.study.trial import reason_of

if TYPE_CHECKING:
    from demos.study.study import Observer

POLL_SECONDS = 0.5  # Between two looks at how far the trials are.
CONNECT_SECONDS = 10  # To wait for the head of a cluster.


class Slot(Protocol):
    """A place for one trial at a time, in a process of its own."""

    def run(self, trial: Trial, wait: bool, since: float) -> TrialRecord | None:
        """Runs a trial; see `Runner.run`.

        Raises:
            LostError: The process died.
        """
        ...

    def close(self) -> None:
        """Ends the process, whatever it does."""
        ...


class LostError(Exception):
    """The process that ran a trial died; the message says how."""


@dataclass(frozen=True)
class Processes:
    """The executor of `--jobs`: processes on this machine.

    Attributes:
        jobs: How many, each with its share of the cores' threads.
    """

    jobs: int

    def run(
        self,
        runner: Runner,
        trials: Sequence[Trial],
        observer: "Observer",
        wait: bool,
        since: float,
    ) -> Iterator[tuple[Trial, TrialRecord | None]]:
        """Runs trials; see `study.Executor`."""
        threads = max(1, len(cores()) // self.jobs)
        variables = environment_variables(threads)
        count = min(self.jobs, len(trials))
        yield from _run(
            [lambda: _LocalSlot(runner, variables)] * count,
            runner,
            trials,
            observer,
            wait,
            since,
        )


@dataclass(frozen=True)
class RayCluster:
    """The executor of `--engine ray`: processes on the nodes of a cluster.

    Attributes:
        address: Of its head, such as `"10.0.0.1:6379"`; None for the one that
            runs on this machine, or for a new one of this machine alone.
        jobs: How many processes; by default one a node.
    """

    address: str | None = None
    jobs: int | None = None

    def run(
        self,
        runner: Runner,
        trials: Sequence[Trial],
        observer: "Observer",
        wait: bool,
        since: float,
    ) -> Iterator[tuple[Trial, TrialRecord | None]]:
        """Runs trials; see `study.Executor`."""
        if not trials:
            return
        with _ray(self.address) as ray:
            nodes = [node for node in ray.nodes() if node["Alive"]]
            jobs = self.jobs or len(nodes)
            each = math.ceil(jobs / len(nodes))
            fewest = min(int(n["Resources"].get("CPU", 0)) for n in nodes)
            gpus = ray.cluster_resources().get("GPU", 0)
            threads = max(1, fewest // each)
            options = {
                "num_cpus": threads,
                "num_gpus": min(1.0, gpus / jobs),
                "max_restarts": 0,
                "runtime_env": {"env_vars": environment_variables(threads)},
            }
            count = min(jobs, len(trials))
            yield from _run(
                [lambda: _RaySlot(ray, runner, options)] * count,
                runner,
                trials,
                observer,
                wait,
                since,
            )


def environment_variables(threads: int) -> dict[str, str]:
    """Returns what a process needs to know before it starts Keras.

    Args:
        threads: That it may start.

    Returns:
        Environment variables by name: the backend of this process, the limits
        of NumPy's, TensorFlow's, PyTorch's (OMP) and XLA's (NPROC) threads, and
        that a GPU is shared with others.
    """
    import keras

    return {
        "KERAS_BACKEND": keras.backend.backend(),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        # Where a process ends is told in a line; set it to know more.
        "PYTHONFAULTHANDLER": os.environ.get("PYTHONFAULTHANDLER", ""),
        **{
            name: str(threads)
            for name in (
                "OMP_NUM_THREADS",
                "OPENBLAS_NUM_THREADS",
                "MKL_NUM_THREADS",
                "TF_NUM_INTRAOP_THREADS",
                "TF_NUM_INTEROP_THREADS",
                "NPROC",
            )
        },
    }


def _run(
    makers: Sequence[Callable[[], Slot]],
    runner: Runner,
    trials: Sequence[Trial],
    observer: "Observer",
    wait: bool,
    since: float,
) -> Iterator[tuple[Trial, TrialRecord | None]]:
    """Runs trials, as many at a time as there are slots."""
    import joblib

    if not trials:
        return
    free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
    slots: list[Slot] = []
    for make in makers:
        slots.append(make())
        free.put(slots[-1])
    watch = _Watch(runner.folder, observer)

    def on_a_slot(trial: Trial) -> tuple[Trial, TrialRecord | None]:
        slot = free.get()
        watch.begin(trial)
        try:
            return trial, slot.run(trial, wait, since)
        except LostError as error:
            return trial, runner.lost(trial, reason_of(error))
        finally:
            watch.end(trial)
            free.put(slot)

    parallel = joblib.Parallel(
        n_jobs=len(slots),
        backend="threading",
        return_as="generator_unordered",
        pre_dispatch="n_jobs",
    )
    try:
        with watch:
            yield from parallel(joblib.delayed(on_a_slot)(t) for t in trials)
    finally:
        for slot in slots:
            slot.close()


class _Watch:
    """Tells an observer how far trials are that other processes run.

    They write so into files, which any engine has: see `_WorkerSide`.
    """

    def __init__(self, folder: Path, observer: "Observer") -> None:
        self._folder = folder
        self._observer = observer
        self._running: dict[str, tuple[Trial, int]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *details: object) -> None:
        self._over.set()
        self._thread.join()

    def begin(self, trial: Trial) -> None:
        with self._lock:
            self._running[trial.name] = trial, 0
            self._observer.trial_started(trial)

    def end(self, trial: Trial) -> None:
        with self._lock:
            del self._running[trial.name]
        _epoch_path(self._folder, trial).unlink(missing_ok=True)

    def _look(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            with self._lock:
                for name, (trial, told) in self._running.items():
                    try:
                        path = _epoch_path(self._folder, trial)
                        epoch, logs = json.loads(path.read_text())
                    except (FileNotFoundError, ValueError):
                        continue
                    if epoch != told:
                        self._running[name] = trial, epoch
                        self._observer.epoch_ended(trial, epoch, logs)


def _epoch_path(folder: Path, trial: Trial) -> Path:
    return folder / "locks" / f"{trial.name}.epoch.json"


class _WorkerSide:
    """Runs trials in a process of its own; `_Watch` reads what it writes."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled
        self._runner: Runner | None = None

    def run(self, trial: Trial, wait: bool, since: float) -> TrialRecord | None:
        if self._runner is None:
            try:
                self._runner = self._start()
            except Exception as error:
                raise LostError(
                    f"its process cannot start: {reason_of(error)}"
                ) from None
        path = _epoch_path(self._runner.folder, trial)

        def on_epoch(epoch: int, logs: Mapping[str, float]) -> None:
            told = {name: float(value) for name, value in logs.items()}
            write_json(path, [epoch, told])

        return self._runner.run(trial, on_epoch, wait, since)

    def _start(self) -> Runner:
        import pickle

        from demos.common.backend import choose_backend
        from demos.common.backend import set_up
        from demos.common.backend import start_keras

        choose_backend(None)
        start_keras()
        runner, settings = pickle.loads(self._pickled)
        set_up(settings)
        return runner


_side: _WorkerSide | None = None  # Of a process that is a `_LocalSlot`'s.


def _start(pickled: bytes, parent: int) -> None:
    global _side
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Its parent sees to that.
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _side = _WorkerSide(pickled)


def _end_with(parent: int) -> None:
    """Ends this process when its parent has been killed."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)


def _run_there(trial: Trial, wait: bool, since: float) -> TrialRecord | None:
    assert _side is not None
    return _side.run(trial, wait, since)


def _pickled(runner: Runner) -> bytes:
    """Pickles a runner, and how Keras is set up."""
    import cloudpickle

    from demos.common.backend import settings

    # By value where pickle cannot: what a notebook has defined.
    try:
        return cloudpickle.dumps((runner, settings()))
    except TypeError as error:
        raise UserError(
            f"The trials cannot be sent to other processes ({error}); leave "
            "--jobs and --engine out"
        ) from None


class _LocalSlot:
    """A pool of one process on this machine."""

    def __init__(self, runner: Runner, variables: Mapping[str, str]) -> None:
        self._pickled = _pickled(runner)
        self._variables = dict(variables)
        self._pool: Any = None

    def run(self, trial: Trial, wait: bool, since: float) -> TrialRecord | None:
        from joblib.externals.loky import ProcessPoolExecutor
        from joblib.externals.loky.process_executor import BrokenProcessPool

        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                max_workers=1,
                initializer=_start,
                initargs=(self._pickled, os.getpid()),
                env=self._variables,
            )
        try:
            with _uninterrupted():
                future = self._pool.submit(_run_there, trial, wait, since)
            return future.result()
        except BrokenProcessPool as error:
            self.close()
            raise LostError(_how(error)) from None

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, kill_workers=True)
            self._pool = None


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Lets no Ctrl-C come to this thread, nor ever to processes begun in it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as lokys

    for tracker in (resource_tracker, lokys):
        tracker.ensure_running()  # Its own start would let them through again.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _how(error: Exception) -> str:
    """Says how a process ended, as loky does among much else."""
    text = str(error)
    code = re.search(r"\b(SIG\w+|EXIT)\((-?\d+)\)", text)
    if code is None:
        return "its process ended: " + " ".join(text.split())[:200]
    if code[1] == "EXIT":
        return f"its process ended with exit code {code[2]}"
    memory = " (by lack of memory?)" if code[1] == "SIGKILL" else ""
    return f"its process was ended by {code[1]}{memory}"


class _RaySlot:
    """An actor of Ray."""

    def __init__(
        self, ray: Any, runner: Runner, options: Mapping[str, Any]
    ) -> None:
        self._ray = ray
        self._options = dict(options)
        self._pickled = _pickled(runner)
        self._actor: Any = None

    def run(self, trial: Trial, wait: bool, since: float) -> TrialRecord | None:
        ray = self._ray
        if self._actor is None:
            self._actor = (
                ray.remote(_WorkerSide)
                .options(**self._options)
                .remote(self._pickled)
            )
        try:
            return ray.get(self._actor.run.remote(trial, wait, since))
        except ray.exceptions.RayActorError as error:
            self._actor = None
            first = str(error).strip().partition("\n")[0]
            raise LostError(f"its process ended: {first}") from None
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None

    def close(self) -> None:
        if self._actor is not None:
            self._ray.kill(self._actor)
            self._actor = None


@contextlib.contextmanager
def _ray(address: str | None) -> Iterator[Any]:
    """Connects to a cluster, whose nodes then have this code."""
    import logging

    import keras_serf

    if address is not None:
        _check_listens(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Or it writes to stdout of each worker that dies, which is told anyway.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    try:
        import ray
    except ImportError:
        raise UserError(
            "--engine ray needs Ray; install it with: pip install ray"
        ) from None
    packages = [Path(__file__).parents[1], Path(keras_serf.__file__).parent]
    try:
        ray.init(
            address=address,
            include_dashboard=False if address is None else None,
            runtime_env={
                "py_modules": [str(package) for package in packages],
                "excludes": ["*.png", "*.ipynb"],
            },
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise UserError(
            f"Ray cannot be reached at --address {address}: {first}"
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_listens(address: str) -> None:
    """Checks that something listens, for which Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # Ray knows other addresses too, such as "auto".
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"Ray cannot be reached at --address {address}: {error}"
        ) from None

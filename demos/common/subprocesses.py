"""Functions that run in child processes, each with its own Keras backend.

Keras has one backend per process. To compare backends, or to run several trials
at once, functions are called in child processes:

    def measure(plan, emit):  # At the top level of a module.
        emit("timing", {"seconds": 0.5})
        return "done"

    with ChildProcess(measure, "jax", threads=1, log=path) as child:
        result = child.call(plan, on_event=lambda kind, content: ...)

The child starts Keras, then imports the module of the function. It stays alive
for further calls. If it dies, the next call starts a new child.
"""

import contextlib
import functools
import json
import os
import pickle
import re
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, Self

import cloudpickle
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend import resource_tracker as loky_tracker
from joblib.externals.loky.process_executor import BrokenProcessPool

from demos.common.backend import choose_backend, silenced, start_keras
from demos.common.errors import UnfinishedError, UserError, reason_of

OnEvent = Callable[[str, Any], None]
POLL_SECONDS = 0.1  # Interval at which events of a child are read.


class EndedEarlyError(UnfinishedError):
    """A process ended before its work was done; the message says why."""


class ChildProcess:
    """A process that calls one function repeatedly.

    It ignores Ctrl-C, which its parent handles, and ends with its parent.

    Args:
        function: Function that the child calls with the arguments of `call` and
            with `emit`, a function that sends `(kind, content)` to the parent.
            It is sent once, pickled by cloudpickle here or earlier. Data that
            stays in the child can be bound to it with `functools.partial`.
        backend: The Keras backend of the child.
        threads: The number of threads that numerical libraries may start.
        log: File to which the child appends its stdout and stderr; by default
            it shares those of this process.
        **variables: Additional environment variables of the child.

    Raises:
        TypeError, pickle.PicklingError: If the function cannot be pickled.
        UserError: In a frozen application, whose executable is not Python.
    """

    def __init__(
        self,
        function: Callable[..., Any] | bytes,
        backend: str,
        threads: int | None = None,
        log: Path | None = None,
        **variables: str,
    ) -> None:
        if getattr(sys, "frozen", False):  # It would start itself, endlessly.
            raise UserError(
                "a frozen application cannot start child processes; omit jobs"
            )
        self._function = (
            function
            if isinstance(function, bytes)
            else cloudpickle.dumps(function)
        )
        self._variables = environment_variables(backend, threads) | variables
        self._log = log
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()  # Another thread may close it.
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def call(
        self, *arguments: Any, on_event: OnEvent = lambda kind, content: None
    ) -> Any:
        """Calls the function in the child and returns its result.

        Args:
            *arguments: Arguments of the function; they are pickled.
            on_event: Function called in this thread with each kind and content
                that the function emits. The content is converted by JSON.

        Raises:
            UserError: If the function raised it.
            EndedEarlyError: If the function raised another error, or the child
                could not start or died.
            RuntimeError: If the child is or was closed.
        """
        with tempfile.TemporaryDirectory() as folder:
            events = Path(folder, "events")
            events.touch()
            try:
                future = self._submit(cloudpickle.dumps(arguments), events)
                with events.open() as lines:
                    done, rest = False, ""
                    while not done:
                        done = bool(wait([future], POLL_SECONDS).done)
                        *whole, rest = (rest + lines.read()).split("\n")
                        for line in whole:
                            on_event(*json.loads(line))
                return future.result()
            except BrokenProcessPool as error:
                self._stop()
                raise EndedEarlyError(_cause(error, self._log)) from None

    def close(self) -> None:
        """Ends the process, even if it is busy."""
        with self._lock:
            self._closed = True
            self._stop()

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, kill_workers=True)
            self._pool = None

    def _submit(self, arguments: bytes, events: Path) -> Any:
        with self._lock, _interrupts_blocked():
            if self._closed:
                raise RuntimeError("the child process is closed")
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    max_workers=1,
                    initializer=_start,
                    initargs=(self._function, os.getpid(), self._log),
                    env=self._variables,
                )
            return self._pool.submit(_call, arguments, events)


def environment_variables(
    backend: str, threads: int | None = None
) -> dict[str, str]:
    """Returns the environment variables of a child that runs Keras.

    Args:
        backend: The Keras backend.
        threads: The number of threads that each of NumPy, TensorFlow, PyTorch
            (OMP) and XLA (NPROC) may start; by default not limited.
    """
    limits = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "NPROC",
    )
    return {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Several processes may share a GPU.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        # Loky would print a traceback for each process that dies.
        "PYTHONFAULTHANDLER": os.environ.get("PYTHONFAULTHANDLER", ""),
        **dict.fromkeys(limits if threads else (), str(threads)),
    }


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Blocks Ctrl-C in this thread and in the processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    for tracker in (resource_tracker, loky_tracker):
        tracker.ensure_running()  # Its start would unblock Ctrl-C later.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cause(error: Exception, log: Path | None) -> str:
    """Returns a short reason why a process ended, from loky's long message."""
    text = " ".join(str(error).split())
    code = re.search(r"\b(SIG\w+|EXIT)\((-?\d+)\)", text)
    if code is None:
        cause = f"its process ended: {text[:200]}"
    elif code[1] == "EXIT":
        cause = f"its process ended with exit code {code[2]}"
    else:
        memory = " (out of memory?)" if code[1] == "SIGKILL" else ""
        cause = f"its process was ended by {code[1]}{memory}"
    lines = log.read_text(errors="replace").split("\n") if log else []
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"{cause}: {last}" if last else cause


# In the child.

_pickled = b""
_logged = False


@functools.cache
def load_function(pickled: bytes) -> Callable[..., Any]:
    """Starts Keras in this process, then unpickles a function.

    Raises:
        EndedEarlyError: If Keras cannot start or unpickling fails.
    """
    try:
        choose_backend(None)
        start_keras(())
        with silenced():  # It imports the module of the function.
            return pickle.loads(pickled)
    except Exception as error:
        raise EndedEarlyError(
            f"its process cannot start: {reason_of(error)}"
        ) from None


def _start(pickled: bytes, parent: int, log: Path | None) -> None:
    global _pickled, _logged
    _pickled, _logged = pickled, log is not None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if log is not None:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        # Line-buffered, because a killed process does not flush its output.
        sys.stdout = os.fdopen(1, "w", 1, errors="replace", closefd=False)


def _end_with(parent: int) -> None:
    """Ends this process if its parent has been killed."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)


def _call(arguments: bytes, events: Path) -> Any:
    try:
        function = load_function(_pickled)
        with events.open("a") as file:

            def emit(kind: str, content: Any) -> None:
                print(json.dumps([kind, content]), file=file, flush=True)

            return function(*pickle.loads(arguments), emit=emit)
    except UserError:
        raise
    except Exception as error:  # The parent may not have its class.
        if _logged:
            traceback.print_exc()
        raise EndedEarlyError(reason_of(error)) from None

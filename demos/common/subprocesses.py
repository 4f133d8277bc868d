"""Functions that run in child processes, each with its own Keras backend.

Keras has one backend per process, so what compares backends (or runs several
trials at once) calls functions in child processes:

    def measure(plan, emit):  # At the top level of a module.
        emit("timing", {"seconds": 0.5})
        return "done"

    with ChildProcess(measure, "jax", threads=1, log=path) as child:
        result = child.call(plan, on_event=lambda kind, content: ...)

The child starts Keras first, then imports the module of the function. It stays
for further calls; after a death the next call starts another one.
"""

import contextlib
import functools
import importlib.util
import itertools
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import wait
from multiprocessing import resource_tracker
from pathlib import Path
from typing import IO
from typing import Any
from typing import Self

import cloudpickle
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend import resource_tracker as loky_tracker
from joblib.externals.loky.process_executor import BrokenProcessPool

from demos.common.backend import choose_backend
from demos.common.backend import silenced
from demos.common.backend import start_keras
from demos.common.errors import UnfinishedError
from demos.common.errors import UserError
from demos.common.errors import reason_of
from demos.common.files import check_writable

OnEvent = Callable[[str, Any], None]
POLL_SECONDS = 0.1  # Between two looks at what a child has emitted.
Emit = OnEvent
RESULTS = "results.json"  # In each folder that holds some.


class EndedEarlyError(UnfinishedError):
    """A process ended before its work was done; the message says how."""


class ChildProcess:
    """A process that calls one function, again and again.

    It ignores Ctrl-C, which its parent handles, and ends with its parent.

    Args:
        function: Is called in the child with the arguments of `call` and, as
            `emit`, a function that sends `(kind, content)` to the parent. It is
            sent once, pickled by cloudpickle here or before; data that stays in
            the child can be a part of it, by `functools.partial`.
        backend: The Keras backend of the child.
        threads: The number of threads that numerical libraries may start.
        log: A file to which the child appends its stdout and stderr; by
            default it shares those of this process.
        **variables: Further environment variables of the child.

    Raises:
        TypeError, pickle.PicklingError: The function cannot be pickled.
    """

    def __init__(
        self,
        function: Callable[..., Any] | bytes,
        backend: str,
        threads: int | None = None,
        log: Path | None = None,
        **variables: str,
    ) -> None:
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
        """Calls the function in the child and returns what it returns.

        Args:
            *arguments: Arguments of the function; they are pickled.
            on_event: Is called, in this thread, with each kind and content that
                the function emits, the content as JSON represents it.

        Raises:
            UserError: The function raised it.
            EndedEarlyError: The function raised another error, or the child
                cannot start, or it died.
            RuntimeError: The child is closed, or was closed meanwhile.
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
        """Ends the process, whatever it does."""
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
        # Loky would print a traceback of each process that dies.
        "PYTHONFAULTHANDLER": os.environ.get("PYTHONFAULTHANDLER", ""),
        **dict.fromkeys(limits if threads else (), str(threads)),
    }


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Blocks Ctrl-C in this thread and in processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    for tracker in (resource_tracker, loky_tracker):
        tracker.ensure_running()  # Their own start would unblock it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cause(error: Exception, log: Path | None) -> str:
    """Says how a process ended, which loky reports in a long message."""
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
        EndedEarlyError: One of them fails.
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


def _end_with(parent: int) -> None:
    """Ends this process when its parent has been killed."""
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
    except Exception as error:  # The parent may not know its class.
        if _logged:
            traceback.print_exc()
        raise EndedEarlyError(reason_of(error)) from None


def events(
    module: str, backend: str, task: Any, log: IO[str], **variables: str
) -> Generator[tuple[str, Any], None, None]:
    """Runs `work(task)` of a module in a process of its own.

    Args:
        module: Its name.
        backend: Of Keras, there.
        task: What is to be done; `work` is given it as JSON.
        log: Takes what the process writes to stdout and stderr.
        **variables: Of its environment, besides those of this process.

    Yields:
        Kind and content of what `work` emits.

    Raises:
        EndedEarlyError: It did not come to its end.
    """
    root = str(Path(__file__).resolve().parents[2])
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **variables,
        "PYTHONPATH": os.pathsep.join(
            filter(None, [root, os.environ.get("PYTHONPATH")])
        ),
    }
    code = f"import sys; from {module} import work; work(sys.argv[1])"
    with subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(task)],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=environment,
    ) as process:
        try:
            for line in process.stdout or ():
                kind, content = json.loads(line)
                yield kind, content
            process.wait()
        finally:
            process.kill()
    if process.returncode:
        log.seek(0)
        last = ([""] + log.read().strip().splitlines())[-1]
        raise EndedEarlyError(
            f"the process ended early (exit code {process.returncode}): {last}"
        )


def emitter() -> Emit:
    """Prepares this process, one that `events` runs, to write what it finds.

    Returns:
        A function of kind and content. Whatever else is printed from now on
        goes to the log.
    """
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def emit(kind: str, content: Any) -> None:
        print(json.dumps([kind, content]), file=lines, flush=True)

    return emit


def free_folder(wanted: Path | None, usual: Path) -> Path:
    """Chooses the folder to write, so that no results are overwritten.

    Args:
        wanted: The one asked for, if any.
        usual: The one for when none is.

    Returns:
        That one, or `usual`, or `usual` with the first free number behind it.

    Raises:
        UserError: The folder holds results, or cannot be written.
    """
    folder = wanted or usual
    check_writable(folder)
    if wanted is not None and _taken(folder):
        raise UserError(
            f"{folder} holds results already; choose another --out, or delete "
            "that folder"
        )
    numbered = (
        usual.with_name(f"{usual.name}-{n}") for n in itertools.count(2)
    )
    candidates = itertools.chain([folder], numbered)
    return next(each for each in candidates if not _taken(each))


def _taken(folder: Path) -> bool:
    return (folder / RESULTS).exists()


def installed(backends: Sequence[str]) -> list[str]:
    """Leaves out the backends that are not installed, a line on stderr each.

    Args:
        backends: Those asked for.

    Returns:
        The others.

    Raises:
        UserError: None is left.
    """
    found = []
    for backend in dict.fromkeys(backends):
        if importlib.util.find_spec(backend) is not None:
            found.append(backend)
        else:
            print(f"{backend} is not installed: left out", file=sys.stderr)
    if not found:
        raise UserError(
            f"Expected a backend that is installed. Received: --backends "
            f"{' '.join(backends)}; install one with: "
            'pip install -e ".[tensorflow,demos]"'
        )
    return found


def check_names(flag: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Checks an option that takes names.

    Args:
        flag: The option.
        names: Those given.
        known: Those that there are.

    Raises:
        UserError: None is given, or one that there is not.
    """
    if not names or not set(names) <= set(known):
        raise UserError(
            f"Expected {flag} to be of {', '.join(known)}. Received: "
            f"{' '.join(names) or 'none'}"
        )

"""What commands that measure every backend share: processes, and a folder.

Keras has but one backend in a process. So each is measured in a process of its
own, which writes what it finds, a line of JSON each, to its parent.
"""

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from typing import Any

from demos.common.errors import UserError

Emit = Callable[[str, Any], None]
RESULTS = "results.json"  # In each folder that holds some.


class EndedEarlyError(Exception):
    """A process ended before its work; the message says how."""


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
    from demos.common.files import check_writable

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

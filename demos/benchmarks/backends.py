"""Runs a benchmark on one backend after another, each in a child process."""

import functools
import importlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from demos.common.errors import UserError
from demos.common.progress import progress_bar
from demos.common.subprocesses import ChildProcess, Emit, OnEvent


def child(module: str, backend: str, log: Path, **options: Any) -> ChildProcess:
    """Returns a process whose calls are `module.measure(task, emit)`.

    Only the child imports the module, which may import Keras at the top.
    """
    return ChildProcess(
        functools.partial(_measure, module), backend, log=log, **options
    )


def _measure(module: str, task: Any, emit: Emit) -> Any:
    return importlib.import_module(module).measure(task, emit)


def run(
    module: str,
    tasks: Mapping[str, Any],
    logs: Path,
    unit: str,
    on_result: OnEvent,
    **options: Any,
) -> tuple[list[str], bool]:
    """Calls `module.measure(task, emit)` once on each backend.

    A call emits `("total", number of units)`, `("begin", name of a unit)` and
    `("advance", number of units)`, which move a progress bar, and results.

    Args:
        module: See `child`.
        tasks: The task of each backend, by its name.
        logs: The folder for what the children print.
        unit: Plural of what the bar counts.
        on_result: Is called with the kind and content of each result.
        **options: Further arguments of `ChildProcess`.

    Returns:
        What failed, a line for each backend, and whether the user interrupted
        the benchmark.
    """
    make_folder(logs)
    failures: list[str] = []
    for backend, task in tasks.items():
        log = logs / f"{backend}.txt"
        bar = progress_bar(None, unit, desc=backend, unit_scale=True)
        on_event = functools.partial(_on_event, bar, backend, on_result)
        try:
            with bar, child(module, backend, log, **options) as process:
                process.call(task, on_event=on_event)
        except KeyboardInterrupt:
            return failures, True
        except UserError as error:
            failures.append(f"{backend}: {error}; see {log}")
    return failures, False


def _on_event(
    bar: Any, backend: str, on_result: OnEvent, kind: str, content: Any
) -> None:
    if kind == "total":
        bar.reset(total=content)
    elif kind == "begin":
        bar.set_description_str(f"{backend}: {content}")
    elif kind == "advance":
        bar.update(content)
    else:
        on_result(kind, content)


def make_folder(folder: Path) -> None:
    """Makes a folder and its parents, or raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}") from None


def finish(folder: Path, failures: list[str], interrupted: bool) -> int:
    """Says on stderr what failed and where the results are.

    Returns the exit code: 130 if interrupted, 1 if anything failed, else 0.
    """
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    begin = "interrupted: what was measured is in" if interrupted else "wrote"
    print(f"{begin} {folder}", file=sys.stderr)
    return 130 if interrupted else 1 if failures else 0


def describe(environments: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns a line of Markdown for what `environment()` returned there."""
    return [
        f"- {each['backend']} {each[each['backend']]}, keras {each['keras']}, "
        f"keras_serf {each['keras_serf']}, {each['devices']}: "
        f"{each['processor']}, {each['cores']} cores"
        for each in environments
    ]

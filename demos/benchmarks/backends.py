"""Runs a benchmark on one backend after another, each in a child process."""

import contextlib
import functools
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demos.common.errors import UserError
from demos.common.progress import progress_bar
from demos.common.subprocesses import ChildProcess, EndedEarlyError, OnEvent


@dataclass
class Outcome:
    """Information on a benchmark run besides its results."""

    environments: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    interrupted: bool = False  # Whether the user interrupted it.

    def finish(self, folder: Path) -> int:
        """Prints failures and the folder of the results to stderr.

        Returns the exit code: 130 if interrupted, 1 if anything failed, else 0.
        """
        for failure in self.failures:
            print(f"error: {failure}", file=sys.stderr)
        where = "interrupted: partial results are in"
        print(where if self.interrupted else "wrote", folder, file=sys.stderr)
        return 130 if self.interrupted else 1 if self.failures else 0

    def describe(self) -> list[str]:
        """Returns a line of Markdown for the environment of each backend."""
        return [
            f"- {each['backend']} {each[each['backend']]}, keras "
            f"{each['keras']}, keras_serf {each['keras_serf']}, "
            f"{each['devices']}: {each['processor']}, {each['cores']} cores"
            for each in self.environments
        ]


def calls(
    module: str,
    tasks: Mapping[str, Sequence[Any]],
    folder: Path,
    outcome: Outcome,
    fresh: bool = False,
    **options: Any,
) -> Iterator[tuple[str, Any, Any]]:
    """Calls `module.measure(task)` in a child process for each task.

    A task that fails or kills its process does not stop the others.

    Args:
        module: Name of a module, which only child processes import.
        tasks: The tasks of each backend, by its name.
        folder: Folder for the logs of the child processes.
        outcome: Receives environments, failed backends and interrupts.
        fresh: Whether each task runs in a new process.
        **options: Additional arguments of `ChildProcess`.

    Yields:
        The backend, the task, and its result or an `EndedEarlyError`.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for backend, todo in tasks.items():
        log = logs / f"{backend}.txt"
        function = functools.partial(_measure, module)
        start = functools.partial(
            ChildProcess, function, backend, log=log, **options
        )
        bar = progress_bar(len(todo), "tasks", desc=backend)
        with bar, contextlib.ExitStack() as processes:
            process = processes.enter_context(start())
            try:
                if not fresh:
                    outcome.environments.append(process.call(None))
                for task in todo:
                    bar.set_description_str(f"{backend}: {task}")
                    result: Any
                    try:
                        result = process.call(task)
                    except EndedEarlyError as error:
                        result = error
                    yield backend, task, result
                    bar.update()
                    if fresh:
                        process.close()
                        process = processes.enter_context(start())
            except KeyboardInterrupt:
                outcome.interrupted = True
                return
            except UserError as error:
                outcome.failures.append(f"{backend}: {error}; see {log}")


def _measure(module: str, task: Any, emit: OnEvent) -> Any:
    if task is None:
        # This imports Keras, which only child processes do.
        from demos.common.environment import environment

        return environment()
    return importlib.import_module(module).measure(task)

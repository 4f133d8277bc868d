"""The command of a benchmark: parse, check, and only then import the rest.

A benchmark describes itself once, as a `Benchmark` in its `options.py`, which
imports nothing heavy, so that `--help` and a mistyped option answer at once.
The function `run(options, backends, folder)` in its `run.py` does the work.
"""

import importlib
import importlib.util
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demos.common.cli import parse
from demos.common.errors import UserError
from demos.common.files import check_writable

RESULTS = "results.json"  # Every folder that holds results has this file.


@dataclass(frozen=True)
class Benchmark:
    """One benchmark, as the command line starts it."""

    name: str  # Of the command, and of the package in `demos.benchmarks`.
    options: type[Any]  # A dataclass with `backends` and `out`.
    check: Callable[[Any], None]  # Raises UserError for a bad value.

    def main(self, arguments: Sequence[str]) -> int:
        """Runs the command with its arguments and returns the exit code."""
        options = parse(self.options, arguments, f"python -m demos {self.name}")
        self.check(options)
        folder = free_folder(options.out, Path("runs", self.name))
        backends = installed(options.backends)
        module = importlib.import_module(f"{__package__}.{self.name}.run")
        return module.run(options, backends, folder)


def free_folder(out: Path | None, default: Path) -> Path:
    """Returns `out`, or `default` with a number appended if that is needed.

    Raises:
        UserError: `out` holds results, or cannot be written.
    """
    folder = out or default
    check_writable(folder)
    if out is not None and (out / RESULTS).exists():
        raise UserError(
            f"{out} holds results already; choose another --out, or delete "
            "that folder"
        )
    numbers = itertools.count(2)
    while (folder / RESULTS).exists():
        folder = default.with_name(f"{default.name}-{next(numbers)}")
    return folder


def installed(backends: Sequence[str]) -> list[str]:
    """Returns the installed backends; a line on stderr names the others."""
    available = []
    for backend in dict.fromkeys(backends):
        if importlib.util.find_spec(backend) is not None:
            available.append(backend)
        else:
            print(f"{backend} is not installed: skipped", file=sys.stderr)
    if not available:
        raise UserError(
            f"Expected a backend that is installed. Received: --backends "
            f"{' '.join(backends)}; install one with: "
            'pip install -e ".[tensorflow,demos]"'
        )
    return available


def check_names(
    option: str, names: Sequence[str], known: Sequence[str]
) -> None:
    """Raises UserError if there is no name, or one that is not known."""
    if not names or not set(names) <= set(known):
        raise UserError(
            f"Expected {option} to be among {', '.join(known)}. Received: "
            f"{' '.join(names) or 'none'}"
        )


def check_positive(option: str, *values: float) -> None:
    """Raises UserError if a number is zero, negative or not finite."""
    for value in values:
        if not 0 < value < float("inf"):
            raise UserError(f"Expected {option} above 0. Received: {value}")

"""The command of a benchmark: it parses and checks before heavy imports.

Each benchmark defines a `Benchmark` in its `options.py`, which imports nothing
heavy, so that `--help` and errors in options appear at once. The function
`run(options, backends, folder)` in its `run.py` does the work.
"""

import importlib
import importlib.util
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demos.common.backend import TRAINING
from demos.common.cli import OptionalPath, parse
from demos.common.errors import UserError
from demos.common.files import check_writable

RESULTS = "results.json"  # In every folder with results.


@dataclass(frozen=True)
class BenchmarkOptions:
    """Options of every benchmark."""

    backends: tuple[str, ...] = TRAINING
    """Keras backends to use. Backends that are not installed are skipped."""

    out: OptionalPath = None
    """Output folder. The default is runs/ and the name of the command, with a
    number appended if that folder already has results."""


@dataclass(frozen=True)
class Benchmark:
    """The command-line interface of a benchmark."""

    name: str  # Name of the command and of the package in `demos.benchmarks`.
    options: type[BenchmarkOptions]
    check: Callable[[Any], None]  # Raises UserError if a value is invalid.

    def main(self, arguments: Sequence[str]) -> int:
        """Runs the command with its arguments and returns the exit code."""
        options = parse(self.options, arguments, f"python -m demos {self.name}")
        self.check(options)
        folder = free_folder(options.out, Path("runs", self.name))
        backends = installed(options.backends)
        module = importlib.import_module(f"{__package__}.{self.name}.run")
        return module.run(options, backends, folder)


def free_folder(out: Path | None, default: Path) -> Path:
    """Returns `out`, or `default` with a number appended if necessary.

    Raises:
        UserError: If `out` already has results, or cannot be written.
    """
    folder = out or default
    check_writable(folder)
    if out is not None and (out / RESULTS).exists():
        raise UserError(
            f"{out} already has results; choose another --out, or delete "
            "that folder"
        )
    numbers = itertools.count(2)
    while (folder / RESULTS).exists():
        folder = default.with_name(f"{default.name}-{next(numbers)}")
    return folder


def installed(backends: Sequence[str]) -> list[str]:
    """Returns the installed backends; prints the others to stderr."""
    available = []
    for backend in dict.fromkeys(backends):
        if importlib.util.find_spec(backend) is not None:
            available.append(backend)
        else:
            print(f"{backend} is not installed: skipped", file=sys.stderr)
    if not available:
        raise UserError(
            f"--backends must include an installed backend. Received: "
            f"{' '.join(backends)}. Install one with: "
            'pip install -e ".[tensorflow,demos]"'
        )
    return available


def check_names(
    option: str, names: Sequence[str], known: Sequence[str]
) -> None:
    """Raises UserError if there is no name, or an unknown one."""
    if not names or not set(names) <= set(known):
        raise UserError(
            f"{option} must be among {', '.join(known)}. Received: "
            f"{' '.join(names) or 'none'}"
        )


def check_positive(option: str, *values: float) -> None:
    """Raises UserError if a number is zero, negative, not finite or missing."""
    if not values:
        raise UserError(f"{option} needs at least one value")
    for value in values:
        if not 0 < value < float("inf"):
            raise UserError(f"{option} must be above 0. Received: {value}")

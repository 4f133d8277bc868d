"""Tries activations on many numbers; runs in a process of one backend."""

import collections
import functools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

from demos.benchmarks.accuracy.compare import compare_apart
from demos.benchmarks.accuracy.errors import QUANTITIES
from demos.benchmarks.accuracy.errors import Errors
from demos.benchmarks.accuracy.exact import OTHERS
from demos.benchmarks.accuracy.exact import Exact
from demos.benchmarks.accuracy.exact import exact
from demos.benchmarks.accuracy.inputs import Chunk
from demos.benchmarks.accuracy.inputs import everything
from demos.benchmarks.accuracy.inputs import sample
from demos.benchmarks.accuracy.options import AccuracyOptions
from demos.benchmarks.execution_modes import Evaluate
from demos.benchmarks.execution_modes import UnavailableError
from demos.benchmarks.execution_modes import evaluator
from demos.benchmarks.execution_modes import version
from demos.benchmarks.names import COMPILED
from demos.benchmarks.names import COMPOSED
from demos.benchmarks.names import EAGER
from demos.benchmarks.names import FRAMEWORK_MODES
from demos.benchmarks.names import GRAPH
from demos.benchmarks.names import SERF
from demos.benchmarks.reference_activations import reference_activations
from demos.common.errors import reason_of
from demos.common.subprocesses import Emit

Array = NDArray[Any]

BLOCK = 2**18  # How many numbers a framework is given at once.


@dataclass(frozen=True)
class Subject:
    """What is measured: an activation in a mode and a dtype."""

    activation: str
    mode: str
    dtype: str


@dataclass(frozen=True)
class Sweep:
    """Numbers, and the subjects that are tried on all of them.

    Attributes:
        chunks: The numbers, of one dtype.
        subjects: The subjects, of the same dtype.
        block: How many numbers a subject is given at once.
    """

    chunks: Sequence[Chunk]
    subjects: Sequence[Subject]
    block: int


@dataclass
class Row:
    """The errors of a subject.

    Attributes:
        subject: The subject.
        errors: By quantity, over all numbers.
        reason: Why it was not measured, or not on all numbers.
    """

    subject: Subject
    errors: dict[str, Errors] = field(default_factory=dict)
    reason: str = ""


def measure(options: AccuracyOptions, emit: Emit) -> None:
    """Measures everything on the active backend.

    Args:
        options: The options of the command.
        emit: Is sent each row as a dictionary, with the backend, `version` of
            what runs the subject and `source` of its activation.
    """
    activations = reference_activations()

    def build(subject: Subject, size: int) -> Evaluate:
        orders = 2 if subject.activation in (SERF, COMPOSED) else 1
        function = activations[subject.activation].function
        return evaluator(function, subject.mode, subject.dtype, size, orders)

    sweeps = plan(options)
    emit("total", sum(map(_size, sweeps)))
    for sweep in sweeps:
        for row in run(sweep, build, emit, options.jobs):
            emit(
                "row",
                {
                    "backend": keras.backend.backend(),
                    "version": version(row.subject.mode),
                    "source": activations[row.subject.activation].source,
                    **asdict(row),
                },
            )


def plan(options: AccuracyOptions) -> list[Sweep]:
    """Decides what is tried on which numbers.

    Serf is tried in each dtype, other activations in float32 alone. Serf in
    eager mode and compiled may be tried on all numbers of float32.
    """
    sweeps = []
    for dtype in options.dtypes:
        serfs = (SERF, COMPOSED)
        names = (*serfs, *OTHERS) if dtype == "float32" else serfs
        subjects = [
            Subject(name, mode, dtype)
            for name in names
            for mode in options.modes
            if mode in FRAMEWORK_MODES or (name in serfs and dtype == "float32")
            if mode != GRAPH or keras.backend.backend() == "tensorflow"
        ]
        exhaustive = [s for s in subjects if options.exhaustive and _swept(s)]
        sampled = [s for s in subjects if s not in exhaustive]
        chunks = sample(dtype, options.samples)
        block = min(BLOCK, max(chunk.size for chunk in chunks))
        sweeps.append(Sweep(chunks, sampled, block))
        if exhaustive:
            sweeps.append(Sweep([*chunks, *everything()], exhaustive, BLOCK))
    return sweeps


def _swept(subject: Subject) -> bool:
    return (
        subject.activation == SERF
        and subject.dtype == "float32"
        and subject.mode in (EAGER, COMPILED)
    )


def _size(sweep: Sweep) -> int:
    return sum(chunk.size for chunk in sweep.chunks) * len(sweep.subjects)


def run(
    sweep: Sweep,
    build: Callable[[Subject, int], Evaluate],
    emit: Emit,
    threads: int = 1,
) -> list[Row]:
    """Tries subjects on numbers.

    Args:
        sweep: The subjects and the numbers.
        build: Makes a subject run, given the subject and the size of a block.
        emit: Is told the progress.
        threads: How many threads compute exact values meanwhile.

    Returns:
        A row for each subject; one that fails has a reason and, if it has
        failed later, the errors until then.
    """
    rows = [Row(subject) for subject in sweep.subjects]
    running: list[tuple[Row, Evaluate]] = []
    for row in rows:
        try:
            running.append((row, build(row.subject, sweep.block)))
        except Exception as error:  # Whatever it is, the others go on.
            row.reason = _reason(error)
    references = {_reference(row.subject) for row, _ in running}
    for chunk in sweep.chunks:
        emit("begin", chunk.name)
        compute = functools.partial(_with_exact, references)
        blocks = chunk.blocks(sweep.block) if running else ()
        for x, exacts in _ahead(compute, blocks, threads):
            for row, evaluate in list(running):
                try:
                    _try(row, evaluate, x, sweep.block, exacts, chunk.binned)
                except Exception as error:
                    row.reason = _reason(error)
                    running.remove((row, evaluate))
        emit("advance", chunk.size * len(rows))
    return rows


_Exacts = dict[str, dict[str, Exact]]


def _reference(subject: Subject) -> str:
    return SERF if subject.activation == COMPOSED else subject.activation


def _with_exact(references: Iterable[str], x: Array) -> tuple[Array, _Exacts]:
    return x, {name: exact(name, x) for name in references}


In = TypeVar("In")
Out = TypeVar("Out")


def _ahead(
    function: Callable[[In], Out], items: Iterable[In], threads: int
) -> Iterator[Out]:
    """Maps a function in threads, which are a few items ahead of the caller."""
    with ThreadPoolExecutor(threads) as pool:
        pending: collections.deque[Future[Out]] = collections.deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _try(
    row: Row,
    evaluate: Evaluate,
    x: Array,
    size: int,
    exacts: _Exacts,
    binned: bool,
) -> None:
    """Tries a subject on a block and adds its errors to the row."""
    # One shape, or each would be compiled.
    results = evaluate(np.pad(x, (0, size - x.size), "edge"))
    for quantity, y in zip(QUANTITIES, results, strict=False):
        errors = compare_apart(
            *(quantity, x, y[: x.size]),
            exacts[_reference(row.subject)][quantity],
            binned,
        )
        for name, found in errors.items():
            row.errors[name] = row.errors.get(name, Errors()) + found


def _reason(error: Exception) -> str:
    if isinstance(error, UnavailableError):
        return str(error)
    return reason_of(error)[:300]

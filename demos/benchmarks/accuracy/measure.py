"""Tries Serf on many numbers; runs in a process of one backend."""

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from demos.benchmarks import names
from demos.benchmarks.accuracy.compare import compare
from demos.benchmarks.accuracy.exact import Exact, exact
from demos.benchmarks.accuracy.inputs import Chunk, everything, sample
from demos.benchmarks.accuracy.options import AccuracyOptions
from demos.benchmarks.accuracy.results import QUANTITIES, Errors, Result
from demos.benchmarks.execution_modes import (
    Evaluate,
    UnavailableError,
    evaluator,
    version,
)
from demos.benchmarks.frameworks import active_framework
from demos.common.environment import environment
from demos.common.errors import reason_of
from demos.common.subprocesses import Emit

Array = NDArray[Any]
# Makes a function run, given the activation, mode, dtype and size of a block.
Build = Callable[[str, str, str, int], Evaluate]

BLOCK = 2**18  # How many numbers a framework is given at once.


@dataclass(frozen=True)
class Sweep:
    """Numbers, and what is tried on all of them.

    Attributes:
        chunks: The numbers, of one dtype.
        results: What is tried, in the same dtype; the errors are filled in.
        block: How many numbers are tried at once.
    """

    chunks: Sequence[Chunk]
    results: Sequence[Result]
    block: int


def measure(options: AccuracyOptions, emit: Emit) -> None:
    """Measures everything on the active backend.

    Args:
        options: The options of the command.
        emit: Is sent the environment, and each result as a dictionary.
    """
    activations = active_framework().activations()

    def build(activation: str, mode: str, dtype: str, size: int) -> Evaluate:
        return evaluator(activations[activation], mode, dtype, size)

    emit("environment", environment())
    sweeps = plan(options)
    sizes = [sum(c.size for c in s.chunks) * len(s.results) for s in sweeps]
    emit("total", sum(sizes))
    for sweep in sweeps:
        run(sweep, build, emit, options.jobs)
        for result in sweep.results:
            emit("result", asdict(result))


def plan(options: AccuracyOptions) -> list[Sweep]:
    """Decides what is tried on which numbers.

    Serf, eager and compiled, may be tried on all numbers of float32; everything
    else is tried on samples.
    """
    backend = keras.backend.backend()
    sweeps = []
    for dtype in options.dtypes:
        sampled: list[Result] = []
        exhaustive: list[Result] = []
        for activation in (names.SERF, names.COMPOSED):
            for mode in options.modes:
                if mode in names.RUNTIMES and dtype != "float32":
                    continue
                if mode == names.GRAPH and backend != "tensorflow":
                    continue
                is_exhaustive = (
                    options.exhaustive
                    and (activation, dtype) == (names.SERF, "float32")
                    and mode in (names.EAGER, names.COMPILED)
                )
                (exhaustive if is_exhaustive else sampled).append(
                    Result(backend, version(mode), activation, mode, dtype)
                )
        chunks = sample(dtype, options.samples)
        block = min(BLOCK, max(chunk.size for chunk in chunks))
        sweeps.append(Sweep(chunks, sampled, block))
        if exhaustive:
            sweeps.append(Sweep([*chunks, *everything()], exhaustive, BLOCK))
    return sweeps


def run(sweep: Sweep, build: Build, emit: Emit, threads: int = 1) -> None:
    """Fills in the errors of a sweep.

    What fails gets a reason and keeps the errors until then.

    Args:
        sweep: The sweep.
        build: Makes a function run.
        emit: Is told the progress.
        threads: How many threads compute exact values meanwhile.
    """
    running: list[tuple[Result, Evaluate]] = []
    for result in sweep.results:
        try:
            at = (result.activation, result.mode, result.dtype, sweep.block)
            running.append((result, build(*at)))
        except Exception as error:  # Whatever it is, the others go on.
            result.reason = _reason(error)
    for chunk in sweep.chunks:
        emit("begin", chunk.name)
        blocks = chunk.blocks(sweep.block) if running else ()
        for x, reference in _with_exact(blocks, threads):
            for result, evaluate in list(running):
                try:
                    _try(result, evaluate, x, sweep.block, reference)
                except Exception as error:
                    result.reason = _reason(error)
                    running.remove((result, evaluate))
        emit("advance", chunk.size * len(sweep.results))


def _with_exact(
    blocks: Iterable[Array], threads: int
) -> Iterator[tuple[Array, dict[str, Exact]]]:
    """Computes exact values in threads, a few blocks ahead of the caller."""
    pending: collections.deque[tuple[Array, Future[dict[str, Exact]]]]
    pending = collections.deque()
    with ThreadPoolExecutor(threads) as pool:
        for x in blocks:
            pending.append((x, pool.submit(exact, x)))
            if len(pending) > threads:
                x, future = pending.popleft()
                yield x, future.result()
        for x, future in pending:
            yield x, future.result()


def _try(
    result: Result,
    evaluate: Evaluate,
    x: Array,
    size: int,
    reference: dict[str, Exact],
) -> None:
    """Adds the errors on a block."""
    # Padded to one shape, because each shape would be compiled.
    outputs = evaluate(np.pad(x, (0, size - x.size), "edge"))
    for quantity, y in zip(QUANTITIES, outputs, strict=False):
        errors = compare(quantity, x, y[: x.size], reference[quantity])
        for name, found in errors.items():
            result.errors[name] = result.errors.get(name, Errors()) + found


def _reason(error: Exception) -> str:
    if isinstance(error, UnavailableError):
        return str(error)
    return reason_of(error)[:300]

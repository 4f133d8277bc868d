"""Tries Serf on many numbers; runs in a process of one backend."""

import collections
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from demos.benchmarks import names
from demos.benchmarks.accuracy.errors import Errors, Result, compare
from demos.benchmarks.accuracy.exact import QUANTITIES, Exact, exact
from demos.benchmarks.accuracy.inputs import blocks, count
from demos.benchmarks.accuracy.options import PATTERNS, AccuracyOptions
from demos.benchmarks.export.targets import TARGETS
from demos.benchmarks.frameworks import active_framework
from demos.common.backend import TRAINING
from demos.common.environment import environment
from demos.common.errors import reason_of
from demos.common.machine import cores
from demos.common.subprocesses import Emit

Array = NDArray[Any]
Function = Callable[[Any], Any]
# From an array to the arrays of f, f' and f'', or as many as there are.
Evaluate = Callable[[Array], list[Array]]


def measure(options: AccuracyOptions, emit: Emit) -> None:
    """Measures everything on the active backend.

    Emits the environment, and each result as a dictionary.
    """
    emit("environment", environment())
    sweeps = plan(options)
    emit(
        "total", sum(count(each[0].dtype, samples) for each, samples in sweeps)
    )
    for results, samples in sweeps:
        emit("begin", results[0].dtype)
        run(results, blocks(results[0].dtype, samples), emit)
        for result in results:
            emit("result", asdict(result))


def plan(options: AccuracyOptions) -> list[tuple[list[Result], int]]:
    """Decides what is tried, and on how many float32.

    Serf, eager and compiled, may be tried on all numbers of float32; everything
    else is tried on samples. The errors are still to be filled in.
    """
    backend = keras.backend.backend()
    sweeps: dict[tuple[str, int], list[Result]] = {}
    for dtype in options.dtypes:
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
                samples = PATTERNS if is_exhaustive else options.samples
                result = Result(backend, version(mode), activation, mode, dtype)
                result.reason = unavailable(mode, dtype)
                sweeps.setdefault((dtype, samples), []).append(result)
    return [(results, samples) for (_, samples), results in sweeps.items()]


def version(mode: str) -> str:
    """Returns package and version of what runs a mode on the active backend."""
    if mode in names.RUNTIMES:
        return TARGETS[mode].version
    backend = keras.backend.backend()
    return f"{backend} {metadata.version(backend)}"


def run(
    results: Sequence[Result],
    numbers: Iterable[Array],
    emit: Emit,
    functions: dict[str, Function] | None = None,
) -> None:
    """Fills in the errors of results, all of one dtype.

    What fails gets a reason and keeps the errors until then.

    Args:
        results: What is tried.
        numbers: Arrays, none longer than the first.
        emit: Is told the progress.
        functions: By name; those of the framework by default.
    """
    functions = functions or active_framework().activations()
    running: dict[int, Evaluate] = {}
    size = 0
    for x, reference in _with_exact(numbers):
        if all(result.reason for result in results):
            break
        size = max(size, x.size)
        # To one shape, because each shape would be compiled.
        padded = np.pad(x, (0, size - x.size), "edge")
        for number, result in enumerate(results):
            if result.reason:
                continue
            try:
                if number not in running:
                    function = functions[result.activation]
                    running[number] = evaluator(function, result.mode, x)
                outputs = running[number](padded)
            except Exception as error:  # Whatever it is, the others go on.
                result.reason = reason_of(error)[:300]
            else:
                for name, y in zip(QUANTITIES, outputs, strict=False):
                    found = compare(name, x, y[: x.size], reference[name])
                    known = result.errors.get(name, Errors())
                    result.errors[name] = known + found
        emit("advance", 1)


def _with_exact(
    numbers: Iterable[Array],
) -> Iterator[tuple[Array, dict[str, Exact]]]:
    """Computes exact values in threads, a few arrays ahead of the caller."""
    pending: collections.deque[tuple[Array, Future[dict[str, Exact]]]]
    pending = collections.deque()
    threads = len(cores())
    with ThreadPoolExecutor(threads) as pool:
        for x in numbers:
            pending.append((x, pool.submit(exact, x)))
            if len(pending) > threads:
                x, future = pending.popleft()
                yield x, future.result()
        for x, future in pending:
            yield x, future.result()


def unavailable(mode: str, dtype: str) -> str:
    """Returns why the active backend cannot do so, or nothing."""
    if dtype == "float64" and keras.backend.backend() not in TRAINING:
        return "Keras computes float64 in float32 there"
    if mode in names.RUNTIMES:
        missing = TARGETS[mode].absent(keras.backend.backend())
        return f"{', '.join(missing)}: not installed" if missing else ""
    is_known = mode in active_framework().modes
    return "" if is_known else "the backend has no such mode"


def evaluator(function: Function, mode: str, x: Array) -> Evaluate:
    """Prepares a function of tensors to be run in a mode.

    Args:
        function: An elementwise function of tensors of the active backend.
        mode: One of `names.FRAMEWORK_MODES` or `names.RUNTIMES`.
        x: An array of the dtype and the size of all further ones.
    """
    if mode not in names.RUNTIMES:
        framework = active_framework()
        functions = framework.derivatives(function, mode)
        return lambda x: framework.evaluate(functions, x, x.dtype.name)
    inputs = keras.Input((x.size,), batch_size=1)
    layer = keras.layers.Lambda(function, output_shape=(x.size,))
    model = keras.Model(inputs, layer(inputs))
    with tempfile.TemporaryDirectory() as folder:
        run = TARGETS[mode].deploy(model, Path(folder), x[None])
    return lambda x: [np.array(run(x[None])).reshape(x.shape)]

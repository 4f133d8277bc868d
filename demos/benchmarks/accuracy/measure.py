"""Measures the errors of Serf, in a process with one backend."""

import functools
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import keras
import numpy as np

from demos.benchmarks import names
from demos.benchmarks.accuracy.errors import Errors, Result
from demos.benchmarks.accuracy.exact import QUANTITIES, Exact, compare, exact
from demos.benchmarks.accuracy.inputs import Array, block
from demos.benchmarks.accuracy.run import Task
from demos.benchmarks.export.targets import TARGETS
from demos.benchmarks.frameworks.base import active_framework
from demos.common.errors import reason_of

# From an array to the arrays of f, f' and f'', or the first of them.
Evaluate = Callable[[Array], list[Array]]


def measure(task: Task) -> list[tuple[dict[str, Errors], str]]:
    """Returns the errors of each place, and the reason if it failed."""
    results = [Result(*place) for place in task.places]
    size = len(block(task.dtype, task.samples, 0))
    blocks = [block(task.dtype, task.samples, n) for n in task.blocks]
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        for x, reference in zip(blocks, pool.map(exact, blocks), strict=True):
            # Padded to one shape, because each shape would be compiled.
            padded = np.pad(x, (0, size - x.size), "edge")
            for result in results:
                if not result.reason:
                    _try(result, x, padded, reference)
    return [(result.errors, result.reason) for result in results]


def _try(
    result: Result, x: Array, padded: Array, reference: dict[str, Exact]
) -> None:
    try:
        evaluate = evaluator(
            result.activation, result.mode, result.dtype, padded.size
        )
        outputs = zip(QUANTITIES, evaluate(padded), strict=False)
        errors = {
            name: compare(name, x, y[: x.size], reference[name])
            for name, y in outputs
        }
        result.add(errors, "")
    except Exception as error:  # The others continue in any case.
        result.reason = reason_of(error)[:300]


@functools.cache
def evaluator(activation: str, mode: str, dtype: str, size: int) -> Evaluate:
    """Prepares an activation for a mode and arrays of one size."""
    framework = active_framework()
    function = framework.activations()[activation]
    if mode not in names.RUNTIMES:
        functions = framework.derivatives(function, mode)
        return lambda x: framework.evaluate(functions, x, dtype)
    inputs = keras.Input((size,), batch_size=1)
    layer = keras.layers.Lambda(function, output_shape=(size,))
    model = keras.Model(inputs, layer(inputs))
    with tempfile.TemporaryDirectory() as folder:
        run = TARGETS[mode].deploy(model, Path(folder), None)
    return lambda x: [np.array(run(x[None])).reshape(x.shape)]

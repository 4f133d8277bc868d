"""Measures first steps and changing batch sizes, in a new process."""

import os
import time
from pathlib import Path
from typing import Any

from demos.benchmarks import names
from demos.benchmarks.cost.models import batch, compiled, perceptron
from demos.benchmarks.cost.plan import Task
from demos.benchmarks.frameworks.base import Call, active_framework, normal

SHORTEST, TIMES = 32, 3


def measure(task: Task) -> tuple[float, float]:
    """Returns the time in seconds, and the growth of memory in MiB."""
    cell, effort = task.cell, task.effort
    is_first = cell.work == names.FIRST_STEP
    depth = effort.layers if is_first else 4
    model = compiled(perceptron(task.activations[0], depth), cell.mode)
    x, y = batch(model, SHORTEST + effort.lengths)

    def step(length: int) -> None:
        if cell.work == names.LENGTHS_PREDICT:
            model.predict_on_batch(x[:length])
        else:
            model.train_on_batch(x[:length], y[:length])

    if is_first and (cell.backend, cell.mode) == ("torch", names.COMPILED):
        # Not a whole Keras step, which takes minutes and is off by default.
        _gradient(task.activations[0], 1, cell.mode)()  # Loads the compiler.
        call = _gradient(task.activations[0], effort.layers, cell.mode)
        began = time.perf_counter()
        call()
        return time.perf_counter() - began, 0.0
    if is_first:
        # Loads what every first step of a process loads.
        compiled(perceptron("tanh", 1), cell.mode).train_on_batch(x, y)
        lengths = [SHORTEST]
    else:
        for length in (8, 16, 24):  # TensorFlow relaxes the traced shape.
            step(length)
        lengths = [*range(SHORTEST, SHORTEST + effort.lengths)] * TIMES
    before, began = _mebibytes(), time.perf_counter()
    for length in lengths:
        step(length)
    return time.perf_counter() - began, _mebibytes() - before


def _gradient(activation: str, depth: int, mode: str) -> Call:
    """Returns a compiled call of the gradient of a stack of layers."""
    framework: Any = active_framework()
    function = framework.activations()[activation]
    arrays = [normal(64 * 64, n).reshape(64, 64) / 8 for n in range(depth)]
    x, *weights = (framework.array(a, "float32") for a in arrays[:1] + arrays)

    def stack(h: Any) -> Any:
        for weight in weights:
            h = function(h @ weight)
        return h

    return framework.forward_backward(stack, mode, x, x)


def _mebibytes() -> float:
    """Returns the resident memory of this process; NaN without /proc."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return float("nan")
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20

"""First steps, and batches of changing sizes; runs in a fresh process."""

import os
import time
from pathlib import Path

from demos.benchmarks import names
from demos.benchmarks.cost.models import batch, compiled, perceptron
from demos.benchmarks.cost.plan import LENGTHS, FreshTask
from demos.common.subprocesses import Emit

SHORTEST, TIMES = 32, 3


def measure(task: FreshTask, emit: Emit) -> dict[str, float]:
    """Returns `seconds`, and by how many `mebibytes` the process grew."""
    lengths = range(SHORTEST, SHORTEST + task.effort.lengths)
    layers = task.effort.layers
    if task.work != names.FIRST_STEP:
        layers = 4
    model = compiled(perceptron(task.activation, layers), task.mode)
    x, y = batch(model, lengths[-1])

    def step(length: int) -> None:
        if LENGTHS.get(task.work, True):
            model.train_on_batch(x[:length], y[:length])
        else:
            model.predict_on_batch(x[:length])

    if task.work == names.FIRST_STEP:
        # What every first step of a process loads.
        compiled(perceptron("tanh", 1), task.mode).train_on_batch(x, y)
        steps = [SHORTEST]
    else:
        for length in (8, 16, 24):  # TensorFlow relaxes the traced shape.
            step(length)
        steps = [*lengths] * TIMES
    before, began = _mebibytes(), time.perf_counter()
    for length in steps:
        step(length)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "mebibytes": _mebibytes() - before}


def _mebibytes() -> float:
    """Returns the resident memory of this process; 0 if there is no /proc."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20

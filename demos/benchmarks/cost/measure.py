"""Measures times and bytes, in a process with one backend."""

import functools
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from demos.benchmarks import names
from demos.benchmarks.cost.models import batch, cnn, compiled, transformer
from demos.benchmarks.cost.plan import Task
from demos.benchmarks.cost.timing import interleave, repeated
from demos.benchmarks.frameworks.base import (
    Function,
    TrainingFramework,
    active_framework,
    normal,
)
from demos.common.errors import reason_of

KEPT_SIZE = 2**16  # Size of the array for which stored bytes are counted.
Finding = tuple[str, Any]  # A list of `report.Findings`, and the new element.
Make = Callable[[str], Callable[[], object]]


def measure(task: Task) -> list[Finding]:
    """Measures the activations of a cell; if one fails, the others continue."""
    cell, effort = task.cell, task.effort
    framework: Any = active_framework()
    functions = {names.COPY: lambda x: -x, **framework.activations()}
    findings: list[Finding] = []
    samplers = {}
    make = (_elementwise if cell.size else _model)(task, framework, functions)
    for name in task.activations or functions:
        try:
            if cell.work != names.KEPT:
                samplers[name] = repeated(make(name), effort.sample)
            elif name != names.COPY:
                total, besides = weigh(framework, functions[name], cell.mode)
                kept: dict[str, Any]
                kept = {"backend": cell.backend, "mode": cell.mode}
                kept |= {"activation": name, "total": total, "besides": besides}
                findings.append(("kept", kept))
        except Exception as error:
            failure = f"{cell.backend}: {task}: {name}: {reason_of(error)}"
            findings.append(("unmeasured", failure))
    if not samplers:
        return findings
    times = interleave(samplers, effort.seconds, effort.rounds)
    for name, seconds in times.items():
        timing = asdict(cell) | {"activation": name, "seconds": seconds}
        findings.append(("timings", timing))
    return findings


def weigh(
    framework: TrainingFramework, function: Function, mode: str
) -> tuple[float, float]:
    """Measures the memory stored in the forward pass for the backward pass.

    Returns bytes per element of a float32 array: of all buffers, and without
    input and output, which the neighbouring layers often store anyway. Scalar
    constants are not counted.
    """
    framework.forget()
    x = framework.array(normal(KEPT_SIZE, 0), "float32")
    buffers, ends = framework.kept(framework.in_mode(function, mode), x)
    large = {a: n for a, n in buffers.items() if n >= KEPT_SIZE // 8}
    besides = sum(n for address, n in large.items() if address not in ends)
    return sum(large.values()) / KEPT_SIZE, besides / KEPT_SIZE


def _elementwise(
    task: Task, framework: TrainingFramework, functions: dict[str, Function]
) -> Make:
    cell = task.cell
    x = framework.array(normal(cell.size, 0), cell.dtype)
    w = framework.array(normal(cell.size, 1), cell.dtype)
    framework.forget()

    def make(name: str) -> Callable[[], object]:
        if cell.work == names.FORWARD:
            return framework.forward(functions[name], cell.mode, x)
        return framework.forward_backward(functions[name], cell.mode, x, w)

    return make


def _model(task: Task, *_: object) -> Make:
    is_transformer = task.cell.work == names.TRANSFORMER_STEP

    def make(name: str) -> Callable[[], object]:
        model = (transformer if is_transformer else cnn)(name)
        model = compiled(model, task.cell.mode)
        x, y = batch(model, task.effort.batch)
        # Both return NumPy values, so they wait for the result.
        if task.cell.work == names.CNN_PREDICT:
            return functools.partial(model.predict_on_batch, x)
        return functools.partial(model.train_on_batch, x, y)

    return make

"""Measures times and bytes; runs in a process of one backend."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import keras

from demos.benchmarks import names
from demos.benchmarks.cost.models import batch, cnn, compiled, transformer
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.plan import Cell, Effort, effort_of, plan
from demos.benchmarks.cost.timing import interleave, repeated
from demos.benchmarks.frameworks import active_framework
from demos.benchmarks.frameworks.base import Function, TrainingFramework, normal
from demos.common.environment import environment
from demos.common.errors import reason_of
from demos.common.subprocesses import Emit

KEPT_SIZE = 2**16  # Of the array whose activations' bytes are counted.


@dataclass(frozen=True)
class _Bench:
    """What all measurements on the active backend share."""

    options: CostOptions
    effort: Effort
    framework: TrainingFramework
    functions: dict[str, Function]
    emit: Emit

    def fail(self, what: str, error: Exception) -> None:
        """Notes a failure; the other measurements go on."""
        reason = f"{keras.backend.backend()}: {what}: {reason_of(error)}"
        self.emit("failures", reason)


def measure(options: CostOptions, emit: Emit) -> None:
    """Measures on the active backend what one process can measure.

    Emits what `report.Findings.add` takes.
    """
    framework: Any = active_framework()
    effort = effort_of(options)
    functions = {names.COPY: lambda x: -x, **framework.activations()}
    chosen = {n: functions[n] for n in effort.elementwise or functions}
    bench = _Bench(options, effort, framework, chosen, emit)
    cells = plan(options, keras.backend.backend(), framework.modes)
    emit("environments", environment())
    emit("total", len(cells) + ("memory" in options.parts))
    if "memory" in options.parts:
        _weigh_all(bench)
    for cell, activations in cells:
        _time(bench, cell, activations or chosen)


def _weigh_all(bench: _Bench) -> None:
    bench.emit("begin", "bytes kept")
    for mode in bench.framework.kept_modes:
        for name, function in bench.functions.items():
            if name == names.COPY:
                continue
            try:
                total, besides = weigh(bench.framework, function, mode)
            except Exception as error:
                bench.fail(f"bytes kept {mode}: {name}", error)
                continue
            kept = {"backend": keras.backend.backend(), "mode": mode}
            kept |= {"activation": name, "total": total, "besides": besides}
            bench.emit("kept", kept)
    bench.emit("advance", 1)


def weigh(
    framework: TrainingFramework, function: Function, mode: str
) -> tuple[float, float]:
    """Measures what is kept from the forward pass to the backward pass.

    Returns:
        Bytes per element of a float32 array: of all buffers, each counted once,
        and without those of input and output, which the layers on either side
        often keep anyway. A scalar constant counts as nothing.
    """
    framework.forget()
    x = framework.array(normal(KEPT_SIZE, 0), "float32")
    buffers, ends = framework.kept(framework.in_mode(function, mode), x)
    large = {a: n for a, n in buffers.items() if n >= KEPT_SIZE // 8}
    besides = sum(n for address, n in large.items() if address not in ends)
    return sum(large.values()) / KEPT_SIZE, besides / KEPT_SIZE


def _time(bench: _Bench, cell: Cell, activations: Iterable[str]) -> None:
    """Times activations in turns."""
    bench.emit("begin", str(cell))
    try:
        make = (_elementwise if cell.size else _model)(bench, cell)
        samplers = {}
        for name in activations:
            if name not in bench.functions:
                continue
            try:
                samplers[name] = repeated(make(name), bench.effort.sample)
            except Exception as error:
                bench.fail(f"{cell}: {name}", error)
        times = interleave(samplers, bench.options.seconds, bench.effort.rounds)
    except Exception as error:
        bench.fail(str(cell), error)
    else:
        for name, taken in times.items():
            timing = {"activation": name, "seconds": taken}
            bench.emit("timings", asdict(cell) | timing)
    bench.emit("advance", 1)


Make = Callable[[str], Callable[[], object]]


def _elementwise(bench: _Bench, cell: Cell) -> Make:
    framework = bench.framework
    x = framework.array(normal(cell.size, 0), cell.dtype)
    w = framework.array(normal(cell.size, 1), cell.dtype)
    framework.forget()

    def make(name: str) -> Callable[[], object]:
        function = bench.functions[name]
        if cell.work == names.FORWARD:
            return framework.forward(function, cell.mode, x)
        return framework.forward_backward(function, cell.mode, x, w)

    return make


def _model(bench: _Bench, cell: Cell) -> Make:
    build = transformer if cell.work == names.TRANSFORMER_STEP else cnn

    def make(name: str) -> Callable[[], object]:
        model = compiled(build(name), cell.mode)
        x, y = batch(model, bench.effort.batch)
        # Both return NumPy's numbers, so they wait.
        if cell.work == names.CNN_PREDICT:
            return functools.partial(model.predict_on_batch, x)
        return functools.partial(model.train_on_batch, x, y)

    return make

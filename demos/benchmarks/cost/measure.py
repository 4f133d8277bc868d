"""Measures times and bytes; runs in a process of one backend."""

import functools
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import keras

from demos.benchmarks import names
from demos.benchmarks.cost.memory import weigh
from demos.benchmarks.cost.models import cnn, training_step, transformer
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.plan import QUICK, Effort, plan
from demos.benchmarks.cost.timing import ROUNDS, interleave, repeated
from demos.benchmarks.cost.types import Cell, Kept, Timing
from demos.benchmarks.frameworks import active_framework
from demos.benchmarks.frameworks.base import Function, TrainingFramework, normal
from demos.common.environment import environment
from demos.common.errors import reason_of
from demos.common.subprocesses import Emit

# Of the number of the round; returns seconds.
Sampler = Callable[[int], float]

MODELS = {names.TRANSFORMER: transformer, names.CNN: cnn}
COMPILATIONS = 3  # At most; they take seconds.
STACK_WIDTH, STACK_ROWS = 64, 32  # Of the network that is compiled.


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
        self.emit("failure", reason)


def measure(options: CostOptions, emit: Emit) -> None:
    """Measures all that is asked for, on the active backend.

    Args:
        options: The options of the command.
        emit: Is sent the findings; see `types.Findings`.
    """
    framework: Any = active_framework()
    effort = QUICK if options.quick else Effort()
    functions = {names.COPY: lambda x: -x, **framework.activations()}
    chosen = {n: functions[n] for n in effort.elementwise or functions}
    bench = _Bench(options, effort, framework, chosen, emit)
    cells = plan(options, keras.backend.backend(), framework.modes)
    emit("environment", environment())
    emit("total", len(cells) + ("memory" in options.parts))
    if "memory" in options.parts:
        _weigh(bench)
    for cell, activations in cells:
        _time(bench, cell, activations or chosen)


def _weigh(bench: _Bench) -> None:
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
            kept = Kept(keras.backend.backend(), mode, name, total, besides)
            bench.emit("kept", asdict(kept))
    bench.emit("advance", 1)


def _time(bench: _Bench, cell: Cell, activations: Iterable[str]) -> None:
    """Times activations in turns."""
    bench.emit("begin", str(cell))
    most, prepare = ROUNDS, _elementwise
    if cell.work == names.COMPILE:
        most, prepare = COMPILATIONS, _compilation
    elif cell.work in MODELS:
        prepare = _step
    rounds = min(bench.effort.rounds, most)
    seconds, seed = bench.options.seconds, bench.options.seed
    try:
        make = prepare(bench, cell)
        samplers = {}
        for name in activations:
            if name not in bench.functions:
                continue
            try:
                samplers[name] = make(name)
            except Exception as error:
                bench.fail(f"{cell}: {name}", error)
        times = interleave(samplers, seconds, rounds, seed, most=most)
    except Exception as error:
        bench.fail(str(cell), error)
    else:
        for name, taken in times.items():
            bench.emit("timing", asdict(Timing(cell, name, taken)))
    bench.emit("advance", 1)


def _elementwise(bench: _Bench, cell: Cell) -> Callable[[str], Sampler]:
    framework, seed = bench.framework, bench.options.seed
    x = framework.array(normal(cell.size, seed), cell.dtype)
    w = framework.array(normal(cell.size, seed + 1), cell.dtype)
    framework.forget()

    def make(name: str) -> Sampler:
        function = bench.functions[name]
        if cell.work == names.FORWARD:
            call = framework.forward(function, cell.mode, x)
        else:
            call = framework.forward_backward(function, cell.mode, x, w)
        return repeated(call, bench.effort.sample)

    return make


def _compilation(bench: _Bench, cell: Cell) -> Callable[[str], Sampler]:
    framework, seed = bench.framework, bench.options.seed
    shape, scale = (STACK_WIDTH, STACK_WIDTH), STACK_WIDTH**-0.5
    weights = [
        framework.array(
            normal(STACK_WIDTH**2, seed + n).reshape(shape) * scale, cell.dtype
        )
        for n in range(bench.effort.layers)
    ]

    def sample(name: str, number: int) -> float:
        # Another batch size each time: no cache has seen it.
        rows = STACK_ROWS + number
        values = normal(rows * STACK_WIDTH, 0).reshape(rows, STACK_WIDTH)
        h = framework.array(values, cell.dtype)
        framework.forget()
        began = time.perf_counter()
        framework.compile_stack(bench.functions[name], weights, h)
        return time.perf_counter() - began

    sample(names.GELU, -1)  # The first compilation of a process loads a lot.
    return lambda name: functools.partial(sample, name)


def _step(bench: _Bench, cell: Cell) -> Callable[[str], Sampler]:
    def make(name: str) -> Sampler:
        call = training_step(
            *(MODELS[cell.work](name), bench.effort.batch, bench.options.seed),
            jit_compile=True if cell.mode == names.COMPILED else "auto",
        )
        return repeated(call, bench.effort.sample)

    return make

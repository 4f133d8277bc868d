"""How dear is Serf? Time and memory against its peers, on each backend.

`python -m demos cost`. All activations of a cell (one backend, work, mode,
dtype and size) run in turns in one process, in a random order each round; a
ratio is the median, over the rounds, of two times of the same round. So what
else the machine does weighs on both sides alike. Ratios travel from one machine
to another better than seconds do, and neither is ever tested.

Every backend runs in a process of its own.
"""

import contextlib
import gc
import json
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

from demos.common.backend import choose_backend
from demos.common.backend import start_keras
from demos.common.cli import parse
from demos.common.errors import UserError
from demos.common.machine import cores
from demos.common.subprocesses import RESULTS
from demos.common.subprocesses import Emit
from demos.common.subprocesses import EndedEarlyError
from demos.common.subprocesses import check_names
from demos.common.subprocesses import emitter
from demos.common.subprocesses import events
from demos.common.subprocesses import free_folder
from demos.common.subprocesses import installed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

COMMAND = "python -m demos cost"
RUNS = Path("runs", "cost")
BACKENDS = ("tensorflow", "jax", "torch")
PARTS = ("elementwise", "growth", "memory", "compile", "steps")
DTYPES = ("float32", "bfloat16", "float16")

FORWARD, BOTH = "forward", "forward+backward"
COMPILE = "compile time"
TRANSFORMER, CNN = "Transformer step", "CNN step"
EAGER, GRAPH, COMPILED, KERAS = "eager", "graph", "compiled", "Keras"

SERF, COMPOSED = "serf", "serf (composed)"  # As in peers.py.
RELU, SILU, GELU, MISH = "relu", "silu", "gelu (erf)", "mish"
# -x reads every element once, writes one, and computes nothing: the limit that
# memory sets, forward and, since it is -w, backward.
COPY = "copy (-x)"
REFERENCES = (GELU, MISH, COPY, RELU)
FEW = (COPY, RELU, GELU, MISH, SERF)

TARGET_SIZE = 2**22
TARGET_DTYPE = "float32"
SAMPLE = 0.02  # Seconds that a sample takes at least: many calls if need be.
MOST = 51  # Rounds.
STACK_WIDTH, STACK_ROWS = 64, 32


@dataclass(frozen=True)
class CostOptions:
    """Times Serf and its peers, and weighs what they keep for backward."""

    backends: tuple[str, ...] = BACKENDS
    """Each is measured in a process of its own; those not installed are left
    out."""
    parts: tuple[str, ...] = PARTS
    """What to measure: all activations at one size, a few at many sizes, the
    bytes kept for backward, the time to compile a deep model, the training
    step of a Transformer and of a CNN."""
    size: int = TARGET_SIZE
    """Elements of the array that all activations are compared on; the targets
    are set for 4194304."""
    sizes: tuple[int, ...] = tuple(10**k for k in range(3, 9))
    """Elements of the arrays that show the growth, in float32, compiled; the
    last takes 3.5 GB of memory."""
    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    """In which all activations are compared; float16 is known too."""
    seconds: float = 2.0
    """Time for each cell: all activations in one backend, mode, dtype and
    size. At least 5 rounds are run, at most 51."""
    threads: int | None = None
    """Processor cores to use (Linux only); by default all that the process may
    use."""
    seed: int = 0
    """Decides the inputs and the order in each round."""
    out: Path | None = None
    """Folder to write; by default runs/cost, or with a number behind where that
    holds results already."""
    quick: bool = False
    """A try-out: tiny arrays and models, 3 activations, as few rounds as one.
    Its numbers mean nothing."""


@dataclass(frozen=True)
class Plan:
    """What one process measures.

    Attributes:
        backend: Its backend.
        parts: As in the options.
        size: As in the options.
        sizes: As in the options.
        dtypes: As in the options.
        seconds: As in the options.
        seed: As in the options.
        threads: As in the options.
        activations: Names of those compared; None for all.
        least: Rounds at least.
        sample: Seconds that a sample takes at least.
        layers: Depth of the model that is compiled.
        batch: Examples in a training step.
        models: Activations that whole models are built with.
    """

    backend: str
    parts: Sequence[str]
    size: int
    sizes: Sequence[int]
    dtypes: Sequence[str]
    seconds: float
    seed: int = 0
    threads: int | None = None
    activations: Sequence[str] | None = None
    least: int = 5
    sample: float = SAMPLE
    layers: int = 48
    batch: int = 32
    models: Sequence[str] = (RELU, SILU, GELU, MISH, COMPOSED, SERF)


@dataclass(frozen=True)
class Cell:
    """All but the activation: what is measured side by side.

    Attributes:
        backend: On which.
        work: `FORWARD`, `BOTH`, `COMPILE`, `TRANSFORMER` or `CNN`.
        mode: `EAGER`, `GRAPH` (a tf.function), `COMPILED` (jax.jit, a
            tf.function with `jit_compile=True`, torch.compile) or `KERAS` (as
            Keras decides for itself: jax.jit, a plain tf.function without a
            GPU, eager PyTorch).
        dtype: Of the array.
        size: Elements of the array; 0 for whole models.
    """

    backend: str
    work: str
    mode: str
    dtype: str
    size: int = 0

    def __str__(self) -> str:
        elements = f" {self.size:,} elements" if self.size else ""
        return f"{self.work} {self.mode} {self.dtype}{elements}"


@dataclass(frozen=True)
class Timing:
    """An activation in a cell.

    Attributes:
        cell: The cell.
        activation: Its name.
        seconds: Of one call, in each round; the rounds of a cell are shared by
            its activations.
    """

    cell: Cell
    activation: str
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Kept:
    """What an activation keeps from the forward pass to the backward pass.

    Attributes:
        backend: On which.
        mode: `EAGER` or `COMPILED`.
        activation: Its name.
        total: Bytes an element, each buffer counted once, the input's and the
            output's too where they are kept.
        besides: Bytes an element, without input and output, which the layers
            on either side often keep anyway.
    """

    backend: str
    mode: str
    activation: str
    total: float
    besides: float


@dataclass
class Findings:
    """All that was measured, filled while it is.

    Attributes:
        environments: By backend: versions, processor, cores.
        timings: In the order of measurement.
        kept: In the order of measurement.
        failures: What could not be measured, and why.
    """

    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    timings: list[Timing] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ratio:
    """Median and quartiles, over the rounds, of one time over another."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Target:
    """A promise: the time of Serf, as a ratio, is to be at most `bound`.

    Attributes:
        work: Of the cell.
        mode: Of the cell.
        reference: Activation that Serf is compared with.
        bound: Of the ratio.
        backends: Where it is promised.
        device: Where it is promised; empty for anywhere.
    """

    work: str
    mode: str
    reference: str
    bound: float
    backends: tuple[str, ...] = BACKENDS
    device: str = ""


TARGETS = (
    Target(FORWARD, COMPILED, GELU, 1.0),
    Target(BOTH, COMPILED, GELU, 1.0),
    Target(FORWARD, COMPILED, MISH, 0.5),
    Target(BOTH, COMPILED, MISH, 0.5),
    Target(FORWARD, EAGER, MISH, 1.0, ("torch",), "cpu"),
    Target(BOTH, EAGER, MISH, 1.0, ("torch",), "cpu"),
    Target(COMPILE, COMPILED, GELU, 1.25),
    Target(TRANSFORMER, KERAS, RELU, 1.03),
    Target(CNN, KERAS, RELU, 1.03),
    Target(TRANSFORMER, COMPILED, RELU, 1.03, ("tensorflow",)),
    Target(CNN, COMPILED, RELU, 1.03, ("tensorflow",)),
)
KEPT_TARGET = 4.0  # Bytes an element, eager, in float32.


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured.

    Attributes:
        backend: On which.
        target: In words.
        measured: In words; empty where it was not measured.
        met: Whether it is met; None where it was not measured.
    """

    backend: str
    target: str
    measured: str
    met: bool | None

    @property
    def outcome(self) -> str:
        """In one or two words."""
        return {True: "met", False: "missed", None: "not measured"}[self.met]


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: The command line behind `cost`.

    Returns:
        The exit code: 0; 1 when nothing could be measured; 130 when
        interrupted, what was measured so far being written.

    Raises:
        UserError: An option is at fault, or no backend is installed.
    """
    options = parse(CostOptions, arguments, COMMAND)
    check(options)
    folder = free_folder(options.out, RUNS)
    plans = [plan(options, name) for name in installed(options.backends)]
    findings = Findings()
    code = 0
    try:
        for each in plans:
            gather(each, findings)
    except KeyboardInterrupt:
        code = 130
    if not (findings.timings or findings.kept):
        print("\n".join(findings.failures), file=sys.stderr)
        return code or 1
    print(write(folder, options, findings))
    said = "interrupted: what was measured is in" if code else "wrote"
    print(f"{said} {folder}", file=sys.stderr)
    return code


def check(options: CostOptions) -> None:
    """Checks what the parser cannot.

    Args:
        options: The options.

    Raises:
        UserError: One of them is at fault.
    """
    available = len(cores())
    for flag, names, known in (
        ("--backends", options.backends, BACKENDS),
        ("--parts", options.parts, PARTS),
        ("--dtypes", options.dtypes, DTYPES),
    ):
        check_names(flag, names, known)
    for flag, values in (
        ("--size", (options.size,)),
        ("--sizes", options.sizes),
        ("--seconds", (options.seconds,)),
    ):
        for value in values:
            if not 0 < value < math.inf:
                raise UserError(
                    f"Expected {flag} to be above 0. Received: {value}"
                )
    if options.threads is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise UserError("--threads needs Linux; leave it out")
    if not 0 < options.threads <= available:
        raise UserError(
            f"Expected --threads to be from 1 to {available}. Received: "
            f"{options.threads}"
        )


def plan(options: CostOptions, backend: str) -> Plan:
    """Returns what to measure on a backend.

    Args:
        options: The options.
        backend: The backend.

    Returns:
        Its plan.
    """
    usual = Plan(
        backend=backend,
        parts=options.parts,
        size=options.size,
        sizes=options.sizes,
        dtypes=options.dtypes,
        seconds=options.seconds,
        seed=options.seed,
        threads=options.threads,
    )
    if not options.quick:
        return usual
    return replace(
        usual,
        size=min(options.size, 1000),
        sizes=(min(options.size, 1000),),
        dtypes=options.dtypes[:1],
        seconds=min(options.seconds, 0.1),
        activations=(COPY, RELU, GELU, SERF),
        least=1,
        sample=SAMPLE / 20,
        layers=2,
        batch=2,
        models=(RELU, SERF),
    )


# The parent's side.


def gather(each: Plan, findings: Findings) -> None:
    """Runs a plan in a process of its own, under a progress bar.

    Args:
        each: The plan.
        findings: What is found is added to it as it comes.
    """
    from tqdm import tqdm

    with (
        tempfile.TemporaryDirectory() as scratch,
        tqdm(
            desc=each.backend,
            unit="cell",
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
            leave=False,
            bar_format="{desc} {bar} {n_fmt}/{total_fmt} {remaining} left",
        ) as bar,
        open(Path(scratch, "log"), "w+") as log,
        contextlib.closing(_events(each, scratch, log)) as found,
    ):
        for kind, content in found:
            if kind == "plan":
                bar.reset(total=content)
            elif kind == "begin":
                bar.set_description_str(f"{each.backend}: {content}")
            elif kind == "end":
                bar.update(1)
            else:
                record(findings, kind, content)


def _events(
    each: Plan, scratch: str, log: Any
) -> Generator[tuple[str, Any], None, None]:
    variables = {
        # torch.compile finds nothing that an earlier run has compiled.
        "TORCHINDUCTOR_CACHE_DIR": str(Path(scratch, "inductor")),
        # glibc keeps what is freed, up to its limit of 32 MB an array: page
        # faults would weigh on all alike, and blur the ratios.
        "MALLOC_MMAP_THRESHOLD_": str(2**25),
        "MALLOC_TRIM_THRESHOLD_": str(2**40),
    }
    try:
        yield from events(
            "demos.benchmarks.cost.command",
            each.backend,
            asdict(each),
            log,
            **variables,
        )
    except EndedEarlyError as error:
        yield "failure", f"{each.backend}: {error}"


def record(findings: Findings, kind: str, content: Any) -> None:
    """Adds what a process has written to the findings.

    Args:
        findings: All findings.
        kind: `"environment"`, `"timing"`, `"kept"` or `"failure"`.
        content: What `json` made of it.
    """
    if kind == "environment":
        findings.environments[content["backend"]] = content
    elif kind == "timing":
        cell = Cell(**content.pop("cell"))
        seconds = tuple(content.pop("seconds"))
        findings.timings.append(Timing(cell, seconds=seconds, **content))
    elif kind == "kept":
        findings.kept.append(Kept(**content))
    else:
        findings.failures.append(content)


# The side of the process that measures.


def work(text: str) -> None:
    """Measures, and writes a line of JSON a finding to stdout.

    Args:
        text: A `Plan` as JSON.
    """
    each = Plan(**json.loads(text))
    emit = emitter()
    if each.threads:
        os.sched_setaffinity(0, cores()[: each.threads])
    choose_backend(each.backend)
    start_keras()
    measure(each, emit)


def measure(each: Plan, emit: Emit) -> None:
    """Measures all that a plan asks for, on the active backend.

    Args:
        each: The plan.
        emit: Takes the kind of a finding and the finding.
    """
    import keras

    from demos.benchmarks.reference_activations import reference_activations
    from demos.common.environment import environment

    framework = _FRAMEWORKS[keras.backend.backend()]()
    activations = reference_activations().values()
    emit(
        "environment",
        {
            **environment(),
            "device": framework.device,
            "sources": {a.name: a.source for a in activations},
        },
    )
    functions = {COPY: lambda x: -x} | {a.name: a.function for a in activations}
    if each.activations is not None:
        functions = {name: functions[name] for name in each.activations}
    cells = elementwise_cells(each, framework.modes)
    deep = model_cells(each)
    emit("plan", len(cells) + len(deep) + ("memory" in each.parts))
    if "memory" in each.parts:
        emit("begin", "bytes kept")
        _weigh(each, framework, functions, emit)
        emit("end", None)
    for cell, names in cells:
        chosen = {n: f for n, f in functions.items() if not names or n in names}
        emit("begin", str(cell))
        _time_elementwise(each, cell, framework, chosen, emit)
        emit("end", None)
    for cell in deep:
        emit("begin", str(cell))
        if cell.work == COMPILE:
            _time_compilation(each, cell, framework, functions, emit)
        else:
            _time_steps(each, cell, emit)
        emit("end", None)


def elementwise_cells(
    each: Plan, modes: Sequence[str]
) -> list[tuple[Cell, tuple[str, ...]]]:
    """Lists the cells of single activations.

    Args:
        each: The plan.
        modes: Of the framework.

    Returns:
        Each cell and the names of its activations, none for all of them.
    """
    cells: list[tuple[Cell, tuple[str, ...]]] = []
    if "elementwise" in each.parts:
        cells += [
            (Cell(each.backend, what, mode, dtype, each.size), ())
            for dtype in dict.fromkeys(each.dtypes)
            for mode in modes
            for what in (FORWARD, BOTH)
        ]
    if "growth" in each.parts:
        done = {cell for cell, _ in cells}
        cells += [
            (cell, FEW)
            for size in dict.fromkeys(each.sizes)
            for what in (FORWARD, BOTH)
            if (cell := Cell(each.backend, what, COMPILED, "float32", size))
            not in done
        ]
    return cells


def model_cells(each: Plan) -> list[Cell]:
    """Lists the cells of whole models.

    Args:
        each: The plan.

    Returns:
        The cells. Keras does not use XLA in TensorFlow where there is no GPU;
        there the steps are timed with it too.
    """
    cells = []
    if "compile" in each.parts:
        cells += [(COMPILE, COMPILED)]
    if "steps" in each.parts:
        modes = (KERAS, COMPILED) if each.backend == "tensorflow" else (KERAS,)
        cells += [(what, mode) for what in (TRANSFORMER, CNN) for mode in modes]
    return [
        Cell(each.backend, what, mode, TARGET_DTYPE) for what, mode in cells
    ]


def interleave(
    samplers: Mapping[str, Callable[[int], float]],
    seconds: float,
    least: int,
    seed: int,
    clock: Callable[[], float] = time.perf_counter,
    most: int = MOST,
) -> dict[str, tuple[float, ...]]:
    """Runs samplers in turns, in a random order each round.

    Args:
        samplers: By name; takes the number of the round, returns seconds.
        seconds: No round begins after so many.
        least: Rounds to run even so.
        seed: Of the orders.
        clock: Tells the seconds.
        most: Rounds at most.

    Returns:
        By name, a time for each round; in the order of `samplers`.
    """
    times: dict[str, list[float]] = {name: [] for name in samplers}
    draw = random.Random(seed)
    began = clock()
    # What is alive now stays alive: the collections need not look at it.
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number in range(most):
            if number >= least and clock() - began > seconds:
                break
            for name in draw.sample(list(samplers), len(samplers)):
                times[name].append(samplers[name](number))
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return {name: tuple(each) for name, each in times.items()}


def repeated(
    call: Callable[[], object],
    least_seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Callable[[int], float]:
    """Makes a sampler of a call, which it repeats until a clock can tell.

    Args:
        call: Returns when its result is there. It is called here first, so
            that no sample compiles anything.
        least_seconds: That a sample takes, about.
        clock: Tells the seconds.

    Returns:
        A function of the number of the round, which it ignores: the seconds
        that one call takes.
    """

    def sample(count: int) -> float:
        began = clock()
        for _ in range(count):
            call()
        return clock() - began

    call()
    count = 1
    while (taken := sample(count)) < least_seconds:
        # Towards the goal, but never far on the word of one short sample.
        wanted = count * least_seconds / max(taken, 1e-9)
        count = min(10 * count, max(2 * count, math.ceil(wanted)))
    return lambda _: sample(count) / count


def _time_elementwise(
    each: Plan,
    cell: Cell,
    framework: "Framework",
    functions: Mapping[str, Callable[[Any], Any]],
    emit: Emit,
) -> None:
    x = framework.array(_normal(cell.size, each.seed), cell.dtype)
    w = framework.array(_normal(cell.size, each.seed + 1), cell.dtype)
    framework.forget()

    def prepare(name: str) -> Callable[[int], float]:
        if cell.work == FORWARD:
            call = framework.forward(functions[name], cell.mode, x)
        else:
            call = framework.both(functions[name], cell.mode, x, w)
        return repeated(call, each.sample)

    _time(each, cell, functions, prepare, emit)


def _time_compilation(
    each: Plan,
    cell: Cell,
    framework: "Framework",
    functions: Mapping[str, Callable[[Any], Any]],
    emit: Emit,
) -> None:
    shape = (STACK_WIDTH, STACK_WIDTH)
    scale = STACK_WIDTH**-0.5
    chosen = [n for n in (GELU, MISH, COMPOSED, SERF) if n in functions]
    weights = [
        framework.array(
            _normal(STACK_WIDTH**2, each.seed + n).reshape(shape) * scale,
            "float32",
        )
        for n in range(each.layers)
    ]

    def prepare(name: str) -> Callable[[int], float]:
        function = functions[name]

        def sample(number: int) -> float:
            # Another batch each time: no cache has seen it.
            rows = STACK_ROWS + number
            inputs = _normal(rows * STACK_WIDTH, 0).reshape(rows, STACK_WIDTH)
            h = framework.array(inputs, "float32")
            framework.forget()
            began = time.perf_counter()
            framework.compile_stack(function, weights, h)
            return time.perf_counter() - began

        if name == chosen[0]:
            sample(-1)  # The first compilation of a process loads a lot.
        return sample

    _time(each, cell, chosen, prepare, emit, most=min(3, each.least))


def _time_steps(each: Plan, cell: Cell, emit: Emit) -> None:
    build = {TRANSFORMER: _transformer, CNN: _cnn}[cell.work]
    in_keras = {GELU: "gelu", COMPOSED: _keras_composed}

    def prepare(name: str) -> Callable[[int], float]:
        model = build(in_keras.get(name, name))
        return repeated(_step(model, cell.mode, each), each.sample)

    _time(each, cell, each.models, prepare, emit)


def _time(
    each: Plan,
    cell: Cell,
    names: Sequence[str] | Mapping[str, Any],
    prepare: Callable[[str], Callable[[int], float]],
    emit: Emit,
    most: int = MOST,
) -> None:
    samplers = {}
    for name in names:
        try:
            samplers[name] = prepare(name)
        except Exception as error:  # Whatever it is, the others go on.
            emit("failure", f"{cell.backend}: {cell}: {name}: {_say(error)}")
    try:
        times = interleave(
            samplers, each.seconds, min(each.least, most), each.seed, most=most
        )
    except Exception as error:
        emit("failure", f"{cell.backend}: {cell}: {_say(error)}")
        return
    for name, seconds in times.items():
        emit("timing", asdict(Timing(cell, name, seconds)))


def _weigh(
    each: Plan,
    framework: "Framework",
    functions: Mapping[str, Callable[[Any], Any]],
    emit: Emit,
) -> None:
    for mode in framework.weighed:
        for name, function in functions.items():
            if name == COPY:
                continue
            try:
                kept = weigh(framework, function, mode)
            except Exception as error:  # Whatever it is, the others go on.
                emit(
                    "failure",
                    f"{each.backend}: bytes kept {mode}: {name}: {_say(error)}",
                )
                continue
            emit("kept", asdict(Kept(each.backend, mode, name, *kept)))


def weigh(
    framework: "Framework", function: Callable[[Any], Any], mode: str
) -> tuple[float, float]:
    """Weighs what is kept from the forward pass to the backward pass.

    Args:
        framework: The active one.
        function: The activation.
        mode: One of `framework.weighed`.

    Returns:
        Bytes an element of a float32 array: of all buffers, and without those
        of input and output. A scalar constant counts as nothing.
    """
    size = 2**16
    framework.forget()
    x = framework.array(_normal(size, 0), "float32")
    buffers, ends = framework.kept(function, mode, x)
    large = {a: n for a, n in buffers.items() if n >= size // 8}
    besides = sum(n for address, n in large.items() if address not in ends)
    return sum(large.values()) / size, besides / size


def _normal(size: int, seed: int) -> "np.ndarray":
    import numpy as np

    draw = np.random.default_rng(seed)
    # Beyond a million they repeat: the draw would take longer than the work.
    values = draw.standard_normal(min(size, 2**20), dtype=np.float32)
    return np.resize(values, size)


def _say(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


# The frameworks.

Function = Callable[[Any], Any]
Call = Callable[[], object]
Run = Callable[..., Any]


class Framework(Protocol):
    """What differs between the frameworks.

    Attributes:
        modes: In which activations are timed.
        weighed: Modes in which the bytes kept can be measured.
        device: `"cpu"` or another.
    """

    modes: tuple[str, ...]
    weighed: tuple[str, ...]
    device: str

    def array(self, values: "np.ndarray", dtype: str) -> Any:
        """Returns an array of the framework, on its device."""
        ...

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        """Returns a call that computes f(x) and waits for it."""
        ...

    def both(self, function: Function, mode: str, x: Any, w: Any) -> Call:
        """Returns a call that computes f(x) and the gradient of sum(w f(x))."""
        ...

    def kept(
        self, function: Function, mode: str, x: Any
    ) -> tuple[dict[int, int], set[int]]:
        """Returns the bytes of each buffer kept, by address, and x's and y's.

        Addresses are those of the buffers.
        """
        ...

    def compile_stack(
        self, function: Function, weights: Sequence[Any], h: Any
    ) -> None:
        """Compiles and runs the gradient of a stack of dense layers."""
        ...

    def forget(self) -> None:
        """Drops what was compiled, so that nothing counts recompilations."""
        ...


class _Jax:
    modes: tuple[str, ...] = (EAGER, COMPILED)
    weighed: tuple[str, ...] = (EAGER,)

    def __init__(self) -> None:
        import jax

        self.device = jax.devices()[0].platform

    def array(self, values: "np.ndarray", dtype: str) -> Any:
        import jax.numpy as jnp

        return jnp.asarray(values).astype(dtype)

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        import jax

        # A lambda of its own: jax.jit shares what it has compiled.
        compiled = jax.jit(lambda x: function(x))
        run = compiled if mode == COMPILED else function
        return lambda: jax.block_until_ready(run(x))

    def both(self, function: Function, mode: str, x: Any, w: Any) -> Call:
        import jax

        def value_and_gradient(x: Any, w: Any) -> Any:
            y, backward = jax.vjp(function, x)
            return y, backward(w)

        compiled = jax.jit(value_and_gradient)
        run = compiled if mode == COMPILED else value_and_gradient
        return lambda: jax.block_until_ready(run(x, w))

    def kept(
        self, function: Function, mode: str, x: Any
    ) -> tuple[dict[int, int], set[int]]:
        import jax

        # The function that vjp returns is a pytree of what it keeps.
        y, backward = jax.vjp(function, x)
        buffers = {
            leaf.unsafe_buffer_pointer(): leaf.nbytes
            for leaf in jax.tree_util.tree_leaves(backward)
            if isinstance(leaf, jax.Array)
        }
        return buffers, {x.unsafe_buffer_pointer(), y.unsafe_buffer_pointer()}

    def compile_stack(
        self, function: Function, weights: Sequence[Any], h: Any
    ) -> None:
        import jax

        def loss(weights: Sequence[Any], h: Any) -> Any:
            for weight in weights:
                h = function(h @ weight)
            return h.sum()

        jax.block_until_ready(jax.jit(jax.grad(loss))(weights, h))

    def forget(self) -> None:
        import jax

        jax.clear_caches()


class _TensorFlow:
    modes: tuple[str, ...] = (EAGER, GRAPH, COMPILED)
    weighed: tuple[str, ...] = (EAGER,)

    def __init__(self) -> None:
        import tensorflow as tf

        gpus = tf.config.list_logical_devices("GPU")
        self.device = "gpu" if gpus else "cpu"

    def array(self, values: "np.ndarray", dtype: str) -> Any:
        import tensorflow as tf

        return tf.cast(tf.constant(values), dtype)

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        return self._waiting(self._in_mode(lambda x: function(x), mode), x)

    def both(self, function: Function, mode: str, x: Any, w: Any) -> Call:
        import tensorflow as tf

        def value_and_gradient(x: Any, w: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return y, tape.gradient(y, x, output_gradients=w)

        return self._waiting(self._in_mode(value_and_gradient, mode), x, w)

    def _in_mode(self, run: Run, mode: str) -> Run:
        import tensorflow as tf

        if mode == EAGER:
            return run
        return tf.function(run, jit_compile=mode == COMPILED, autograph=False)

    def _waiting(self, run: Run, *arrays: Any) -> Call:
        import tensorflow as tf

        if self.device == "cpu":  # There it returns when all is done.
            return lambda: run(*arrays)

        def call() -> None:
            run(*arrays)
            tf.test.experimental.sync_devices()

        return call

    def kept(
        self, function: Function, mode: str, x: Any
    ) -> tuple[dict[int, int], set[int]]:
        import numpy as np
        import tensorflow as tf

        def alive() -> list[Any]:
            gc.collect()
            return [o for o in gc.get_objects() if isinstance(o, tf.Tensor)]

        def address(tensor: Any) -> int:
            return np.asarray(memoryview(tensor)).__array_interface__["data"][0]

        function(x)  # Makes the constants that it keeps for ever.
        before = {id(tensor) for tensor in alive()}
        inside = tf.identity(x)
        with tf.GradientTape() as tape:
            tape.watch(inside)
            y = function(inside)
        ends = {address(inside), address(y)}
        del inside, y
        # What lives on is held by the tape alone.
        found = [tensor for tensor in alive() if id(tensor) not in before]
        buffers = {address(tensor): _bytes(tensor) for tensor in found}
        del tape
        return buffers, ends

    def compile_stack(
        self, function: Function, weights: Sequence[Any], h: Any
    ) -> None:
        import tensorflow as tf

        def gradient(weights: Sequence[Any], h: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(weights)
                for weight in weights:
                    h = function(h @ weight)
                loss = tf.reduce_sum(h)
            return tape.gradient(loss, weights)

        self._waiting(self._in_mode(gradient, COMPILED), list(weights), h)()

    def forget(self) -> None:
        pass


def _bytes(tensor: Any) -> int:
    return int(tensor.dtype.size * math.prod(tensor.shape))


class _Torch:
    modes: tuple[str, ...] = (EAGER, COMPILED)
    weighed: tuple[str, ...] = (EAGER, COMPILED)

    def __init__(self) -> None:
        import torch

        self.device = "cuda" if torch.cuda.is_available() else "cpu"

    def array(self, values: "np.ndarray", dtype: str) -> Any:
        import torch

        return torch.tensor(values, device=self.device).to(
            getattr(torch, dtype)
        )

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        import torch

        run = self._in_mode(function, mode)

        def call() -> None:
            with torch.no_grad():
                run(x)
            self._wait()

        return call

    def both(self, function: Function, mode: str, x: Any, w: Any) -> Call:
        import torch

        run = self._in_mode(function, mode)
        leaf = x.detach().requires_grad_()

        def call() -> None:
            torch.autograd.grad(run(leaf), leaf, w)
            self._wait()

        return call

    def _in_mode(self, function: Function, mode: str) -> Function:
        import torch

        if mode == EAGER:
            return function
        return torch.compile(function, fullgraph=True, dynamic=False)

    def _wait(self) -> None:
        if self.device != "cpu":
            import torch

            torch.cuda.synchronize()

    def kept(
        self, function: Function, mode: str, x: Any
    ) -> tuple[dict[int, int], set[int]]:
        import torch

        run = self._in_mode(function, mode)
        leaf = x.detach().requires_grad_()
        run(leaf)  # Compiles.
        saved: list[Any] = []

        def keep(tensor: Any) -> Any:
            saved.append(tensor.untyped_storage())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            y = run(leaf)
        buffers = {storage.data_ptr(): storage.nbytes() for storage in saved}
        return buffers, {
            each.untyped_storage().data_ptr() for each in (leaf, y)
        }

    def compile_stack(
        self, function: Function, weights: Sequence[Any], h: Any
    ) -> None:
        import torch

        leaves = [weight.detach().requires_grad_() for weight in weights]

        def loss(weights: Sequence[Any], h: Any) -> Any:
            for weight in weights:
                h = function(h @ weight)
            return h.sum()

        run = torch.compile(loss, fullgraph=True, dynamic=False)
        torch.autograd.grad(run(leaves, h), leaves)
        self._wait()

    def forget(self) -> None:
        import torch

        torch.compiler.reset()


_FRAMEWORKS: dict[str, Callable[[], Framework]] = {
    "jax": _Jax,
    "tensorflow": _TensorFlow,
    "torch": _Torch,
}


# The models.


def _transformer(activation: Any) -> Any:
    import keras
    from keras_hub.layers import TransformerEncoder

    inputs = keras.Input((64, 64))
    h = inputs
    for _ in range(2):
        h = TransformerEncoder(256, num_heads=4, activation=activation)(h)
    h = keras.layers.GlobalAveragePooling1D()(h)
    return keras.Model(inputs, keras.layers.Dense(2)(h))


def _cnn(activation: Any) -> Any:
    import keras
    from keras import layers

    inputs = keras.Input((32, 32, 3))
    h = inputs
    for filters in (32, 64, 128):
        h = layers.Conv2D(filters, 3, padding="same", activation=activation)(h)
        h = layers.MaxPooling2D()(h)
    h = layers.GlobalAveragePooling2D()(h)
    return keras.Model(inputs, layers.Dense(2)(h))


def _step(model: Any, mode: str, each: Plan) -> Call:
    import keras
    import numpy as np

    shape = (each.batch, *model.input_shape[1:])
    x = _normal(math.prod(shape), each.seed).reshape(shape)
    y = np.arange(each.batch) % 2
    model.compile(
        keras.optimizers.Adam(1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True if mode == COMPILED else "auto",
    )
    # It returns the loss as a number, so it waits.
    return lambda: model.train_on_batch(x, y)


def _keras_composed(x: Any) -> Any:
    from keras import ops

    return x * ops.erf(ops.softplus(x))


# From times to ratios, tables, verdicts.


def ratio(times: Sequence[float], reference: Sequence[float]) -> Ratio:
    """Compares two activations of the same cell.

    Args:
        times: Of one, in each round.
        reference: Of the other, in the same rounds.

    Returns:
        Median and quartiles of the ratios, round by round.

    Example:

    >>> ratio([1.0, 9.0, 2.0], [2.0, 9.0, 2.0]).median
    1.0
    """
    import numpy as np

    ratios = np.divide(times, reference)
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    return Ratio(float(median), float(low), float(high))


def tabulate(timings: Sequence[Timing]) -> "pd.DataFrame":
    """Makes a table of times and ratios.

    Args:
        timings: Of all cells.

    Returns:
        A row a timing: the cell's `backend`, `work`, `mode`, `dtype` and
        `size`, `activation`, `rounds`, `seconds` (median) with its quartiles
        `seconds_q1` and `seconds_q3`, `nanoseconds` an element, and for each
        of `REFERENCES` the ratio `of <name>` with its quartiles; NaN where the
        reference was not measured.
    """
    import numpy as np
    import pandas as pd

    by_cell: dict[Cell, dict[str, Timing]] = {}
    for timing in timings:
        by_cell.setdefault(timing.cell, {})[timing.activation] = timing
    rows = []
    for timing in timings:
        low, median, high = np.quantile(timing.seconds, (0.25, 0.5, 0.75))
        size = timing.cell.size
        row = {
            **asdict(timing.cell),
            "activation": timing.activation,
            "rounds": len(timing.seconds),
            "seconds": median,
            "seconds_q1": low,
            "seconds_q3": high,
            "nanoseconds": 1e9 * median / size if size else math.nan,
        }
        for reference in REFERENCES:
            other = by_cell[timing.cell].get(reference)
            found = (
                ratio(timing.seconds, other.seconds)
                if other
                else Ratio(math.nan, math.nan, math.nan)
            )
            row[f"of {reference}"] = found.median
            row[f"of {reference} q1"] = found.low
            row[f"of {reference} q3"] = found.high
        rows.append(row)
    return pd.DataFrame(rows)


def judge(findings: Findings) -> list[Verdict]:
    """Compares what was measured with the targets.

    Args:
        findings: All that was measured.

    Returns:
        A verdict for each target and each backend that was measured.
    """
    times = {(t.cell, t.activation): t.seconds for t in findings.timings}
    kept = {(k.backend, k.mode, k.activation): k for k in findings.kept}
    verdicts = []
    for backend, environment in findings.environments.items():
        for target in TARGETS:
            if backend not in target.backends:
                continue
            if target.device not in ("", environment.get("device")):
                continue
            whole = target.work in (COMPILE, TRANSFORMER, CNN)
            size = 0 if whole else TARGET_SIZE
            cell = Cell(backend, target.work, target.mode, TARGET_DTYPE, size)
            ours = times.get((cell, SERF))
            theirs = times.get((cell, target.reference))
            words = (
                f"{target.work}, {target.mode}: at most {target.bound:.2f} of "
                f"{target.reference}"
            )
            if ours is None or theirs is None:
                verdicts.append(Verdict(backend, words, "", None))
                continue
            found = ratio(ours, theirs)
            verdicts.append(
                Verdict(
                    backend,
                    words,
                    _say_ratio(found),
                    found.median <= target.bound,
                )
            )
        ours_kept = kept.get((backend, EAGER, SERF))
        words = f"kept for backward, eager: at most {KEPT_TARGET:g} bytes"
        verdicts.append(
            Verdict(backend, words, "", None)
            if ours_kept is None
            else Verdict(
                backend,
                words,
                f"{ours_kept.total:g} bytes ({ours_kept.besides:g} without "
                "input and output)",
                ours_kept.total <= KEPT_TARGET,
            )
        )
    return verdicts


# The report.


def write(folder: Path, options: CostOptions, findings: Findings) -> str:
    """Writes the tables, the figure and all raw numbers.

    Args:
        folder: Where to.
        options: Of the run.
        findings: All that was measured.

    Returns:
        The text of `table.md`.

    Raises:
        UserError: The folder cannot be written.
    """
    import pandas as pd

    from demos.common.files import atomic
    from demos.common.files import write_json
    from demos.common.files import write_text

    table = tabulate(findings.timings)
    kept = pd.DataFrame([asdict(each) for each in findings.kept])
    verdicts = judge(findings)
    text = markdown(table, options, findings, verdicts)
    content = {
        "options": {k: _plain(v) for k, v in asdict(options).items()},
        "environments": findings.environments,
        "targets": [{**asdict(v), "outcome": v.outcome} for v in verdicts],
        "failures": findings.failures,
        "timings": [asdict(timing) for timing in findings.timings],
        "kept": [asdict(each) for each in findings.kept],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in (("timings", table), ("kept", kept)):
            with atomic(folder / f"{name}.csv") as scratch:
                frame.to_csv(scratch, index=False)
        write_text(folder / "table.md", text + "\n")
        if not table.empty:
            with atomic(folder / "figure.png") as scratch:
                draw(scratch, table)
        write_json(folder / RESULTS, content)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}") from None
    return text


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def markdown(
    table: "pd.DataFrame",
    options: CostOptions,
    findings: Findings,
    verdicts: Sequence[Verdict],
) -> str:
    """Writes the report as text.

    Args:
        table: What `tabulate` returns.
        options: Of the run.
        findings: All that was measured.
        verdicts: On the targets.

    Returns:
        Markdown.
    """
    from demos.report.tables import markdown_table

    lines = ["# The cost of Serf", ""]
    if options.quick:
        lines += ["**A try-out: its numbers mean nothing.**", ""]
    lines += [
        "Activations run in turns in one process, in a random order each "
        "round. Times are medians of the rounds; a ratio is the median of the "
        "ratios in each round. copy (-x) moves the same bytes as an "
        "activation and computes nothing: the limit that memory sets. "
        "Compiled is jax.jit, tf.function(jit_compile=True) and torch.compile; "
        "graph is a plain tf.function.",
        "",
    ]
    for backend, environment in findings.environments.items():
        version = environment.get(backend, "")
        lines.append(
            f"- {backend} {version}, keras {environment.get('keras')}, "
            f"keras_serf {environment.get('keras_serf')}, "
            f"{environment.get('device')}: {environment.get('processor')}, "
            f"{environment.get('cores')} cores"
        )
    if not table.empty:
        lines += _elementwise_tables(table, options)
        lines += _growth_tables(table)
        lines += _model_tables(table)
    lines += _kept_tables(findings.kept)
    if findings.failures:
        lines += ["", "## Not measured", ""]
        lines += [f"- {failure}" for failure in findings.failures]
    lines += ["", "## Targets", ""]
    lines += markdown_table(
        [
            ("backend", "target", "measured (quartiles)", "outcome"),
            *((v.backend, v.target, v.measured, v.outcome) for v in verdicts),
        ]
    )
    counts = [
        f"{sum(v.outcome == outcome for v in verdicts)} {outcome}"
        for outcome in ("met", "missed", "not measured")
    ]
    lines += ["", f"Targets: {', '.join(counts)}."]
    return "\n".join(lines)


def _elementwise_tables(
    table: "pd.DataFrame", options: CostOptions
) -> list[str]:
    from demos.report.tables import markdown_table

    lines: list[str] = []
    single = table[table["work"].isin((FORWARD, BOTH))]
    # Those that compare all, not the few that show the growth.
    main = single[single["size"] == _main_size(single, options)]
    for (backend, dtype, mode), group in main.groupby(
        ["backend", "dtype", "mode"], sort=False
    ):
        size = group["size"].iloc[0]
        lines += ["", f"## {backend}, {dtype}, {mode}, {size:,} elements", ""]
        columns = {
            "ns": "nanoseconds",
            **{f"of {n}": f"of {n}" for n in (GELU, MISH, COPY)},
        }
        header = ["activation"]
        passes = [
            what for what in (FORWARD, BOTH) if what in set(group["work"])
        ]
        for what in passes:
            short = {FORWARD: "fwd", BOTH: "fwd+bwd"}[what]
            header += [f"{short} {name}" for name in columns]
        rows = [header]
        for name, one in group.groupby("activation", sort=False):
            by_work = one.set_index("work")
            row = [str(name)]
            for what in passes:
                for column in columns.values():
                    present = what in by_work.index
                    value = by_work.loc[what, column] if present else math.nan
                    row.append(_number(value))
            rows.append(row)
        lines += markdown_table(rows)
    return lines


def _main_size(single: "pd.DataFrame", options: CostOptions) -> int:
    sizes = set(single["size"])
    return options.size if options.size in sizes else max(sizes, default=0)


def _growth_tables(table: "pd.DataFrame") -> list[str]:
    from demos.report.tables import markdown_table

    lines: list[str] = []
    ours = table[
        table["work"].isin((FORWARD, BOTH))
        & (table["mode"] == COMPILED)
        & (table["dtype"] == "float32")
        & (table["activation"] == SERF)
    ]
    for backend, group in ours.groupby("backend", sort=False):
        if group["size"].nunique() < 2:
            continue
        lines += ["", f"## {backend}, serf, float32, compiled, by size", ""]
        rows = [["elements", "pass", "ns an element"]]
        rows[0] += [f"of {name}" for name in REFERENCES]
        for row in group.sort_values(["work", "size"]).to_dict("records"):
            cells = [f"{row['size']:,}", row["work"], row["nanoseconds"]]
            cells += [row[f"of {name}"] for name in REFERENCES]
            rows.append([*cells[:2], *map(_number, cells[2:])])
        lines += markdown_table(rows)
    return lines


def _model_tables(table: "pd.DataFrame") -> list[str]:
    from demos.report.tables import markdown_table

    lines: list[str] = []
    for what, reference in ((COMPILE, GELU), (TRANSFORMER, RELU), (CNN, RELU)):
        chosen = table[table["work"] == what]
        if chosen.empty:
            continue
        lines += ["", f"## {what[0].upper()}{what[1:]}", ""]
        rows = [["activation"]]
        columns = list(
            dict.fromkeys(zip(chosen["backend"], chosen["mode"], strict=True))
        )
        for column in columns:
            rows[0] += [f"{' '.join(column)} ms", f"of {reference}"]
        for name, group in chosen.groupby("activation", sort=False):
            by_column = group.set_index(["backend", "mode"])
            row = [str(name)]
            for column in columns:
                if column not in by_column.index:
                    row += ["", ""]
                    continue
                one = by_column.loc[column]
                row += [
                    f"{1e3 * one['seconds']:,.1f}",
                    _say_ratio(
                        Ratio(
                            one[f"of {reference}"],
                            one[f"of {reference} q1"],
                            one[f"of {reference} q3"],
                        )
                    ),
                ]
            rows.append(row)
        lines += markdown_table(rows)
    return lines


def _kept_tables(kept: Sequence[Kept]) -> list[str]:
    from demos.report.tables import markdown_table

    if not kept:
        return []
    columns = list(dict.fromkeys((k.backend, k.mode) for k in kept))
    found = {(k.activation, k.backend, k.mode): k for k in kept}
    rows = [["activation", *(" ".join(column) for column in columns)]]
    for name in dict.fromkeys(k.activation for k in kept):
        row = [name]
        for column in columns:
            one = found.get((name, *column))
            row.append(f"{one.total:g} ({one.besides:g})" if one else "")
        rows.append(row)
    return [
        "",
        "## Kept for the backward pass",
        "",
        "Bytes an element in float32; in brackets, without input and output. "
        "TensorFlow's graphs and XLA decide for a whole model what is kept: "
        "not measured there.",
        "",
        *markdown_table(rows),
    ]


def _say_ratio(found: Ratio) -> str:
    if math.isnan(found.median):
        return ""
    return f"{found.median:.3f} ({found.low:.3f} to {found.high:.3f})"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:#.3g}".rstrip(".")


def draw(path: Path, table: "pd.DataFrame") -> None:
    """Draws time against size, and ratios to gelu, a row a backend.

    Args:
        path: The PNG to write.
        table: What `tabulate` returns, not empty.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    backends = list(dict.fromkeys(table["backend"]))
    figure = Figure(figsize=(15, 4.4 * len(backends)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(backends), 3, squeeze=False)
    for row, backend in zip(axes, backends, strict=True):
        mine = table[table["backend"] == backend]
        _draw_growth(row[0], mine, FORWARD, backend)
        _draw_growth(row[1], mine, BOTH, backend)
        _draw_ratios(row[2], mine, backend)
    figure.savefig(path, format="png", dpi=120)


def _draw_growth(
    axes: "Axes", table: "pd.DataFrame", what: str, backend: str
) -> None:
    from demos.report.figures.style import COLOURS
    from demos.report.figures.style import MARKERS

    chosen = table[
        (table["work"] == what)
        & (table["mode"] == COMPILED)
        & (table["dtype"] == "float32")
    ]
    for number, name in enumerate(reversed(FEW)):
        one = chosen[chosen["activation"] == name].sort_values("size")
        if one.empty:
            continue
        axes.loglog(
            one["size"],
            one["nanoseconds"],
            color="0.45" if name == COPY else COLOURS[number],
            linestyle="--" if name == COPY else "-",
            marker=MARKERS[number],
            markersize=4,
            linewidth=2.4 if name == SERF else 1.3,
            label=name,
        )
    axes.set_title(f"{backend}: {what}, compiled, float32")
    axes.set_xlabel("elements")
    axes.set_ylabel("nanoseconds an element")
    axes.grid(alpha=0.3, which="both")
    if axes.lines:
        axes.legend()


def _draw_ratios(axes: "Axes", table: "pd.DataFrame", backend: str) -> None:
    import numpy as np
    from matplotlib.ticker import LogLocator
    from matplotlib.ticker import NullFormatter

    from demos.report.figures.style import COLOURS

    single = table[
        table["work"].isin((FORWARD, BOTH)) & (table["dtype"] == "float32")
    ]
    # The size that has most activations is the one that compares them all.
    counts = single.groupby("size")["activation"].nunique()
    if counts.empty:
        axes.set_axis_off()
        return
    size = counts.idxmax()
    single = single[single["size"] == size]
    groups = [
        (mode, what)
        for mode in (EAGER, GRAPH, COMPILED)
        for what in (FORWARD, BOTH)
        if ((single["mode"] == mode) & (single["work"] == what)).any()
    ]
    names = [n for n in dict.fromkeys(single["activation"]) if n != COPY]
    places = np.arange(len(names), dtype=float)
    for number, (mode, what) in enumerate(groups):
        one = single[(single["mode"] == mode) & (single["work"] == what)]
        axes.plot(
            one.set_index("activation")[f"of {GELU}"].reindex(names),
            places + 0.1 * (number - (len(groups) - 1) / 2),
            color=COLOURS[number // 2],
            marker="o" if what == FORWARD else "D",
            markerfacecolor="white" if what == FORWARD else None,
            linestyle="none",
            label=f"{mode}, {what}",
        )
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"{backend}: ratio to {GELU}, {size:,} float32")
    axes.grid(axis="x", alpha=0.3, which="both")
    axes.legend(
        fontsize="small",
        ncols=2,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.1),
    )

"""Plans the measurements and their effort."""

from collections.abc import Sequence
from dataclasses import dataclass

from demos.benchmarks import names
from demos.benchmarks.cost.options import CostOptions

# Activations measured in new processes.
FRESH = (names.GELU, names.MISH, names.SERF)


@dataclass(frozen=True)
class Cell:
    """A set of comparable measurements, which differ in the activation."""

    backend: str
    work: str  # A constant of `names`, such as `names.FORWARD`.
    mode: str  # One of `names.MODES`, or `names.DEFAULT`.
    dtype: str = "float32"
    size: int = 0  # Size of the array; 0 for whole models.


@dataclass(frozen=True)
class Effort:
    """The effort of the measurements."""

    seconds: float  # Time per cell, apart from a minimum number of rounds.
    rounds: int = 5
    fresh_rounds: int = 3
    sample: float = 0.02  # Minimum seconds of a sample, with several calls.
    layers: int = 24  # Layers of the network whose first step is timed.
    batch: int = 32  # Examples in a batch.
    lengths: int = 200  # Number of different batch sizes, each used 3 times.
    elementwise: Sequence[str] = ()  # Activations; empty for all.
    models: Sequence[str] = (
        *(names.RELU, names.SILU, names.GELU, names.MISH),
        *(names.COMPOSED, names.SERF),
    )


@dataclass(frozen=True)
class Task:
    """A cell, and its activations; no names mean all of them."""

    cell: Cell
    activations: Sequence[str]
    effort: Effort

    def __str__(self) -> str:
        cell, size = self.cell, f" {self.cell.size:,}" if self.cell.size else ""
        what = f"{cell.work} {cell.mode} {cell.dtype}{size}"
        return " ".join([what, ", ".join(self.activations)]).strip()


def effort_of(options: CostOptions) -> Effort:
    """Returns the effort for the options."""
    if not options.quick:
        return Effort(options.seconds)
    return Effort(
        *(min(options.seconds, 0.1), 1, 1, 0.001, 2, 2, 2),
        elementwise=(names.COPY, names.RELU, names.GELU, names.SERF),
        models=(names.RELU, names.GELU, names.SERF),
    )


def plan(options: CostOptions, backend: str) -> list[Task]:
    """Lists the tasks that share one process."""
    effort = effort_of(options)
    cells: dict[Cell, Sequence[str]] = {}
    if "memory" in options.parts:
        # Others do not tell what they store outside eager mode.
        modes = (names.EAGER, names.COMPILED)[: 2 if backend == "torch" else 1]
        for mode in modes:
            cells[Cell(backend, names.KEPT, mode)] = effort.elementwise
    if "elementwise" in options.parts:
        for dtype in options.dtypes:
            for mode in names.MODES[backend]:
                for work in (names.FORWARD, names.BOTH):
                    for size in options.sizes:
                        cell = Cell(backend, work, mode, dtype, size)
                        cells[cell] = effort.elementwise
    if "steps" in options.parts:
        for work in (names.TRANSFORMER_STEP, names.CNN_STEP, names.CNN_PREDICT):
            cells[Cell(backend, work, names.DEFAULT)] = effort.models
            if backend == "tensorflow":  # No XLA on a CPU by default.
                cells[Cell(backend, work, names.COMPILED)] = effort.models
    return [Task(*cell, effort) for cell in cells.items()]


def fresh_plan(options: CostOptions, backend: str) -> list[Task]:
    """Lists the tasks for new processes, one activation each, alternating.

    In a new process, nothing has been traced or compiled, and no activation
    reuses memory that another one has freed.
    """
    effort = effort_of(options)
    cells = []
    if "compile" in options.parts:
        # JAX compiles by default.
        modes = (names.DEFAULT, names.COMPILED)[: 1 if backend == "jax" else 2]
        cells = [Cell(backend, names.FIRST_STEP, mode) for mode in modes]
        cells *= effort.fresh_rounds
    # By default, only TensorFlow compiles parts: JAX recompiles everything for
    # each shape, and PyTorch compiles nothing.
    if "lengths" in options.parts and backend == "tensorflow":
        works = (names.LENGTHS_PREDICT, names.LENGTHS_STEP)
        cells += [Cell(backend, work, names.DEFAULT) for work in works]
    return [Task(cell, (name,), effort) for cell in cells for name in FRESH]

"""Decides what is measured, and how thoroughly."""

from collections.abc import Sequence
from dataclasses import dataclass

from demos.benchmarks import names
from demos.benchmarks.cost.options import CostOptions

# Those that are measured at many sizes, and in fresh processes.
FEW = (names.COPY, names.RELU, names.GELU, names.MISH, names.SERF)
FRESH = (names.GELU, names.MISH, names.SERF)


@dataclass(frozen=True)
class Cell:
    """What is measured side by side: all but the activation."""

    backend: str
    work: str  # Of `names`, such as `names.FORWARD`.
    mode: str  # One of `names.FRAMEWORK_MODES`, or `names.DEFAULT`.
    dtype: str = "float32"
    size: int = 0  # Of the array; 0 for whole models.


@dataclass(frozen=True)
class Effort:
    """How thoroughly is measured."""

    seconds: float  # Of a cell; but a few rounds are run at least.
    rounds: int = 5
    fresh_rounds: int = 3
    sample: float = 0.02  # Seconds of a sample at least: many calls if need be.
    layers: int = 24  # Of the network whose first step is timed.
    batch: int = 32  # Examples in a batch.
    lengths: int = 200  # Different batch sizes, each of which comes thrice.
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
    """Returns how thoroughly is measured."""
    if not options.quick:
        return Effort(options.seconds)
    return Effort(
        *(min(options.seconds, 0.1), 1, 1, 0.001, 2, 2, 2),
        elementwise=(names.COPY, names.RELU, names.GELU, names.SERF),
        models=(names.RELU, names.GELU, names.SERF),
    )


def plan(options: CostOptions, backend: str) -> list[Task]:
    """Lists what one process measures."""
    effort = effort_of(options)
    cells: dict[Cell, Sequence[str]] = {}
    if "memory" in options.parts:
        for mode in names.KEPT_MODES[backend]:
            cells[Cell(backend, names.KEPT, mode)] = effort.elementwise
    if "elementwise" in options.parts:
        for dtype in options.dtypes:
            for mode in names.MODES[backend]:
                for work in (names.FORWARD, names.BOTH):
                    cell = Cell(backend, work, mode, dtype, options.size)
                    cells[cell] = effort.elementwise
    if "growth" in options.parts:
        for size in options.sizes:
            for work in (names.FORWARD, names.BOTH):
                cell = Cell(backend, work, names.COMPILED, size=size)
                cells.setdefault(cell, FEW)
    if "steps" in options.parts:
        for work in (names.TRANSFORMER_STEP, names.CNN_STEP, names.CNN_PREDICT):
            cells[Cell(backend, work, names.DEFAULT)] = effort.models
            if backend == "tensorflow":  # By default no XLA on a CPU.
                cells[Cell(backend, work, names.COMPILED)] = effort.models
    return [Task(*cell, effort) for cell in cells.items()]


def fresh_plan(options: CostOptions, backend: str) -> list[Task]:
    """Lists what new processes measure, one activation each, in turns.

    Nothing has been traced or compiled in such a process, and no memory that
    one activation has freed serves the next one.
    """
    effort = effort_of(options)
    cells = []
    if "compile" in options.parts:
        # JAX compiles by default.
        modes = (names.DEFAULT, names.COMPILED)[: 1 if backend == "jax" else 2]
        cells = [Cell(backend, names.FIRST_STEP, mode) for mode in modes]
        cells *= effort.fresh_rounds
    # Only TensorFlow compiles a part of what runs by default: JAX compiles all
    # of it anew for each shape, and PyTorch nothing.
    if "lengths" in options.parts and backend == "tensorflow":
        works = (names.LENGTHS_PREDICT, names.LENGTHS_STEP)
        cells += [Cell(backend, work, names.DEFAULT) for work in works]
    return [Task(cell, (name,), effort) for cell in cells for name in FRESH]

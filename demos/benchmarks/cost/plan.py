"""Decides what is measured, and how thoroughly."""

from collections.abc import Sequence
from dataclasses import dataclass

from demos.benchmarks import names
from demos.benchmarks.cost.options import CostOptions

# Those that are measured at many sizes, and in fresh processes.
FEW = (names.COPY, names.RELU, names.GELU, names.MISH, names.SERF)
FRESH = (names.GELU, names.MISH, names.SERF)
LENGTHS = {"predict": False, "training step": True}  # Work on such batches.


@dataclass(frozen=True)
class Cell:
    """What is measured side by side: all but the activation."""

    backend: str
    work: str  # Of `names`, such as `names.FORWARD`.
    mode: str  # One of `names.FRAMEWORK_MODES`, or `names.DEFAULT`.
    dtype: str = "float32"
    size: int = 0  # Of the array; 0 for whole models.

    def __str__(self) -> str:
        elements = f" {self.size:,} elements" if self.size else ""
        return f"{self.work} {self.mode} {self.dtype}{elements}"


@dataclass(frozen=True)
class Effort:
    """How thoroughly is measured."""

    rounds: int = 5  # At least.
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


QUICK = Effort(
    *(1, 1, 0.001, 2, 2, 2),
    elementwise=(names.COPY, names.RELU, names.GELU, names.SERF),
    models=(names.RELU, names.GELU, names.SERF),
)


@dataclass(frozen=True)
class FreshTask:
    """What a fresh process measures.

    A process of its own, because nothing has been traced or compiled there, and
    because memory that one activation has freed would serve the next one.
    """

    work: str  # `names.FIRST_STEP`, or one of `LENGTHS`.
    mode: str
    activation: str
    effort: Effort


def effort_of(options: CostOptions) -> Effort:
    """Returns how thoroughly is measured."""
    return QUICK if options.quick else Effort()


def plan(
    options: CostOptions, backend: str, modes: Sequence[str]
) -> list[tuple[Cell, Sequence[str]]]:
    """Lists the cells that one process measures, each with its activations.

    The modes are those of the framework. No names mean all activations.
    """
    effort = effort_of(options)
    cells: dict[Cell, Sequence[str]] = {}
    if "elementwise" in options.parts:
        for dtype in options.dtypes:
            for mode in modes:
                for work in (names.FORWARD, names.BOTH):
                    cells[Cell(backend, work, mode, dtype, options.size)] = ()
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
    return list(cells.items())


def fresh_plan(options: CostOptions, backend: str) -> list[FreshTask]:
    """Lists what fresh processes measure, in turns."""
    effort = effort_of(options)
    tasks = []
    if "compile" in options.parts:
        # JAX compiles by default.
        modes = (names.DEFAULT, names.COMPILED)[: 1 if backend == "jax" else 2]
        tasks += [
            FreshTask(names.FIRST_STEP, mode, activation, effort)
            for mode in modes
            for _ in range(effort.fresh_rounds)
            for activation in FRESH
        ]
    # Only TensorFlow compiles a part of what runs by default: JAX compiles all
    # of it anew for each shape, and PyTorch nothing.
    if "lengths" in options.parts and backend == "tensorflow":
        tasks += [
            FreshTask(work, names.DEFAULT, activation, effort)
            for work in LENGTHS
            for activation in FRESH
        ]
    return tasks

"""Decides which cells are measured, and how thoroughly."""

from collections.abc import Sequence
from dataclasses import dataclass

from demos.benchmarks import names
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.types import FEW, Cell


@dataclass(frozen=True)
class Effort:
    """How thoroughly is measured.

    Attributes:
        rounds: The smallest number of rounds.
        sample: Seconds that a sample takes at least: many calls if need be.
        layers: The depth of the network that is compiled.
        batch: The number of examples in a training step.
        elementwise: The names of the activations compared; empty for all.
        models: The names of those that models are built with.
    """

    rounds: int = 5
    sample: float = 0.02
    layers: int = 48
    batch: int = 32
    elementwise: Sequence[str] = ()
    models: Sequence[str] = (
        *(names.RELU, names.SILU, names.GELU, names.MISH),
        *(names.COMPOSED, names.SERF),
    )


QUICK = Effort(
    *(1, 0.001, 2, 2),
    elementwise=(names.COPY, names.RELU, names.GELU, names.SERF),
    models=(names.RELU, names.SERF),
)


def plan(
    options: CostOptions, backend: str, modes: Sequence[str]
) -> list[tuple[Cell, Sequence[str]]]:
    """Lists the cells, each with its activations.

    Args:
        options: The options of the command.
        backend: The backend.
        modes: Those of its framework.

    Returns:
        Cells and names; no names mean all activations. By default TensorFlow
        does not use XLA on a CPU, so its models are also timed with XLA.
    """
    effort = QUICK if options.quick else Effort()
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
    if "compile" in options.parts:
        cell = Cell(backend, names.COMPILE, names.COMPILED)
        cells[cell] = (names.GELU, names.MISH, names.COMPOSED, names.SERF)
    if "steps" in options.parts:
        for work in (names.TRANSFORMER, names.CNN):
            cells[Cell(backend, work, names.DEFAULT)] = effort.models
            if backend == "tensorflow":
                cells[Cell(backend, work, names.COMPILED)] = effort.models
    return list(cells.items())

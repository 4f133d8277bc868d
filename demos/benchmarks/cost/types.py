"""What is measured: cells, times in them, and bytes kept."""

from dataclasses import dataclass, field
from typing import Any

from demos.benchmarks import names

REFERENCES = (names.GELU, names.MISH, names.COPY, names.RELU)  # Of ratios.
# Those that are measured at many sizes.
FEW = (names.COPY, names.RELU, names.GELU, names.MISH, names.SERF)


@dataclass(frozen=True)
class Cell:
    """What is measured side by side: all but the activation.

    Attributes:
        backend: The backend.
        work: Of `names`, such as `names.FORWARD`.
        mode: One of `names.FRAMEWORK_MODES`, or `names.DEFAULT`.
        dtype: The dtype of the array.
        size: The size of the array; 0 for whole models.
    """

    backend: str
    work: str
    mode: str
    dtype: str = "float32"
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
        seconds: The time of one call, in each round; the rounds of a cell are
            shared by its activations.
    """

    cell: Cell
    activation: str
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Kept:
    """What an activation keeps from the forward pass to the backward pass.

    Attributes:
        backend: The backend.
        mode: `names.EAGER` or `names.COMPILED`.
        activation: Its name.
        total: Bytes per element, each buffer counted once, those of input and
            output too where they are kept.
        besides: Bytes per element without input and output, which the layers
            on either side often keep anyway.
    """

    backend: str
    mode: str
    activation: str
    total: float
    besides: float


@dataclass
class Findings:
    """All that was measured, filled during the measurement.

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

    def add(self, kind: str, content: Any) -> None:
        """Adds what a child process has emitted.

        Args:
            kind: `"environment"`, `"timing"`, `"kept"` or `"failure"`.
            content: The finding, as JSON represents it.
        """
        if kind == "environment":
            self.environments[content["backend"]] = content
        elif kind == "timing":
            cell = Cell(**content["cell"])
            seconds = tuple(content["seconds"])
            self.timings.append(Timing(cell, content["activation"], seconds))
        elif kind == "kept":
            self.kept.append(Kept(**content))
        else:
            self.failures.append(content)

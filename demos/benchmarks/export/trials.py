"""Export trials, their results, and the verdicts on Serf."""

from collections.abc import Mapping
from dataclasses import dataclass

SERF, CONTROL = "serf", "relu"
# Integer formats are tested only on these activations.
INTEGER_ACTIVATIONS = (SERF, "gelu", "silu", "mish")
RANGES = {"within 3": 3, "within 8": 8}  # Ranges of their inputs.

# Requirements of exporters, in the order of the attempts, and their marks in
# the table. Keras recommends the last two for runtimes without loops.
ANY_BATCH, FIXED_BATCH, UNROLLED = "", "fixed batch", "fixed batch, unroll=True"
NEEDS = {ANY_BATCH: "", FIXED_BATCH: " †", UNROLLED: " ‡"}

WORKS, FAILS, NEITHER = "works", "fails", "no"
ABSENT = "not installed"


@dataclass(frozen=True)
class Trial:
    """The format, model and activation of an export."""

    backend: str
    format: str  # In `targets.TARGETS`.
    model: str  # In `options.MODELS`, or in `RANGES`.
    activation: str

    def __str__(self) -> str:
        return f"{self.format}, {self.model}, {self.activation}"


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial."""

    # Largest difference, relative to the largest output except for integers.
    error: float | None = None
    need: str = ANY_BATCH  # The first of `NEEDS` that worked.
    reason: str = ""  # Reason of a failure; empty if it works.
    tried: bool = True  # False if a required package is not installed.


Results = Mapping[Trial, TrialResult]


@dataclass(frozen=True)
class Cell:
    """A cell of the table: a model with Serf, and with ReLU."""

    backend: str
    format: str
    model: str
    ours: TrialResult
    control: TrialResult

    @property
    def verdict(self) -> str:
        """`WORKS`, `FAILS` if only ReLU works, `NEITHER` or `ABSENT`."""
        if not (self.ours.tried and self.control.tried):
            return ABSENT
        if self.control.reason:
            return NEITHER if self.ours.reason else WORKS
        ours, control = map(
            list(NEEDS).index, (self.ours.need, self.control.need)
        )
        return FAILS if self.ours.reason or ours > control else WORKS


def cells(results: Results) -> list[Cell]:
    """Returns the cells for which trials with Serf and ReLU both ran."""
    found = []
    for trial, ours in results.items():
        place = (trial.backend, trial.format, trial.model)
        control = results.get(Trial(*place, CONTROL))
        if trial.activation == SERF and control is not None:
            found.append(Cell(*place, ours, control))
    return found

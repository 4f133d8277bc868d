"""Trials of an export, what came of them, and what that means for Serf."""

from collections.abc import Mapping
from dataclasses import dataclass

SERF, CONTROL = "serf", "relu"
# Integers are tried on these alone, beside each other.
INTEGER_ACTIVATIONS = (SERF, "gelu", "silu", "mish")
RANGES = {"within 3": 3, "within 8": 8}  # Of the inputs there.

# What an exporter may need, in this order, and its mark in the table. Keras
# recommends both of the latter for runtimes without loops.
ANY_BATCH, FIXED_BATCH, UNROLLED = "", "fixed batch", "fixed batch, unroll=True"
NEEDS = {ANY_BATCH: "", FIXED_BATCH: " †", UNROLLED: " ‡"}

WORKS, FAILS, NEITHER = "works", "fails", "no"
ABSENT = "not installed"


@dataclass(frozen=True)
class Trial:
    """What is exported, and from where to where."""

    backend: str
    format: str  # In `targets.TARGETS`.
    model: str  # In `options.MODELS`, or in `RANGES`.
    activation: str

    def __str__(self) -> str:
        return f"{self.format}, {self.model}, {self.activation}"


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial."""

    # Largest difference, over the largest output except in integer arithmetic.
    error: float | None = None
    need: str = ANY_BATCH  # The first of `NEEDS` that worked.
    reason: str = ""  # Why it does not work; empty if it does.
    tried: bool = True  # False if a package that it needs is not installed.


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
    """Returns those cells whose trials with Serf and with ReLU both ran."""
    found = []
    for trial, ours in results.items():
        place = (trial.backend, trial.format, trial.model)
        control = results.get(Trial(*place, CONTROL))
        if trial.activation == SERF and control is not None:
            found.append(Cell(*place, ours, control))
    return found

"""Trials of an export, what came of them, and what that means for Serf."""

from dataclasses import dataclass, field

from demos.benchmarks import names

CONTROL = names.RELU

# What an exporter may need, in this order, and its mark in the table. Keras
# recommends both of the latter for runtimes without loops.
ANY_BATCH, FIXED_BATCH, UNROLLED = "", "fixed batch", "fixed batch, unroll=True"
NEEDS = {ANY_BATCH: "", FIXED_BATCH: " †", UNROLLED: " ‡"}

WORKS, FAILS, NEITHER = "works", "fails", "no"
ABSENT = "not installed"


@dataclass(frozen=True)
class Trial:
    """What is exported, and from where to where.

    Attributes:
        backend: The Keras backend.
        format: In `formats.FORMATS`.
        model: In `options.MODELS`.
        activation: `names.SERF` or `CONTROL`.
    """

    backend: str
    format: str
    model: str
    activation: str


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial.

    Attributes:
        error: Largest difference over largest output; None if there is none.
        need: The first of `NEEDS` that worked.
        reason: Why it does not work; empty if it does.
        tried: False if a package that it needs is not installed.
    """

    error: float | None = None
    need: str = ANY_BATCH
    reason: str = ""
    tried: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell of the table.

    Attributes:
        backend: The Keras backend.
        format: In `formats.FORMATS`.
        model: In `options.MODELS`.
        ours: What came of Serf.
        control: What came of ReLU.
    """

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
        order = list(NEEDS)
        needs_more = order.index(self.ours.need) > order.index(
            self.control.need
        )
        return FAILS if self.ours.reason or needs_more else WORKS


@dataclass
class Findings:
    """All that was found, filled during the trials.

    Attributes:
        results: Of each trial.
        failures: Backends that could not be tried, and why.
    """

    results: dict[Trial, TrialResult] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def cells(self) -> list[Cell]:
        """Those cells whose trials with Serf and with ReLU both ran."""
        cells = []
        for trial, ours in self.results.items():
            place = (trial.backend, trial.format, trial.model)
            control = self.results.get(Trial(*place, CONTROL))
            if trial.activation == names.SERF and control is not None:
                cells.append(Cell(*place, ours, control))
        return cells

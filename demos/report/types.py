"""Types of the inputs and the result of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from demos.study.trial import TrialRecord

# Metrics of the baselines, by name. The first baseline is the trivial one, such
# as a constant prediction.
Baselines = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Metric:
    """A score of a model.

    Attributes:
        key: Name in the results.
        label: Name in the report.
        higher_is_better: Whether higher values are better.
        decimals: Digits shown after the decimal point.
        margin: The smallest difference that matters; by default 0.01 of a
            score, and 5% of the trivial baseline's value of a loss.
    """

    key: str
    label: str
    higher_is_better: bool = True
    decimals: int = 4
    margin: float | None = None

    @property
    def sign(self) -> int:
        """1 if higher is better, else -1."""
        return 1 if self.higher_is_better else -1

    @property
    def unit(self) -> str:
        """Unit of differences: points of a score from 0 to 1, or the metric."""
        return "points" if self.scale > 1 else self.label

    @property
    def scale(self) -> int:
        """100 if differences are in points, else 1."""
        return 100 if self.higher_is_better and self.margin is None else 1

    def number(self, value: float, sign: str = "") -> str:
        """Formats a difference in the unit."""
        decimals = (
            max(1, self.decimals - 3) if self.scale > 1 else self.decimals
        )
        return f"{self.scale * value:{sign}z.{decimals}f}"

    def amount(self, value: float, sign: str = "") -> str:
        """Formats a difference with its unit.

        Example:

        >>> Metric("accuracy", "accuracy").amount(0.0123, "+")
        '+1.2 points'
        >>> Metric("bleu", "BLEU", decimals=2, margin=1.0).amount(0.5)
        '0.50 BLEU'
        """
        return f"{self.number(value, sign)} {self.unit}"


@dataclass(frozen=True)
class Chart:
    """A figure with its description.

    Attributes:
        name: Name of its file.
        caption: Caption below it.
        description: Alternative text for screen readers.
        figure: The figure.
    """

    name: str
    caption: str
    description: str
    figure: Figure

    @property
    def size(self) -> tuple[int, int]:
        """Width and height on a page, in CSS pixels (96 per inch)."""
        width, height = self.figure.get_size_inches()
        return round(96 * width), round(96 * height)

    def save(self, path: Path) -> None:
        """Writes the figure to a PNG file."""
        self.figure.savefig(
            path, format="png", dpi=150, pil_kwargs={"optimize": True}
        )


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        caption: Caption above it.
        header: Names of the columns.
        rows: Cells of each row.
        left: Number of left-aligned columns; the others are right-aligned.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


@dataclass(frozen=True)
class Presentation:
    """Names, texts and additional content of a report.

    Attributes:
        title: Title of the page, the table and the figures.
        metrics: Columns of the table; the first is compared and drawn.
        curve: Key of the history whose values are drawn over the epochs.
        curve_label: Label of that curve in the figure.
        notes: Lines above the table.
        warnings: Reasons why the scores may not be meaningful, such as a smoke
            test.
        tables: Additional tables of the task.
        command: Command line that repeats the study.
        pictures: Additional charts of the task.
        reference: The activation that is compared with each of the others.
        margin: The smallest difference that matters; None for the metric's
            default.
        chosen: Settings that tuning chose, by activation; empty if untuned.
        resplit: Whether each seed has its own split.
    """

    title: str
    metrics: tuple[Metric, ...]
    curve: str
    curve_label: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    command: str = ""
    pictures: tuple[Chart, ...] = ()
    reference: str = "serf"
    margin: float | None = None
    chosen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resplit: bool = False

    @property
    def interval_note(self) -> str:
        """Explains the intervals of the scores."""
        covered = (
            "initialization and the split of the data"
            if self.resplit
            else "initialization only, not the choice of the data"
        )
        return (
            "Test scores: mean ± half-width of the 95% interval over the "
            f"seeds. The interval covers {covered}."
        )


@dataclass(frozen=True)
class Report:
    """Results of a study; a notebook shows the top of its page.

    Attributes:
        text: Markdown: title, notes, table, failures, samples, verdict.
        short: Plain text for a terminal of 80 columns: scores, verdict and the
            path of the page.
        folder: Folder of the study: `report.html`, `table.csv`, models and
            trials.
        results: Records of all trials, including failed ones.
        baselines: Metrics of the baselines, by name.
        findings: The findings, one sentence each.
        verdicts: The verdict on each other activation: "better" or "worse" (the
            reference is better or worse than it), "equivalent", "inconclusive"
            or "untrained" (neither beats the trivial baseline).
        html: The top of the page: warnings, verdict, forest plot and scores;
            "" if there is none.
    """

    text: str
    folder: Path
    results: tuple[TrialRecord, ...] = field(default=(), repr=False)
    baselines: Baselines = field(default_factory=dict, repr=False)
    findings: tuple[str, ...] = field(default=(), repr=False)
    verdicts: Mapping[str, str] = field(default_factory=dict)
    short: str = field(default="", repr=False)
    html: str = field(default="", repr=False)

    def _repr_html_(self) -> str | None:
        return self.html or None  # With None, a notebook shows the Markdown.

    def _repr_markdown_(self) -> str:
        return self.text

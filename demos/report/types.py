"""What a report is told, and what it returns."""

from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from matplotlib.figure import Figure

from demos.study.trial import TrialRecord


@dataclass(frozen=True)
class Metric:
    """A score of a model.

    Attributes:
        key: Name in the results.
        label: Name in the report.
        higher_is_better: Whether higher values are better.
        decimals: Digits shown after the decimal point.
    """

    key: str
    label: str
    higher_is_better: bool = True
    decimals: int = 4


@dataclass(frozen=True)
class Chart:
    """A figure, and what it shows in words.

    Attributes:
        name: Name of its file.
        caption: Caption below it.
        description: Alternative text, for those who cannot see it.
        figure: The figure.
    """

    name: str
    caption: str
    description: str
    figure: Figure

    @property
    def size(self) -> tuple[int, int]:
        """Width and height on a page, in CSS pixels, 96 an inch."""
        width, height = self.figure.get_size_inches()
        return round(96 * width), round(96 * height)

    def save(self, path: Path) -> None:
        """Writes the figure to a PNG file."""
        self.figure.savefig(
            path, format="png", dpi=150, pil_kwargs={"optimize": True}
        )


@dataclass(frozen=True)
class Presentation:
    """How a report names things.

    Attributes:
        title: Title of the page, the table and the figures.
        metrics: Columns of the table; the first is compared and drawn.
        curve: Name, in the history, of what is drawn over the epochs.
        curve_label: Name of that curve in the figure.
        notes: Lines above the table.
        appendix: Markdown below the table, above the verdict.
        command: Command line that runs the study again.
        pictures: Further charts, of the task's own.
    """

    title: str
    metrics: tuple[Metric, ...]
    curve: str
    curve_label: str
    notes: tuple[str, ...] = ()
    appendix: str = ""
    command: str = ""
    pictures: tuple[Chart, ...] = ()


@dataclass(frozen=True)
class Report:
    """Results of a study; a notebook shows its text.

    Attributes:
        text: Markdown: title, notes, table, failures, appendix, verdict.
        folder: Folder of the study: `report.html`, `table.csv`, models and
            trials.
        results: Records of all trials, failed ones too.
    """

    text: str
    folder: Path
    results: tuple[TrialRecord, ...] = field(default=(), repr=False)

    def _repr_markdown_(self) -> str:
        return self.text

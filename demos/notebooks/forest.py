"""Draws the verdict of a report as a picture, for pages that strip styles.

A report shows itself as HTML with a forest plot in SVG. GitHub shows neither
in a notebook, but it shows PNG.
"""

import io
import math
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from demos.common.files import read_json
from demos.report.figures.style import new_figure, style_of, wrapped
from demos.report.summary import StudyVerdict
from demos.report.types import Report

WIDTH = 9.0  # Inches.
RESOLUTION = 150  # Pixels an inch.


@dataclass(frozen=True)
class Picture:
    """A PNG that a notebook shows."""

    png: bytes = field(repr=False)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return self.png, {"width": round(WIDTH * 96)}


def draw(report: Report) -> Picture:
    """Draws `figure` as a picture that a notebook shows."""
    buffer = io.BytesIO()
    figure(report).savefig(buffer, format="png", dpi=RESOLUTION)
    return Picture(buffer.getvalue())


def figure(report: Report) -> Figure:
    """Draws the first sentence of a report and its differences.

    Args:
        report: The report of a study; its folder holds `verdict.json`.

    Returns:
        For each other activation, the paired difference at each seed, its mean
        and simultaneous 95% interval, and the verdict. The band is the margin.
    """
    study = StudyVerdict.of_json(read_json(report.folder / "verdict.json"))
    count = len(study.comparisons)
    drawing = new_figure(WIDTH, 1.9 + 0.5 * count)
    axes = drawing.subplots()
    margin = study.scale * study.margin
    axes.axvspan(-margin, margin, color="#b0b0b0", alpha=0.35, linewidth=0)
    axes.axvline(0, color="black", linewidth=1)
    whole = not any(record.reason for record in report.results)
    for row, one in enumerate(study.comparisons):
        colour = style_of(one.other)["color"]
        mean, low, high = (
            study.scale * value for value in (one.mean, one.low, one.high)
        )
        if whole:  # Otherwise the seeds of the two may differ.
            pairs = zip(
                study.scores[study.reference],
                study.scores[one.other],
                strict=True,
            )
            seeds = [study.scale * (ours - theirs) for ours, theirs in pairs]
            axes.plot(
                seeds, [row - 0.22] * len(seeds), "o", color=colour, alpha=0.5
            )
        if not math.isnan(low):
            axes.plot([low, high], [row, row], color=colour, linewidth=3)
        axes.plot(mean, row, "o", color=colour, markersize=10)
        number = f"{mean:+.1f}" if margin >= 1 else study.number(one.mean)
        axes.annotate(
            f"{one.word}\n{number} {study.unit}",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
        )
    axes.set_yticks(
        range(count),
        [f"{study.reference} against {c.other}" for c in study.comparisons],
    )
    axes.set_ylim(count - 0.5, -0.5)
    limit = 1.08 * max(abs(margin), *map(abs, axes.get_xlim()))
    axes.set_xlim(-limit, limit)
    axes.set_xlabel(
        f"← other better     difference in {study.unit}     "
        f"{study.reference} better →\nsmall dots: seeds; large dot and bar: "
        "mean and simultaneous 95% interval; band: margin"
    )
    axes.grid(axis="x", alpha=0.3)
    sentence = wrapped(report.findings[0], width=85)
    drawing.suptitle(sentence, fontweight="bold", fontsize="large")
    return drawing

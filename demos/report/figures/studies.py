"""Forest plots as pictures: of one study, and of several together."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from demos.report.comparisons import Analysis
from demos.report.figures import forest
from demos.report.figures.style import new_figure, style_of, wrapped
from demos.report.summary import StudyVerdict
from demos.report.types import Chart

BAND = "#b0b0b0"
METHOD = "mean and simultaneous 95% interval; band: margin"


def draw_verdict(analysis: Analysis, sentence: str) -> Chart:
    """Draws the differences of one study, in their unit: `verdict.png`.

    Args:
        analysis: The comparisons, at least one with a seed.
        sentence: The verdict, as the title.
    """
    metric = analysis.metric
    rows = forest.rows(analysis.comparisons, analysis)
    figure = _draw(
        rows,
        metric.scale * analysis.margin,
        f"difference in {metric.unit}",
        analysis.reference,
        f"small dots: seeds; large marker and bar: {METHOD}",
        0.5,
    )
    title = wrapped(sentence, width=85)
    figure.suptitle(title, fontweight="bold", fontsize="large")
    return Chart("verdict.png", "Paired differences", sentence, figure)


def draw_studies(studies: Sequence[StudyVerdict], title: str) -> Chart:
    """Draws one row for each comparison of each study: `summary.png`.

    Args:
        studies: The studies. A study without a margin is drawn in its own
            units.
        title: Title of the figure.
    """
    rows: list[forest.Row] = []
    starts = []
    for study in studies:
        starts.append(len(rows))
        margin = study.margin or 1
        for c in study.comparisons:
            first = len(rows) == starts[-1]
            rows.append(
                forest.Row(
                    f"{study.title}: {c.other}" if first else c.other,
                    c.other,
                    c.word,
                    "",
                    c.mean / margin,
                    c.low / margin,
                    c.high / margin,
                )
            )
    figure = _draw(
        rows,
        1,
        "paired difference, in margins of the study",
        studies[0].reference,
        METHOD,
        0.26,
    )
    (axes,) = figure.axes
    for start in starts[1:]:
        axes.axhline(start - 0.5, color=BAND, linewidth=0.6)
    # Linear within two margins, so that a large difference hides no others.
    axes.set_xscale("symlog", linthresh=2, linscale=1.5)
    limit = max(4.0, float(np.max(np.abs(axes.get_xlim()))))
    axes.set_xlim(-limit, limit)
    ticks = [n for n in (1, 2, 5, 10, 20, 50, 100) if n <= limit]
    ticks = [*(-n for n in reversed(ticks)), 0, *ticks]
    axes.set_xticks(ticks, [f"{n:+d}" if n else "0" for n in ticks])
    axes.minorticks_off()
    figure.suptitle(title, fontsize="medium")
    words = "; ".join(
        f"{study.title}, {c.other}: {c.word}"
        for study in studies
        for c in study.comparisons
    )
    return Chart(
        "summary.png", "Paired differences", f"{title}. {words}.", figure
    )


def _draw(
    rows: Sequence[forest.Row],
    margin: float,
    label: str,
    reference: str,
    legend: str,
    height: float,
) -> Figure:
    """Draws rows of a height in inches."""
    figure = new_figure(9, 1.6 + height * len(rows))
    axes = figure.subplots()
    axes.axvspan(-margin, margin, color=BAND, alpha=0.35, linewidth=0)
    axes.axvline(0, color="black", linewidth=1)
    for place, row in enumerate(rows):
        style = style_of(row.activation)
        colour = style["color"]
        seeds = [place - 0.22] * len(row.seeds)
        axes.plot(row.seeds, seeds, "o", color=colour, alpha=0.5)
        axes.errorbar(
            row.mean,
            place,
            xerr=(row.high - row.low) / 2,
            fmt=style["marker"],
            color=colour,
            linewidth=2,
            capsize=3,
        )
        axes.annotate(
            "\n".join(filter(None, [row.word, row.text])),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
        )
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.set_ylabel(f"{reference} against")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    limit = 1.08 * max(margin, *np.abs(axes.get_xlim()))
    axes.set_xlim(-limit, limit)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel(
        f"← other better     {label}     {reference} better →\n{legend}"
    )
    return figure

"""A forest plot: paired differences with their simultaneous intervals."""

import math
from collections.abc import Sequence

import numpy as np

from demos.report.comparisons import Analysis, Comparison
from demos.report.figures.style import new_figure, style_of
from demos.report.trials import level_name
from demos.report.types import Chart

MOST_LEVELS = 24  # Rows of levels; more would not be legible.
BAND = "#b0b0b0"


def draw_forest(analysis: Analysis, title: str) -> Chart:
    """Draws a row for each other activation, and for its levels: `forest.png`.

    Args:
        analysis: The comparisons; at least one has a seed.
        title: Title of the study.

    Returns:
        Each seed as a faint dot, the mean and its interval, a line at 0 and the
        margin as a shaded band; positive is better for the reference.
    """
    metric, reference = analysis.metric, analysis.reference
    scale = metric.scale
    rows = _rows(analysis)
    figure = new_figure(9, max(3.4, 1.9 + 0.42 * len(rows)))
    axes = figure.subplots()
    margin = scale * analysis.margin
    if margin:
        axes.axvspan(-margin, margin, color=BAND, alpha=0.35, linewidth=0)
    axes.axvline(0, color="black", linewidth=1)
    for place, (_, comparison) in enumerate(rows):
        style = style_of(comparison.other)
        values = scale * np.array(comparison.values)
        axes.plot(
            values,
            np.full(len(values), place - 0.24),
            marker=".",
            markersize=6,
            linestyle="none",
            color=style["color"],
            alpha=0.45,
        )
        axes.errorbar(
            scale * comparison.mean,
            place,
            xerr=None
            if math.isnan(comparison.half_width)
            else scale * comparison.half_width,
            fmt=style["marker"],
            color=style["color"],
            markersize=5 if comparison.level else 8,
            linewidth=1.4 if comparison.level else 2.6,
            capsize=3 if comparison.level else 5,
        )
        axes.annotate(
            comparison.word,
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small" if comparison.level else "medium",
        )
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    limit = max(map(abs, axes.get_xlim()))
    axes.set_xlim(-limit, limit)
    axes.grid(axis="x", alpha=0.3)
    order = [reference, "other"][:: metric.sign]
    axes.set_xlabel(
        f"{' − '.join(order)}, test {metric.label} ({metric.unit})\n"
        f"← other better          {reference} better →"
    )
    band = f"; band: margin of {metric.amount(analysis.margin)}"
    figure.suptitle(
        f"{title}\ndots: seeds; bar: mean and simultaneous 95% interval"
        + (band if margin else ""),
        wrap=True,
        fontsize="medium",
    )
    words = "; ".join(f"{c.other}: {c.word}" for c in analysis.comparisons)
    return Chart(
        "forest.png",
        "Paired differences",
        f"Difference in test {metric.label} of {reference} and each other "
        f"activation, with simultaneous 95% intervals. {words}.",
        figure,
    )


def _rows(analysis: Analysis) -> Sequence[tuple[str, Comparison]]:
    levels = analysis.levels if len(analysis.levels) <= MOST_LEVELS else ()
    rows = []
    for comparison in analysis.comparisons:
        if comparison.values:
            rows.append((comparison.other, comparison))
        rows += [
            (level_name(c.level), c)
            for c in levels
            if c.other == comparison.other and c.values
        ]
    return rows

"""A forest plot of several studies, in units of their margins."""

from collections.abc import Sequence

import numpy as np

from demos.report.figures.style import new_figure, style_of
from demos.report.summary import StudyVerdict
from demos.report.types import Chart


def draw_studies(studies: Sequence[StudyVerdict], title: str) -> Chart:
    """Draws one row for each comparison of each study: `summary.png`.

    Args:
        studies: The studies. A study without a margin is drawn in its own
            units.
        title: Title of the figure.
    """
    rows = [(study, c) for study in studies for c in study.comparisons]
    figure = new_figure(9, 1.6 + 0.26 * len(rows))
    axes = figure.subplots()
    axes.axvspan(-1, 1, color="#b0b0b0", alpha=0.35, linewidth=0)
    axes.axvline(0, color="black", linewidth=1)
    labels = []
    for place, (study, comparison) in enumerate(rows):
        margin = study.margin or 1
        style = style_of(comparison.other)
        axes.errorbar(
            comparison.mean / margin,
            place,
            xerr=(comparison.high - comparison.low) / 2 / margin,
            fmt=style["marker"],
            color=style["color"],
            linewidth=2,
            capsize=3,
        )
        axes.annotate(
            comparison.word,
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
        )
        first = place == 0 or rows[place - 1][0] is not study
        if first and place:
            axes.axhline(place - 0.5, color="#b0b0b0", linewidth=0.6)
        labels.append(
            f"{study.title}: {comparison.other}" if first else comparison.other
        )
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    # Linear within two margins, so that a large difference hides no others.
    axes.set_xscale("symlog", linthresh=2, linscale=1.5)
    limit = max(4.0, float(np.max(np.abs(axes.get_xlim()))))
    axes.set_xlim(-limit, limit)
    ticks = [n for n in (1, 2, 5, 10, 20, 50, 100) if n <= limit]
    ticks = [*(-n for n in reversed(ticks)), 0, *ticks]
    axes.set_xticks(ticks, [f"{n:+d}" if n else "0" for n in ticks])
    axes.minorticks_off()
    axes.grid(axis="x", alpha=0.3)
    reference = studies[0].reference
    axes.set_xlabel(
        "paired difference, in margins of the study\n"
        f"← other better          {reference} better →"
    )
    figure.suptitle(
        f"{title}\nmean and simultaneous 95% interval; band: margin",
        fontsize="medium",
    )
    words = "; ".join(f"{s.title}, {c.other}: {c.word}" for s, c in rows)
    return Chart(
        "summary.png", "Paired differences", f"{title}. {words}.", figure
    )

"""A heat map of paired differences over two settings."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from demos.report.comparisons import Analysis
from demos.report.figures.style import DIVERGING, new_figure
from demos.report.trials import (
    activations_of,
    differences,
    finished,
    levels_of,
    scores,
    varied,
)
from demos.report.types import Chart, Metric
from demos.report.verdict import ALPHA
from demos.study.trial import TrialRecord


def draw_heat_map(
    results: Sequence[TrialRecord], analysis: Analysis, title: str
) -> Chart:
    """Draws a study that varied two settings: `heatmap.png`.

    One panel for each other activation shows the mean of (reference - other)
    at each level. With only one activation, the panel shows its score.
    """
    (down, rows), (across, columns) = varied(results).items()
    metric, reference = analysis.metric, analysis.reference
    names = activations_of(finished(results))
    others = [name for name in names if name != reference]
    significant = {
        (c.other, *c.level.values()) for c in analysis.levels if c.p < ALPHA
    }
    panels = {
        other: _means(
            results,
            differences(results, metric.key, reference, other)
            if others
            else scores(results, metric.key, reference),
        )
        for other in others or [reference]
    }
    wide = min(3, math.ceil(math.sqrt(len(panels))))
    high = math.ceil(len(panels) / wide)
    figure = new_figure(
        max(7, wide * (1.6 + 0.95 * len(columns)) + 1),
        high * (1.3 + 0.5 * len(rows)) + 1.4,
    )
    every = figure.subplots(high, wide, squeeze=False).ravel()
    style = _colours_of([*panels.values()], bool(others), metric)
    for axes, (other, means) in zip(every, panels.items(), strict=False):
        image = axes.imshow(means, aspect="auto", **style)
        for (i, j), value in np.ndenumerate(means):
            starred = (other, rows[i], columns[j]) in significant
            text = f"{value:{'+' if others else ''}z.{metric.decimals}f}"
            red, green, blue, _ = image.to_rgba(value)
            # Relative luminance, as ITU-R BT.601 weighs it.
            light = 0.299 * red + 0.587 * green + 0.114 * blue
            failed = math.isnan(value)
            axes.text(
                j,
                i,
                "failed" if failed else text + " *" * starred,
                ha="center",
                va="center",
                # Not pure black or white: a page in SVG replaces those.
                color="#010101" if failed or light > 0.5 else "#fefefe",
                fontsize="medium",
            )
        axes.set_xticks(range(len(columns)), list(map(str, columns)))
        axes.set_yticks(range(len(rows)), list(map(str, rows)))
        axes.set(xlabel=across, ylabel=down, facecolor="0.85")
        axes.set_title(f"{reference} − {other}" if others else reference)
    for axes in every[len(panels) :]:
        axes.set_axis_off()
    figure.colorbar(image, ax=every, shrink=0.9, pad=0.02)
    what = f"test {metric.label}, mean over the seeds"
    if others:
        what = (
            f"difference in {what}; purple: {reference} is better; "
            "*: significant"
        )
    figure.suptitle(f"{title}\n{what}", wrap=True)
    return Chart(
        "heatmap.png",
        "Heat map",
        f"Heat map over {down} and {across}: {what}.",
        figure,
    )


def _means(results: Sequence[TrialRecord], values: np.ndarray) -> np.ndarray:
    """Arranges the means over the seeds of each level by the two settings."""
    rows, columns = varied(results).values()
    means = np.full((len(rows), len(columns)), math.nan)
    for number, level in enumerate(levels_of(results)):
        known = values[~np.isnan(values[:, number]), number]
        if len(known):
            row, column = level.values()
            means[rows.index(row), columns.index(column)] = known.mean()
    return means


def _colours_of(
    panels: Sequence[np.ndarray], signed: bool, metric: Metric
) -> dict[str, Any]:
    """Chooses the colours of a heat map, the same in all of its panels."""
    known = np.concatenate([panel[~np.isnan(panel)] for panel in panels])
    better = "" if metric.higher_is_better else "_r"
    if not signed:
        return {
            "cmap": f"cividis{better}",
            "vmin": known.min(initial=math.inf),
            "vmax": known.max(initial=-math.inf),
        }
    # At least the smallest difference shown in the cells; 0 has no colour.
    most = max(np.abs(known).max(initial=0), 10.0**-metric.decimals)
    return {"cmap": f"{DIVERGING}{better}", "vmin": -most, "vmax": most}

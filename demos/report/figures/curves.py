"""Learning curves: the mean over the seeds, with a band."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from demos.report.figures.style import (
    is_logarithmic,
    legend_below,
    new_figure,
    style_of,
)
from demos.report.trials import (
    activations_of,
    finished,
    level_name,
    levels_of,
    reference_of,
)
from demos.report.types import Chart, Presentation
from demos.study.trial import TrialRecord

MOST_PANELS = 12  # More would not be legible on a page.
MOST_BANDS = 3  # With more activations, only the reference has a band.
MEAN_AND_BAND = "mean over the seeds; band: interquartile range"


def draw_curves(
    results: Sequence[TrialRecord], presentation: Presentation
) -> Chart:
    """Draws learning curves, one panel for each level: `curves.png`.

    At most 12 levels are drawn, evenly spaced.
    """
    levels = levels_of(results)
    places = np.linspace(0, len(levels) - 1, min(len(levels), MOST_PANELS))
    shown = [levels[round(place)] for place in places]
    columns = min(len(shown), max(3, math.ceil(math.sqrt(len(shown)))))
    rows = math.ceil(len(shown) / columns)
    figure = new_figure(max(8, 3.6 * columns), 3 * rows + 1.4)
    every = figure.subplots(
        rows, columns, sharex=True, sharey=True, squeeze=False
    ).ravel()
    handles: dict[str, Any] = {}
    for number, level in enumerate(shown):
        axes = every[number]
        chosen = [r for r in results if level.items() <= r.settings.items()]
        draw_activations(axes, chosen, presentation)
        axes.set_title(level_name(level, "\n"), fontsize="medium")
        lowest = number + columns >= len(shown)
        axes.tick_params(labelbottom=lowest)
        axes.set_xlabel("epoch" if lowest else "")
        lines, labels = axes.get_legend_handles_labels()
        handles.update(zip(labels, lines, strict=True))
    for axes in every[len(shown) :]:
        axes.set_axis_off()
    figure.supylabel(presentation.curve_label, fontsize="medium")
    names = activations_of(finished(results))
    ordered = [name for name in names if name in handles]
    legend_below(figure, [handles[name] for name in ordered], ordered)
    part = ""
    if len(shown) < len(levels):
        part = f"; {len(shown)} of {len(levels)} levels"
    figure.suptitle(
        f"{presentation.title}\n{MEAN_AND_BAND}{part}",
        wrap=True,
    )
    return Chart(
        "curves.png",
        "Learning curves",
        f"{presentation.curve_label} after each epoch: one panel for each "
        f"level, one line for each of {', '.join(names)}.",
        figure,
    )


def draw_activations(
    axes: Axes, results: Sequence[TrialRecord], presentation: Presentation
) -> None:
    """Draws a metric of the histories over the epochs, by activation."""
    done = finished(results)
    longest, means = 1, [math.nan]
    names = activations_of(done)
    banded = names if len(names) <= MOST_BANDS else [reference_of(done)]
    for name in names:
        curves = [
            result.history[presentation.curve]
            for result in done
            if result.settings["activation"] == name
        ]
        epochs = np.arange(1, 1 + min(map(len, curves)))
        values = np.array([curve[: len(epochs)] for curve in curves])
        means += values.mean(axis=0).tolist()
        draw_band(
            axes,
            epochs,
            values,
            name,
            name in banded,
            label=name,
            markersize=4,
            markevery=1 + len(epochs) // 12,
        )
        longest = max(longest, len(epochs))
    loss = not presentation.metrics[0].higher_is_better
    if loss and is_logarithmic(np.nanmin(means), np.nanmax(means)):
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.5, max(longest + 0.5, axes.get_xlim()[1]))
    axes.grid(alpha=0.3)


def draw_band(
    axes: Axes,
    x: np.ndarray,
    values: np.ndarray,
    name: str,
    banded: bool = True,
    **style: Any,
) -> None:
    """Draws the mean over the seeds, and a band of the interquartile range.

    Args:
        axes: Axes to draw on.
        x: Shape `(n,)`.
        values: Shape `(seeds, n)`.
        name: Name of the activation, which sets colour, line and marker.
        banded: Whether to draw the band.
        **style: Other properties of the line, such as its `label`.
    """
    own = style_of(name)
    axes.plot(x, values.mean(axis=0), **{**own, **style})
    if banded:
        low, high = np.quantile(values, (0.25, 0.75), axis=0)
        axes.fill_between(
            x, low, high, color=own["color"], alpha=0.2, linewidth=0
        )

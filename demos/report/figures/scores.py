"""Scores with their intervals: for each seed, and over varied settings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from demos.report.figures.curves import MEAN_AND_BAND, draw_activations
from demos.report.figures.style import (
    LETTER,
    LINES,
    is_logarithmic,
    legend_below,
    new_figure,
    style_of,
)
from demos.report.statistics import bootstrap
from demos.report.trials import (
    activations_of,
    complete,
    finished,
    levels_of,
    numeric,
    scores,
    varied,
)
from demos.report.types import Baselines, Chart, Metric, Presentation
from demos.study.trial import TrialRecord

CLOSE = 0.08  # Fraction of the axis: labels nearer than this may overlap.
INTERVAL = "mean over the seeds and its 95% bootstrap interval"


def draw_overview(
    results: Sequence[TrialRecord],
    baselines: Baselines,
    presentation: Presentation,
) -> Chart:
    """Draws a study that varied only the activation: `figure.png`.

    It shows learning curves and the score of each seed.
    """
    metric = presentation.metrics[0]
    names = activations_of(finished(results))
    rotated = sum(map(len, names)) > 40  # Side by side they would overlap.
    height = 4.8 + 0.045 * rotated * max(map(len, names))
    figure = new_figure(max(11, 4 + 1.3 * len(names)), height)
    curves, panel = figure.subplots(1, 2)
    figure.suptitle(presentation.title, wrap=True)
    draw_activations(curves, results, presentation)
    curves.set_ylabel(presentation.curve_label)
    curves.set_title(MEAN_AND_BAND)
    curves.legend()
    _draw_seeds(panel, results, metric)
    if rotated:
        for label in panel.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    _draw_baselines(panel, baselines, metric, panel.get_ylim())
    if baselines:
        figure.legend(
            *panel.get_legend_handles_labels(),
            loc="outside lower right",
            ncols=2,
        )
    return Chart(
        "figure.png",
        "Scores",
        f"Left: {presentation.curve_label} after each epoch, one line for each "
        f"of {', '.join(names)}. Right: test {metric.label} of each seed, with "
        "the mean and its 95% bootstrap interval; the numbers are in the "
        "table.",
        figure,
    )


def draw_levels(
    results: Sequence[TrialRecord],
    baselines: Baselines,
    presentation: Presentation,
) -> Chart:
    """Draws the scores over each setting that was varied: `figure.png`.

    If a study varied several settings, the score of a seed is the mean over the
    levels of the others.
    """
    metric = presentation.metrics[0]
    choices = list(varied(results))
    averaged = "" if len(choices) == 1 else "mean over the other settings, "
    return _draw_panels(
        "figure.png",
        f"{presentation.title}\n{averaged}{INTERVAL}",
        [(results, name) for name in choices],
        baselines,
        metric,
        columns=3,
    )


def draw_studies(
    studies: Mapping[str, Sequence[TrialRecord]], metric: Metric, title: str
) -> Chart:
    """Draws studies, by name, that each varied one setting: `ablation.png`."""
    panels = [
        (results, name)
        for results in studies.values()
        for name in varied(results)
    ]
    return _draw_panels(
        "ablation.png", f"{title}\n{INTERVAL}", panels, {}, metric, columns=4
    )


def _draw_panels(
    file: str,
    title: str,
    panels: Sequence[tuple[Sequence[TrialRecord], str]],
    baselines: Baselines,
    metric: Metric,
    columns: int,
) -> Chart:
    """Draws a panel for each (results, setting)."""
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(max(8, 4.5 * columns), 4 * rows + 0.8)
    same = len({id(results) for results, _ in panels}) == 1
    every = figure.subplots(rows, columns, sharey=same, squeeze=False).ravel()
    for axes in every[len(panels) :]:
        axes.set_axis_off()
    for axes, (results, name) in zip(every, panels, strict=False):
        _draw_setting(axes, results, metric, name)
    for axes in every[::columns]:
        axes.set_ylabel(f"test {metric.label}")
    limits = every[0].get_ylim()
    for axes in every[: len(panels)]:
        _draw_baselines(axes, baselines, metric, limits)
    legend_below(figure, *every[0].get_legend_handles_labels())
    figure.suptitle(title, wrap=True)
    return Chart(
        file,
        "Scores",
        f"Test {metric.label} over "
        f"{' and over '.join(name for _, name in panels)}, one line for each "
        "activation, with 95% bootstrap intervals; the numbers are in the "
        "table.",
        figure,
    )


def _draw_seeds(
    axes: Axes, results: Sequence[TrialRecord], metric: Metric
) -> None:
    done = finished(results)
    names = activations_of(done)
    for number, name in enumerate(names):
        values = scores(done, metric.key, name)[:, 0]
        values = values[~np.isnan(values)]
        shifts = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else 0
        style = {**style_of(name), "linestyle": "none"}
        axes.plot(number + np.asarray(shifts), values, alpha=0.6, **style)
        _draw_interval(axes, number + 0.25, values, name, markersize=12)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.3)
    axes.set_ylabel(f"test {metric.label}")
    axes.set_title("Each seed; bar: mean and its 95% bootstrap interval")
    axes.grid(axis="y", alpha=0.3)


def _draw_interval(
    axes: Axes, x: float, values: np.ndarray, name: str, **style: Any
) -> None:
    mean = values.mean()
    low, high = bootstrap(values)
    axes.errorbar(
        x,
        mean,
        yerr=None if math.isnan(low) else [[mean - low], [high - mean]],
        fmt="_",
        color=style_of(name)["color"],
        capsize=4,
        linewidth=2,
        **style,
    )


def _draw_setting(
    axes: Axes, results: Sequence[TrialRecord], metric: Metric, name: str
) -> None:
    """Draws scores over one setting, averaged over the others."""
    values = varied(results)[name]
    levels = levels_of(results)
    places, logarithmic = _places(values)
    names = activations_of(finished(results))
    # Intervals at the same level stand side by side.
    step = min(0.012 * np.ptp(places), 0.6 * np.diff(places).min() / len(names))
    for number, activation in enumerate(names):
        table = scores(results, metric.key, activation)
        shifted = places + step * (number - (len(names) - 1) / 2)
        beside = np.exp(shifted) if logarithmic else shifted
        means = np.full(len(values), math.nan)
        for i, value in enumerate(values):
            columns = [level[name] == value for level in levels]
            sample = complete(table[:, columns]).mean(axis=1)
            if len(sample):
                means[i] = sample.mean()
                _draw_interval(axes, beside[i], sample, activation)
        axes.plot(beside, means, label=activation, **style_of(activation))
    if logarithmic:
        axes.set_xscale("log")
    labels = list(map(str, values))
    # A panel is about 4 inches wide.
    rotated = sum(len(label) + 2 for label in labels) * LETTER > 4
    axes.set_xticks(
        np.exp(places) if logarithmic else places,
        labels,
        rotation=60 if rotated else 0,
    )
    axes.set_xticks([], minor=True)
    axes.margins(x=0.12)
    axes.set_xlabel(name)
    axes.grid(axis="y", alpha=0.3)


def _places(values: Sequence[Any]) -> tuple[np.ndarray, bool]:
    """Returns the positions of values on the axis, and whether it is log.

    They are equidistant if the values are not numbers, or if some would be too
    close to distinguish.
    """
    equal = np.arange(len(values), dtype="float64")
    if not numeric(values) or isinstance(values[0], bool):
        return equal, False
    logarithmic = is_logarithmic(values[0], values[-1])
    places = np.asarray(values, "float64")
    if logarithmic:
        places = np.log(places)
    if np.diff(places).min() < CLOSE * np.ptp(places):
        return equal, False
    return places, logarithmic


def _draw_baselines(
    axes: Axes,
    baselines: Baselines,
    metric: Metric,
    limits: tuple[float, float],
) -> None:
    low, high = limits
    for number, (name, metrics) in enumerate(baselines.items()):
        level = metrics[metric.key]
        # A distant baseline would compress the scores.
        near = low - (high - low) < level < high + (high - low)
        axes.axhline(
            level if near else math.nan,
            color="0.35",
            linestyle=LINES[1 + number % (len(LINES) - 1)],
            linewidth=1.2,
            label=f"{name}: {level:.3f}" + ("" if near else " (off the axis)"),
        )

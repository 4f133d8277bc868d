"""Figures of a study: scores, learning curves, heat map, wins and losses."""

import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from demos.report import comparisons as significance
from demos.study.trial import TrialRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from demos.report.report import Metric
    from demos.report.report import Presentation

# Okabe and Ito's colours, told apart by colour-blind readers; yellow is left
# out, too pale for a line. https://jfly.uni-koeln.de/color/
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
    "#000000",
)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = "osD^vPX"
DIVERGING = "PuOr"  # Told apart by colour-blind readers; purple is more.
MOST_PANELS = 12  # Of learning curves, for a page that can be read.
DECADE = 10  # A range this wide is drawn on a logarithmic scale.
CLOSE = 0.08  # Of the axis: labels nearer than this may overlap.
NAMES = ("figure.png", "curves.png", "heatmap.png", "wins.png")


@dataclass(frozen=True)
class Chart:
    """A figure, and what it shows in words.

    Attributes:
        name: Of its file.
        caption: Below it.
        description: For who cannot see it.
        figure: The figure.
    """

    name: str
    caption: str
    description: str
    figure: "Figure"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height on a page, in CSS pixels, 96 an inch."""
        width, height = self.figure.get_size_inches()
        return round(96 * width), round(96 * height)

    def save(self, path: Path) -> None:
        """Writes it.

        Args:
            path: The PNG to write.
        """
        self.figure.savefig(
            path, format="png", dpi=150, pil_kwargs={"optimize": True}
        )


def draw(
    results: Sequence[TrialRecord],
    baselines: Mapping[str, Mapping[str, float]],
    presentation: "Presentation",
) -> list[Chart]:
    """Draws all figures of a study.

    Args:
        results: Of all trials, at least one finished; failed ones are not
            drawn.
        baselines: By name, the metrics of what needs no seeds.
        presentation: Names.

    Returns:
        The charts, with names among `NAMES`: scores always; learning curves of
        their own, where more than the activation was varied; a heat map, where
        two settings more were; wins and losses, where there are two
        activations.
    """
    choices = significance.varied(results)
    metric = presentation.metrics[0]
    if not choices:
        charts = [draw_overview(results, baselines, presentation)]
    else:
        charts = [
            draw_levels(results, baselines, presentation),
            draw_curves(results, presentation),
        ]
    if len(choices) == 2:
        charts.append(draw_heat_map(results, metric, presentation.title))
    names = significance.activations_of(significance.finished(results))
    if len(names) > 1:
        charts.append(draw_wins(results, metric, presentation.title))
    return charts


def draw_overview(
    results: Sequence[TrialRecord],
    baselines: Mapping[str, Mapping[str, float]],
    presentation: "Presentation",
) -> Chart:
    """Draws learning curves, and beside them the score of each seed.

    Args:
        results: Of all trials of a study that varied the activation alone.
        baselines: By name, the metrics of what needs no seeds.
        presentation: Names.

    Returns:
        The chart `figure.png`.
    """
    metric = presentation.metrics[0]
    names = significance.activations_of(significance.finished(results))
    turned = sum(map(len, names)) > 40  # Side by side they would overlap.
    height = 4.8 + 0.045 * turned * max(map(len, names))
    figure = _figure(max(11, 4 + 1.3 * len(names)), height)
    curves, scores = figure.subplots(1, 2)
    figure.suptitle(presentation.title, wrap=True)
    _draw_curves(curves, results, presentation.curve)
    curves.set_ylabel(presentation.curve_label)
    curves.set_title("Mean of the seeds; band: lowest to highest seed")
    curves.legend()
    _draw_scores(scores, results, metric)
    if turned:
        for label in scores.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    _draw_baselines(scores, baselines, metric, scores.get_ylim())
    if baselines:
        figure.legend(
            *scores.get_legend_handles_labels(),
            loc="outside lower right",
            ncols=2,
        )
    return Chart(
        "figure.png",
        "Scores",
        f"Left: {presentation.curve_label} after each epoch, a line for each "
        f"of {', '.join(names)}. Right: test {metric.label} of each seed, with "
        "the mean and its 95% bootstrap interval; the numbers are in the "
        "table.",
        figure,
    )


def draw_levels(
    results: Sequence[TrialRecord],
    baselines: Mapping[str, Mapping[str, float]],
    presentation: "Presentation",
) -> Chart:
    """Draws the scores of each activation over what else was varied.

    Args:
        results: Of all trials of a study that varied more than the activation.
        baselines: By name, the metrics of what needs no seeds.
        presentation: Names.

    Returns:
        The chart `figure.png`: a panel for each setting varied. Where there
        are several, a seed's score is its mean over the levels of the others.
    """
    metric = presentation.metrics[0]
    choices = significance.varied(results)
    columns = min(3, len(choices))
    rows = math.ceil(len(choices) / columns)
    figure = _figure(max(8, 5 * columns), 4.2 * rows + 0.8)
    every = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, name in zip(every, choices, strict=False):
        _draw_margin(axes, results, metric, name)
    for axes in every[len(choices) :]:
        axes.set_axis_off()
    for axes in every[::columns]:
        axes.set_ylabel(f"test {metric.label}")
    limits = every[0].get_ylim()
    for axes in every[: len(choices)]:
        _draw_baselines(axes, baselines, metric, limits)
    _legend_below(figure, *every[0].get_legend_handles_labels())
    averaged = "" if len(choices) == 1 else "mean over the other settings, "
    figure.suptitle(
        f"{presentation.title}\n{averaged}mean of the seeds and its 95% "
        "bootstrap interval",
        wrap=True,
    )
    return Chart(
        "figure.png",
        "Scores",
        f"Test {metric.label} over {' and over '.join(choices)}, a line for "
        "each activation, with 95% bootstrap intervals; the numbers are in the "
        "table.",
        figure,
    )


def draw_studies(
    studies: Mapping[str, Sequence[TrialRecord]], metric: "Metric", title: str
) -> Chart:
    """Draws the scores of several studies, each of which varied one setting.

    Args:
        studies: Of each all trials, by name.
        metric: What is drawn.
        title: Above the panels.

    Returns:
        The chart `ablation.png`: a panel for each study.
    """
    columns = min(4, len(studies))
    rows = math.ceil(len(studies) / columns)
    figure = _figure(max(6, 4 * columns), 3.6 * rows + 0.9)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in every[len(studies) :]:
        axes.set_axis_off()
    for axes, results in zip(every, studies.values(), strict=False):
        (name,) = significance.varied(results)
        _draw_margin(axes, results, metric, name)
    for axes in every[::columns]:
        axes.set_ylabel(f"test {metric.label}")
    _legend_below(figure, *every[0].get_legend_handles_labels())
    figure.suptitle(
        f"{title}\nmean of the seeds and its 95% bootstrap interval", wrap=True
    )
    return Chart(
        "ablation.png",
        "Scores",
        f"Test {metric.label} over each of {', '.join(studies)}, a line for "
        "each activation, with 95% bootstrap intervals.",
        figure,
    )


def draw_curves(
    results: Sequence[TrialRecord], presentation: "Presentation"
) -> Chart:
    """Draws learning curves, a panel for each level of what was varied.

    Args:
        results: Of all trials.
        presentation: Names.

    Returns:
        The chart `curves.png`; of more than 12 levels, it shows 12.
    """
    levels = significance.levels_of(results)
    places = np.linspace(0, len(levels) - 1, min(len(levels), MOST_PANELS))
    shown = [levels[round(place)] for place in places]
    columns = min(len(shown), max(3, math.ceil(math.sqrt(len(shown)))))
    rows = math.ceil(len(shown) / columns)
    figure = _figure(max(8, 3.6 * columns), 3 * rows + 1.4)
    every = figure.subplots(
        rows, columns, sharex=True, sharey=True, squeeze=False
    ).ravel()
    names = significance.activations_of(significance.finished(results))
    handles: dict[str, Any] = {}
    for number, level in enumerate(shown):
        axes = every[number]
        chosen = [r for r in results if level.items() <= r.settings.items()]
        _draw_curves(axes, chosen, presentation.curve, names)
        axes.set_title(name_of(level, "\n"), fontsize="medium")
        lowest = number + columns >= len(shown)
        axes.tick_params(labelbottom=lowest)
        axes.set_xlabel("epoch" if lowest else "")
        lines, labels = axes.get_legend_handles_labels()
        handles.update(zip(labels, lines, strict=True))
    for axes in every[len(shown) :]:
        axes.set_axis_off()
    figure.supylabel(presentation.curve_label, fontsize="medium")
    ordered = [name for name in names if name in handles]
    _legend_below(figure, [handles[name] for name in ordered], ordered)
    part = (
        ""
        if len(shown) == len(levels)
        else f"; {len(shown)} of {len(levels)} levels"
    )
    figure.suptitle(
        f"{presentation.title}\nmean of the seeds; band: lowest to highest "
        f"seed{part}",
        wrap=True,
    )
    return Chart(
        "curves.png",
        "Learning curves",
        f"{presentation.curve_label} after each epoch, a panel for each level, "
        f"a line for each of {', '.join(names)}.",
        figure,
    )


def draw_heat_map(
    results: Sequence[TrialRecord], metric: "Metric", title: str
) -> Chart:
    """Draws where the reference leads, over two settings.

    Args:
        results: Of all trials of a study that varied two settings besides the
            activation.
        metric: The metric drawn.
        title: Of the study.

    Returns:
        The chart `heatmap.png`: a panel for each other activation, of the mean
        of (reference - other); of the score, where there is one activation.
    """
    (down, rows), (across, columns) = significance.varied(results).items()
    levels = significance.levels_of(results)
    reference = significance.reference_of(results)
    done = significance.finished(results)
    others = [n for n in significance.activations_of(done) if n != reference]
    significant = {
        (c.other, *c.level.values())
        for c in significance.compare_levels(results, metric.key, reference)
        if c.significant
    }
    panels = {}
    for other in others or [reference]:
        values = (
            significance.differences(results, metric.key, reference, other)
            if others
            else significance.scores(results, metric.key, reference)
        )
        means = np.full((len(rows), len(columns)), math.nan)
        for number, level in enumerate(levels):
            known = values[~np.isnan(values[:, number]), number]
            if len(known):
                place = rows.index(level[down]), columns.index(level[across])
                means[place] = known.mean()
        panels[other] = means
    wide = min(3, math.ceil(math.sqrt(len(panels))))
    high = math.ceil(len(panels) / wide)
    figure = _figure(
        max(7, wide * (1.6 + 0.95 * len(columns)) + 1),
        high * (1.3 + 0.5 * len(rows)) + 1.4,
    )
    every = figure.subplots(high, wide, squeeze=False).ravel()
    style = _colours_of([*panels.values()], bool(others), metric)
    for axes, (other, means) in zip(every, panels.items(), strict=False):
        image = axes.imshow(means, aspect="auto", **style)
        for (i, j), value in np.ndenumerate(means):
            starred = (other, rows[i], columns[j]) in significant
            shown = f"{value:{'+' if others else ''}z.{metric.decimals}f}"
            _write(axes, image, i, j, value, shown + " *" * starred)
        axes.set_xticks(range(len(columns)), list(map(str, columns)))
        axes.set_yticks(range(len(rows)), list(map(str, rows)))
        axes.set(xlabel=across, ylabel=down, facecolor="0.85")
        axes.set_title(f"{reference} − {other}" if others else reference)
    for axes in every[len(panels) :]:
        axes.set_axis_off()
    figure.colorbar(image, ax=every, shrink=0.9, pad=0.02)
    what = f"test {metric.label}, mean of the seeds"
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


def draw_wins(
    results: Sequence[TrialRecord], metric: "Metric", title: str
) -> Chart:
    """Draws how often each activation scored better than each other.

    Args:
        results: Of all trials; two activations at least finished one.
        metric: The metric compared.
        title: Of the study.

    Returns:
        The chart `wins.png`.
    """
    names = significance.activations_of(significance.finished(results))
    duels = significance.duels(results, metric.key, metric.higher_is_better)
    shares = np.full((len(names), len(names)), math.nan)
    texts = {}
    for duel in duels:
        i, j = names.index(duel.first), names.index(duel.second)
        count = duel.wins + duel.losses + duel.ties
        if count:
            shares[i, j] = (duel.wins + duel.ties / 2) / count
            shares[j, i] = 1 - shares[i, j]
        star = "\n*" if duel.significant else ""
        texts[i, j] = f"{duel.wins} : {duel.losses}{star}"
        texts[j, i] = f"{duel.losses} : {duel.wins}{star}"
    longest = max(map(len, names))
    side = 0.85 * len(names) + 0.08 * longest
    figure = _figure(max(6.5, side + 2.4), max(4, side + 1.6))
    axes = figure.subplots()
    image = axes.imshow(shares, cmap=DIVERGING, vmin=0, vmax=1)
    axes.set_facecolor("0.85")
    for (i, j), text in texts.items():
        _write(axes, image, i, j, shares[i, j], text)
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=30 if longest > 6 else 0,
        ha="right" if longest > 6 else "center",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(len(names)), names)
    figure.colorbar(image, label="share of trials that the row won", shrink=0.9)
    figure.suptitle(
        f"{title}\ntrials won : lost, row against column, by test "
        f"{metric.label}\n*: significant (t-test over the seeds, Holm, "
        f"{len(duels)} {'pair' if len(duels) == 1 else 'pairs'})",
        fontsize="medium",
        wrap=True,
    )
    won = "; ".join(
        f"{d.first} won {d.wins} and lost {d.losses} against {d.second}"
        + (", a significant difference" if d.significant else "")
        for d in duels
    )
    return Chart(
        "wins.png",
        "Wins and losses",
        f"Trials with the same seed and settings, by test {metric.label}: "
        f"{won}.",
        figure,
    )


def draw_band(
    axes: "Axes", x: np.ndarray, values: np.ndarray, number: int, **style: Any
) -> None:
    """Draws the mean of the seeds, and a band from the lowest to the highest.

    Args:
        axes: Where to.
        x: Shape `(n,)`.
        values: Shape `(seeds, n)`.
        number: Of the setting: decides colour, line and marker.
        **style: Further properties of the line, such as its `label`.
    """
    axes.plot(x, values.mean(axis=0), **_style(number), **style)
    axes.fill_between(
        x,
        values.min(axis=0),
        values.max(axis=0),
        color=COLOURS[number % len(COLOURS)],
        alpha=0.12,
        linewidth=0,
    )


def name_of(level: Mapping[str, Any], separator: str = ", ") -> str:
    """Names a level of what was varied.

    Args:
        level: Settings without the activation.
        separator: Between them.

    Returns:
        The name.

    Example:

    >>> name_of({"layers": 2, "optimizer": "adam"})
    'layers=2, optimizer=adam'
    """
    return separator.join(f"{name}={value}" for name, value in level.items())


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _style(number: int) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": LINES[number % len(LINES)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def _draw_curves(
    axes: "Axes",
    results: Sequence[TrialRecord],
    curve: str,
    names: Sequence[str] = (),
) -> None:
    from matplotlib.ticker import MaxNLocator

    done = significance.finished(results)
    longest = 1
    # The same activation looks the same in every panel.
    for number, name in enumerate(names or significance.activations_of(done)):
        curves = [
            result.history[curve]
            for result in done
            if result.settings["activation"] == name
        ]
        if not curves:
            continue
        epochs = np.arange(1, 1 + min(map(len, curves)))
        values = np.array([curve[: len(epochs)] for curve in curves])
        draw_band(axes, epochs, values, number, label=name, markersize=4)
        longest = max(longest, len(epochs))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.5, max(longest + 0.5, axes.get_xlim()[1]))
    axes.grid(alpha=0.3)


def _draw_scores(
    axes: "Axes", results: Sequence[TrialRecord], metric: "Metric"
) -> None:
    done = significance.finished(results)
    names = significance.activations_of(done)
    for number, name in enumerate(names):
        values = significance.scores(done, metric.key, name)[:, 0]
        values = values[~np.isnan(values)]
        shifts = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else 0
        axes.plot(
            number + np.asarray(shifts),
            values,
            alpha=0.6,
            **{**_style(number), "linestyle": "none"},
        )
        _draw_interval(axes, number + 0.25, values, number, markersize=12)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.3)
    axes.set_ylabel(f"test {metric.label}")
    axes.set_title("Each seed; bar: mean and its 95% bootstrap interval")
    axes.grid(axis="y", alpha=0.3)


def _draw_interval(
    axes: "Axes", x: float, values: np.ndarray, number: int, **style: Any
) -> None:
    mean = values.mean()
    low, high = significance.bootstrap(values)
    axes.errorbar(
        x,
        mean,
        yerr=None if math.isnan(low) else [[mean - low], [high - mean]],
        fmt="_",
        color=COLOURS[number % len(COLOURS)],
        capsize=4,
        linewidth=2,
        **style,
    )


def _draw_margin(
    axes: "Axes", results: Sequence[TrialRecord], metric: "Metric", name: str
) -> None:
    """Draws scores over one setting, mean over the levels of the others."""
    values = significance.varied(results)[name]
    levels = significance.levels_of(results)
    places, logarithmic = _places(values)
    names = significance.activations_of(significance.finished(results))
    # Intervals at the same level stand side by side.
    step = min(0.012 * np.ptp(places), 0.6 * np.diff(places).min() / len(names))
    for number, activation in enumerate(names):
        table = significance.scores(results, metric.key, activation)
        shifted = places + step * (number - (len(names) - 1) / 2)
        beside = np.exp(shifted) if logarithmic else shifted
        means = np.full(len(values), math.nan)
        for i, value in enumerate(values):
            columns = [level[name] == value for level in levels]
            found = significance.whole(table[:, columns]).mean(axis=1)
            if len(found):
                means[i] = found.mean()
                _draw_interval(axes, beside[i], found, number)
        axes.plot(beside, means, label=activation, **_style(number))
    if logarithmic:
        axes.set_xscale("log")
    labels = list(map(str, values))
    # A letter is about 0.09 inches wide, and a panel about 4 inches.
    turned = sum(len(label) + 2 for label in labels) * 0.09 > 4
    axes.set_xticks(
        np.exp(places) if logarithmic else places,
        labels,
        rotation=60 if turned else 0,
    )
    axes.set_xticks([], minor=True)
    axes.margins(x=0.12)
    axes.set_xlabel(name)
    axes.grid(axis="y", alpha=0.3)


def _places(values: Sequence[Any]) -> tuple[np.ndarray, bool]:
    """Says where the values of a setting stand, and if those are logarithms.

    They stand in equal distances if they are no numbers, or if some would
    stand too close to be told apart.
    """
    equal = np.arange(len(values), dtype="float64")
    if not significance.numeric(values) or isinstance(values[0], bool):
        return equal, False
    logarithmic = values[0] > 0 and values[-1] >= DECADE * values[0]
    places = np.asarray(values, "float64")
    if logarithmic:
        places = np.log(places)
    if np.diff(places).min() < CLOSE * np.ptp(places):
        return equal, False
    return places, logarithmic


def _draw_baselines(
    axes: "Axes",
    baselines: Mapping[str, Mapping[str, float]],
    metric: "Metric",
    limits: tuple[float, float],
) -> None:
    low, high = limits
    for number, (name, scores) in enumerate(baselines.items()):
        level = scores[metric.key]
        # One far away would squeeze what is to be compared.
        near = low - (high - low) < level < high + (high - low)
        axes.axhline(
            level if near else math.nan,
            color="0.35",
            linestyle=LINES[1 + number % (len(LINES) - 1)],
            linewidth=1.2,
            label=f"{name}: {level:.3f}" + ("" if near else " (off the axis)"),
        )


def _legend_below(
    figure: "Figure", handles: Sequence[Any], labels: Sequence[str]
) -> None:
    # A letter is about 0.09 inches wide; the line before it, 0.5.
    column = 0.5 + 0.09 * max(map(len, labels))
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=max(1, int(figure.get_figwidth() / column)),
    )


def _colours_of(
    panels: Sequence[np.ndarray], signed: bool, metric: "Metric"
) -> dict[str, Any]:
    """Chooses the colours of a heat map: the same in all of its panels."""
    known = np.concatenate([panel[~np.isnan(panel)] for panel in panels])
    better = "" if metric.higher_is_better else "_r"
    if not signed:
        return {
            "cmap": f"cividis{better}",
            "vmin": known.min(initial=math.inf),
            "vmax": known.max(initial=-math.inf),
        }
    # At least what can be read in the cells: 0 has no colour.
    most = max(np.abs(known).max(initial=0), 10.0**-metric.decimals)
    return {"cmap": f"{DIVERGING}{better}", "vmin": -most, "vmax": most}


def _write(
    axes: "Axes", image: Any, row: int, column: int, value: float, text: str
) -> None:
    """Writes into a cell, black on what is light and white on what is dark."""
    colour: Callable[..., Any] = image.cmap
    red, green, blue, _ = colour(image.norm(value))
    # Relative weights for the eye: ITU-R BT.601.
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    axes.text(
        column,
        row,
        "failed" if math.isnan(value) else text,
        ha="center",
        va="center",
        color="black" if math.isnan(value) or light > 0.5 else "white",
        fontsize="medium",
    )


def wrapped(text: str, width: int = 30, lines: int = 4) -> str:
    """Breaks a text into a few short lines, to be drawn.

    Args:
        text: The text.
        width: Characters of a line.
        lines: How many at most.

    Returns:
        The text; what does not fit is left out, and "$" kept from being read
        as mathematics.
    """
    import textwrap

    kept = textwrap.wrap(text, width, max_lines=lines, placeholder=" ...")
    return "\n".join(kept).replace("$", r"\$")

"""Results -> table, paired statistics, figure and verdict, of any study."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from demos.files import atomic
from demos.files import write_text
from demos.trial import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
REFERENCE = "serf"
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


@dataclass(frozen=True)
class Metric:
    """A score of a model.

    Attributes:
        key: Its name in the results.
        label: Its name in the report.
        higher_is_better: Which way it is to go.
        decimals: Digits shown behind the point.
    """

    key: str
    label: str
    higher_is_better: bool = True
    decimals: int = 4


@dataclass(frozen=True)
class Presentation:
    """How a report calls things.

    Attributes:
        title: Above table and figure.
        metrics: Columns of the table; the first is compared and drawn.
        curve: Name, in the history, of what is drawn over the epochs.
        curve_label: What the figure calls it.
        notes: Lines above the table.
        appendix: Markdown below the table, above the verdict.
    """

    title: str
    metrics: tuple[Metric, ...]
    curve: str
    curve_label: str
    notes: tuple[str, ...] = ()
    appendix: str = ""


@dataclass(frozen=True)
class Report:
    """What a study has found; a notebook shows its text.

    Attributes:
        text: Markdown: title, notes, table, failures, appendix, verdict.
        folder: Of the study: `figure.png`, `table.csv`, models and trials.
    """

    text: str
    folder: Path

    def _repr_markdown_(self) -> str:
        return self.text


@dataclass(frozen=True)
class Comparison:
    """The reference against another, on the seeds that both finished.

    Attributes:
        other: Label of the other.
        difference: Mean of (reference - other) over those seeds.
        half_width: Of the 95% interval around it; NaN below two seeds.
        p: Of the paired t-test, after Holm's correction; NaN where there is
            no test: below two seeds, or the same difference on every seed.
        seeds: How many.
    """

    other: str
    difference: float
    half_width: float
    p: float
    seeds: int

    @property
    def significant(self) -> bool:
        """Whether chance explains the difference badly enough."""
        return self.p < ALPHA


def write(
    folder: Path,
    results: Sequence[Result],
    baselines: Mapping[str, Mapping[str, float]],
    presentation: Presentation,
) -> Report:
    """Writes table.csv, table.md and figure.png.

    Args:
        folder: Where to.
        results: Of all trials, failed ones too; at least one finished.
        baselines: By name, the metrics of what needs no seeds.
        presentation: Names and notes.

    Returns:
        The report; its text is that of table.md.
    """
    table = summarise(results, presentation.metrics, baselines)
    text = markdown(table, results, presentation)
    with atomic(folder / "table.csv") as scratch:
        table.to_csv(scratch, index=False)
    write_text(folder / "table.md", text)
    with atomic(folder / "figure.png") as scratch:
        draw(scratch, results, baselines, presentation)
    return Report(text, folder)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Computes a mean and half the width of its 95% interval.

    Args:
        values: A sample, assumed normal.

    Returns:
        The mean and t_{0.975, n-1} s / sqrt(n), s the sample's standard
        deviation; NaN instead of the latter when n = 1.

    Example:

    >>> mean, half_width = interval([1.0, 2.0, 3.0])
    >>> round(mean, 3), round(half_width, 3)
    (2.0, 2.484)
    """
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return mean, math.nan
    t = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)
    return mean, float(t * np.std(values, ddof=1) / math.sqrt(n))


def summarise(
    results: Sequence[Result],
    metrics: Sequence[Metric],
    baselines: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    """Sums up trials, a row a setting, and baselines below.

    Args:
        results: Of all trials, failed ones too.
        metrics: The columns wanted.
        baselines: By name, the metrics of what needs no seeds; the first metric
            at least.

    Returns:
        Columns `model`, `kind` (trained or baseline), `seeds`, `failed`, for
        each metric its mean and `<key>_interval` (half the width of the 95%
        interval), `seconds` (mean of a trial) and `parameters`.
    """
    rows = []
    for label, group in by_label(results).items():
        finished = [result for result in group if not result.reason]
        row = {
            "model": label,
            "kind": "trained",
            "seeds": len(finished),
            "failed": len(group) - len(finished),
        }
        if finished:
            for metric in metrics:
                row[metric.key], row[f"{metric.key}_interval"] = interval(
                    [result.metrics[metric.key] for result in finished]
                )
            row["seconds"] = np.mean([result.seconds for result in finished])
            row["parameters"] = finished[0].parameters
        rows.append(row)
    for name, scores in baselines.items():
        values = {
            metric.key: scores[metric.key]
            for metric in metrics
            if metric.key in scores
        }
        rows.append({"model": name, "kind": "baseline", **values})
    table = pd.DataFrame(rows)
    counts = ["seeds", "failed", "parameters"]
    return table.astype({name: "Int64" for name in counts if name in table})


def by_label(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Groups results by their settings.

    Args:
        results: The results.

    Returns:
        By label, in the order of first appearance.
    """
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.label, []).append(result)
    return groups


def reference_of(groups: Mapping[str, Sequence[Result]]) -> str:
    """Returns whom a comparison is about.

    Args:
        groups: Finished results by label; at least one.

    Returns:
        serf, or the first where there is none.
    """
    return REFERENCE if REFERENCE in groups else next(iter(groups))


def compare(
    results: Sequence[Result], metric: str, reference: str
) -> list[Comparison]:
    """Tests a reference against each other setting, seed by seed.

    Args:
        results: Of all trials, failed ones too.
        metric: Name of the metric.
        reference: Label of the reference.

    Returns:
        One comparison for each other setting that shares a seed: two-sided
        paired t-tests, Holm's correction for their number.
    """
    scores = {
        label: {r.seed: r.metrics[metric] for r in group if not r.reason}
        for label, group in by_label(results).items()
    }
    ours = scores.pop(reference, {})
    found = []
    for other, theirs in scores.items():
        seeds = sorted(ours.keys() & theirs.keys())
        if not seeds:
            continue
        differences = [ours[seed] - theirs[seed] for seed in seeds]
        mean, half_width = interval(differences)
        if np.ptp(differences) > 0:
            p = float(np.asarray(stats.ttest_1samp(differences, 0.0))[1])
        else:
            p = math.nan
        found.append(Comparison(other, mean, half_width, p, len(seeds)))
    corrected = holm([comparison.p for comparison in found])
    return [
        Comparison(c.other, c.difference, c.half_width, p, c.seeds)
        for c, p in zip(found, corrected, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p-values for their number, by Holm's method.

    Args:
        p_values: NaN for a test that could not be made.

    Returns:
        The corrected values, NaN where they were.
    """
    from statsmodels.stats.multitest import multipletests

    tested = [p for p in p_values if not math.isnan(p)]
    if not tested:
        return list(p_values)
    corrected = iter(np.asarray(multipletests(tested, method="holm")[1]))
    return [p if math.isnan(p) else float(next(corrected)) for p in p_values]


def verdict(results: Sequence[Result], metric: Metric) -> str:
    """Says in one sentence what the comparison found.

    Args:
        results: Of all trials, failed ones too; at least one finished.
        metric: The metric compared.

    Returns:
        The sentence. Without serf among the settings, the first finished one
        is compared with the others.
    """
    finished = by_label([result for result in results if not result.reason])
    reference = reference_of(finished)
    absent = "" if reference == REFERENCE else "serf was not compared: "
    comparisons = compare(results, metric.key, reference)
    if not comparisons:
        return f"{absent}{reference} has nothing to be compared with."
    if max(comparison.seeds for comparison in comparisons) < 2:
        return (
            f"{absent}No verdict on {reference}: intervals and tests need at "
            "least 2 seeds that both activations finished."
        )
    sign = 1 if metric.higher_is_better else -1
    better, worse, same = [], [], []
    for comparison in comparisons:
        text = _describe(comparison, metric.decimals)
        if not comparison.significant:
            same.append(text)
        elif sign * comparison.difference > 0:
            better.append(text)
        else:
            worse.append(text)
    parts = [
        f"{reference} is significantly {word} than {', '.join(texts)}"
        for word, texts in (("better", better), ("worse", worse))
        if texts
    ]
    if same:
        parts.append(
            f"no significant difference between {reference} and "
            f"{', '.join(same)}"
        )
    seeds = sorted({comparison.seeds for comparison in comparisons})
    method = (
        f"paired t-test on {' or '.join(map(str, seeds))} seeds, p by "
        f"Holm's correction, alpha = {ALPHA:.2f}"
    )
    sentence = f"{absent}{metric.label}: {'; '.join(parts)} ({method})."
    return sentence[0].upper() + sentence[1:]


def _describe(comparison: Comparison, decimals: int) -> str:
    difference = f"{comparison.difference:+z.{decimals}f}"  # z: no -0.0000
    if not math.isnan(comparison.half_width):
        difference += f" ± {comparison.half_width:.{decimals}f}"
    tested = (
        "not testable"
        if math.isnan(comparison.p)
        else f"p = {comparison.p:.2g}"
    )
    return f"{comparison.other} ({difference}, {tested})"


def markdown(
    table: pd.DataFrame,
    results: Sequence[Result],
    presentation: Presentation,
) -> str:
    """Writes the report as text.

    Args:
        table: What `summarise` returns.
        results: Of all trials, failed ones too.
        presentation: Names and notes.

    Returns:
        Markdown: title, notes, table, failures, appendix, verdict.
    """
    header = [
        "model",
        "seeds",
        *(metric.label for metric in presentation.metrics),
        "seconds",
        "parameters",
    ]
    rows = [
        [
            f"{row['model']} (baseline)"
            if row["kind"] == "baseline"
            else row["model"],
            _cell(row["seeds"], "d"),
            *(
                _with_interval(
                    row[m.key], row.get(f"{m.key}_interval"), m.decimals
                )
                if m.key in row
                else ""
                for m in presentation.metrics
            ),
            _cell(row["seconds"], ".1f"),
            _cell(row["parameters"], ",d"),
        ]
        for row in table.to_dict("records")
    ]
    failures = [
        f"- {result.label}, seed {result.seed}, failed: {result.reason}"
        for result in results
        if result.reason
    ]
    return "\n".join(
        [
            f"# {presentation.title}",
            "",
            *(f"{note}\n" for note in presentation.notes),
            "Scores on the test: mean ± half of the 95% interval over the "
            "seeds. The interval is about the seeds alone: other texts would "
            "move all scores.",
            "",
            *aligned([header, *rows]),
            "",
            *([*failures, ""] if failures else []),
            *([presentation.appendix, ""] if presentation.appendix else []),
            f"**Verdict.** {verdict(results, presentation.metrics[0])}",
        ]
    )


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lays out a table in Markdown that also reads well as it stands.

    Args:
        rows: The header, and the rows below it.
        left: How many columns stand to the left; the others to the right.

    Returns:
        The lines.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * width if i < left else "-" * (width - 1) + ":"
        for i, width in enumerate(widths)
    ]
    return [line(rows[0]), line(rule), *map(line, rows[1:])]


def _cell(value: float, form: str) -> str:
    return "" if pd.isna(value) else format(value, form)


def _with_interval(mean: float, half_width: float | None, decimals: int) -> str:
    if pd.isna(mean):
        return ""
    if half_width is None or pd.isna(half_width):
        return f"{mean:.{decimals}f}"
    return f"{mean:.{decimals}f} ± {half_width:.{decimals}f}"


def draw(
    path: Path,
    results: Sequence[Result],
    baselines: Mapping[str, Mapping[str, float]],
    presentation: Presentation,
) -> None:
    """Draws curves over the epochs, and scores with their intervals.

    Args:
        path: The PNG to write.
        results: Of all trials; failed ones are not drawn.
        baselines: By name, the metrics of what needs no seeds.
        presentation: Names.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = by_label([result for result in results if not result.reason])
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    curves, scores = figure.subplots(1, 2)
    figure.suptitle(presentation.title)
    _draw_curves(curves, groups, presentation)
    _draw_scores(scores, groups, baselines, presentation.metrics[0])
    figure.savefig(path, format="png", dpi=150)


def _draw_curves(
    axes: "Axes",
    groups: Mapping[str, Sequence[Result]],
    presentation: Presentation,
) -> None:
    from matplotlib.ticker import MaxNLocator

    longest = 0
    for number, (label, group) in enumerate(groups.items()):
        curves = [result.history[presentation.curve] for result in group]
        epochs = np.arange(1, 1 + min(map(len, curves)))
        values = np.array([curve[: len(epochs)] for curve in curves])
        draw_band(axes, epochs, values, number, label=label, markersize=4)
        longest = max(longest, len(epochs))
    axes.set_xlabel("epoch")
    axes.set_ylabel(presentation.curve_label)
    axes.set_title("Mean of the seeds; band: lowest to highest seed")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.5, longest + 0.5)
    axes.grid(alpha=0.3)
    axes.legend()


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
    colour = COLOURS[number % len(COLOURS)]
    axes.plot(
        x,
        values.mean(axis=0),
        color=colour,
        linestyle=LINES[number % len(LINES)],
        marker=MARKERS[number % len(MARKERS)],
        **style,
    )
    axes.fill_between(
        x,
        values.min(axis=0),
        values.max(axis=0),
        color=colour,
        alpha=0.12,
        linewidth=0,
    )


def _draw_scores(
    axes: "Axes",
    groups: Mapping[str, Sequence[Result]],
    baselines: Mapping[str, Mapping[str, float]],
    metric: Metric,
) -> None:
    for number, group in enumerate(groups.values()):
        values = [result.metrics[metric.key] for result in group]
        mean, half_width = interval(values)
        colour = COLOURS[number % len(COLOURS)]
        shifts = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else 0
        axes.plot(
            number + np.asarray(shifts),
            values,
            linestyle="none",
            marker=MARKERS[number % len(MARKERS)],
            color=colour,
            alpha=0.6,
        )
        axes.errorbar(
            number + 0.25,
            mean,
            yerr=None if math.isnan(half_width) else half_width,
            fmt="_",
            color=colour,
            capsize=4,
            markersize=12,
            linewidth=2,
        )
    low, high = axes.get_ylim()
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
    axes.set_xticks(range(len(groups)), list(groups))
    axes.set_xlim(-0.5, len(groups) - 0.3)
    axes.set_ylabel(f"test {metric.label}")
    axes.set_title("Each seed; bar: mean and its 95% interval")
    axes.grid(axis="y", alpha=0.3)
    if baselines:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08))

"""Results -> tables, figures, verdict and a page to read, of any study."""

import math
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from demos.common.files import atomic
from demos.common.files import write_text
from demos.report import charts
from demos.report import comparisons as significance
from demos.report import html_report as page
from demos.report.comparisons import ALPHA
from demos.report.comparisons import LEAST_SEEDS
from demos.report.comparisons import REFERENCE
from demos.report.comparisons import Comparison
from demos.report.comparisons import Interaction
from demos.study.trial import TrialRecord

INTERVALS = (
    "Scores on the test: mean ± half of the 95% interval over the seeds. The "
    "interval is about the seeds alone: other data would move all scores."
)

FEW = 3  # Levels that a sentence can name.
ALIKE = 1.5  # Ratio up to which one number can stand for several.


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
        command: Line that runs the study again.
        pictures: Further charts, of the task's own.
    """

    title: str
    metrics: tuple[Metric, ...]
    curve: str
    curve_label: str
    notes: tuple[str, ...] = ()
    appendix: str = ""
    command: str = ""
    pictures: tuple[charts.Chart, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a study has found; a notebook shows its text.

    Attributes:
        text: Markdown: title, notes, table, failures, appendix, verdict.
        folder: Of the study: `report.html`, `table.csv`, models and trials.
        results: Of all trials, failed ones too.
    """

    text: str
    folder: Path
    results: tuple[TrialRecord, ...] = field(default=(), repr=False)

    def _repr_markdown_(self) -> str:
        return self.text


def write(
    folder: Path,
    results: Sequence[TrialRecord],
    baselines: Mapping[str, Mapping[str, float]],
    presentation: Presentation,
) -> Report:
    """Writes the tables, the figures and report.html, which shows them all.

    Args:
        folder: Where to: table.csv, table.md, table.tex, trials.csv,
            report.html, the task's own charts, and those of `charts.NAMES` that
            the study has; of an earlier report, those that it has no longer are
            deleted.
        results: Of all trials, failed ones too; at least one finished.
        baselines: By name, the metrics of what needs no seeds.
        presentation: Names and notes.

    Returns:
        The report; its text is that of table.md.
    """
    table = summarise(results, presentation.metrics, baselines)
    text = markdown(table, results, presentation)
    for name, frame in (("table", table), ("trials", trials(results))):
        with atomic(folder / f"{name}.csv") as scratch:
            frame.to_csv(scratch, index=False)
    write_text(folder / "table.md", text)
    write_text(folder / "table.tex", latex(table, results, presentation))
    drawn = [
        *charts.draw(results, baselines, presentation),
        *presentation.pictures,
    ]
    for chart in drawn:
        with atomic(folder / chart.name) as scratch:
            chart.save(scratch)
    for name in {*charts.NAMES} - {chart.name for chart in drawn}:
        (folder / name).unlink(missing_ok=True)
    html = page.render(
        results,
        presentation,
        findings(results, presentation.metrics[0]),
        cells(table, results, presentation),
        [*presentation.notes, INTERVALS],
        {chart: folder / chart.name for chart in drawn},
    )
    write_text(folder / "report.html", html)
    return Report(text, folder, tuple(results))


def summarise(
    results: Sequence[TrialRecord],
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
        Columns `model`, one for each setting besides the activation, `kind`
        (trained or baseline), `seeds`, `failed`, for each metric its mean,
        `<key>_interval` (half the width of the 95% t interval), `<key>_low` and
        `<key>_high` (the ends of the 95% bootstrap interval), `seconds` (mean
        of a trial) and `parameters`.
    """
    rows = []
    for group in by_label(results).values():
        finished = significance.finished(group)
        row: dict[str, Any] = {
            "model": group[0].settings["activation"],
            **_further(group[0]),
            "kind": "trained",
            "seeds": len(finished),
            "failed": len(group) - len(finished),
        }
        if finished:
            for metric in metrics:
                key = metric.key
                sample = [result.metrics[key] for result in finished]
                row[key], row[f"{key}_interval"] = significance.interval(sample)
                row[f"{key}_low"], row[f"{key}_high"] = significance.bootstrap(
                    sample
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
        # Empty, not missing: a missing one would make the others floats.
        none = dict.fromkeys(_further(results[0]), "")
        rows.append({"model": name, **none, "kind": "baseline", **values})
    table = pd.DataFrame(rows)
    counts = ["seeds", "failed", "parameters"]
    return table.astype({name: "Int64" for name in counts if name in table})


def by_label(results: Sequence[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """Groups results by their settings.

    Args:
        results: The results.

    Returns:
        By label, in the order of first appearance.
    """
    groups: dict[str, list[TrialRecord]] = {}
    for result in results:
        groups.setdefault(result.label, []).append(result)
    return groups


def trials(results: Sequence[TrialRecord]) -> pd.DataFrame:
    """Lists every trial.

    Args:
        results: Of all trials, failed ones too.

    Returns:
        A row a trial: settings, `seed`, all metrics, `seconds`, `parameters`,
        `finished` and `reason`.
    """
    return pd.DataFrame(
        [
            {
                **result.settings,
                "seed": result.seed,
                **{
                    key: result.metrics.get(key, math.nan)
                    for key in significance.finished(results)[0].metrics
                },
                "seconds": result.seconds,
                "parameters": result.parameters,
                "finished": result.finished,
                "reason": result.reason,
            }
            for result in results
        ]
    )


def verdict(results: Sequence[TrialRecord], metric: Metric) -> str:
    """Says what the comparison found.

    Args:
        results: Of all trials, failed ones too; at least one finished.
        metric: The metric compared.

    Returns:
        The sentences of `findings`.
    """
    return " ".join(findings(results, metric))


def findings(results: Sequence[TrialRecord], metric: Metric) -> list[str]:
    """Says what the comparison found, sentence by sentence.

    Args:
        results: Of all trials, failed ones too; at least one finished.
        metric: The metric compared.

    Returns:
        Who is better; what the seeds could have shown; and, where more than
        the activation was varied, whether that matters. Without serf among
        what was finished, the first activation is compared with the others.
    """
    reference = significance.reference_of(results)
    comparisons = significance.compare(results, metric.key, reference)
    sentences = [_overall(results, metric, reference, comparisons)]
    if any(result.reason for result in results):
        sentences.append(_failures(results))
    tested = [c for c in comparisons if not math.isnan(c.p)]
    if tested:
        sentences.append(_power(tested, metric.decimals))
    found = significance.interactions(results, metric.key, reference)
    for name in significance.varied(results):
        mine = [i for i in found if i.setting == name and not math.isnan(i.p)]
        if mine:
            sentences.append(_dependence(mine, metric.decimals))
    levels = significance.compare_levels(results, metric.key, reference)
    if any(not math.isnan(c.p) for c in levels):
        sentences.append(_level_by_level(levels, metric, reference))
    if reference != REFERENCE:
        sentences[0] = f"{REFERENCE} was not compared: {sentences[0]}"
    return [_capitalised(sentence) for sentence in sentences]


def _capitalised(sentence: str) -> str:
    """Begins a sentence with a capital, unless it begins like "mAP"."""
    if sentence[1:2].isupper():
        return sentence
    return sentence[0].upper() + sentence[1:]


def _overall(
    results: Sequence[TrialRecord],
    metric: Metric,
    reference: str,
    comparisons: Sequence[Comparison],
) -> str:
    names = significance.activations_of(significance.finished(results))
    if names == [reference]:
        return f"{reference} has nothing to be compared with."
    choices = list(significance.varied(results))
    everywhere = f" at every value of {_and(choices)}" if choices else ""
    enough = [c for c in comparisons if c.seeds >= LEAST_SEEDS]
    if not enough:
        return (
            f"No verdict on {reference}: intervals and tests need at least "
            f"{LEAST_SEEDS} seeds that both activations finished{everywhere}."
        )
    sign = 1 if metric.higher_is_better else -1
    better, worse, same = [], [], []
    for comparison in enough:
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
    compared = {
        REFERENCE,
        reference,
        *(comparison.other for comparison in enough),
    }
    few = [n for n in significance.activations_of(results) if n not in compared]
    if few:
        parts.append(
            f"no verdict on {_and(few)}, with fewer than {LEAST_SEEDS} seeds "
            f"in common{everywhere}"
        )
    seeds = _numbers(comparison.seeds for comparison in enough)
    averaged = f", of means over {_and(choices)}" if choices else ""
    return (
        f"{metric.label}: {'; '.join(parts)} (paired t-test on {seeds} seeds"
        f"{averaged}, p by Holm's correction, alpha = {ALPHA:.2f})."
    )


def _failures(results: Sequence[TrialRecord]) -> str:
    """Says who failed: scores of the seeds that are left flatter them."""
    parts = []
    for name in significance.activations_of(results):
        ours = [r for r in results if r.settings["activation"] == name]
        failed = [r for r in ours if r.reason]
        if failed:
            parts.append(
                f"{name} in {len(failed)} of {len(ours)} trials "
                f"({failed[0].reason})"
            )
    return (
        f"Failed: {'; '.join(parts)}; what is compared are the seeds that both "
        "finished, and the means are of those that each did."
    )


def _power(tested: Sequence[Comparison], decimals: int) -> str:
    """Says what the seeds could have shown, and how many would show more."""
    visible = {
        c.other: significance.visible_difference(
            c.deviation, c.seeds, len(tested)
        )
        for c in tested
    }
    low, high = (find(visible, key=visible.__getitem__) for find in (min, max))
    size = f"{visible[high]:.{decimals}f}"
    if visible[high] > ALIKE * visible[low]:
        size = f"{visible[low]:.{decimals}f} ({low}) to {size} ({high})"
    sentence = (
        f"With {_numbers(c.seeds for c in tested)} seeds, differences of about "
        f"{size} and more are seen with {significance.POWER:.0%} power"
    )
    needed = {
        c.other: significance.seeds_needed(
            c.difference, c.deviation, len(tested)
        )
        for c in tested
        if not c.significant
    }
    if needed:
        most = significance.MOST_SEEDS
        other = min(needed, key=lambda name: needed[name] or most + 1)
        seeds = needed[other]
        sentence += (
            f"; to see the one measured against {other}, if it is real, would "
            + (f"take about {seeds:,}" if seeds else f"take over {most:,}")
            + " seeds"
        )
    return f"{sentence}."


def _dependence(found: Sequence[Interaction], decimals: int) -> str:
    """Says whether the difference depends on one setting."""
    strong = [interaction for interaction in found if interaction.significant]
    weak = [interaction for interaction in found if not interaction.significant]
    parts = []
    if strong:
        texts = [
            f"{i.other} ("
            + (
                ""
                if math.isnan(i.trend)
                else f"{i.trend:+z.{decimals}f} from one value to the next, "
            )
            + f"p = {i.p:.2g})"
            for i in strong
        ]
        parts.append(f"it does, significantly, against {', '.join(texts)}")
    if weak:
        whom = f" against {_and([i.other for i in weak])}" if strong else ""
        smallest = "smallest " if len(weak) > 1 else ""
        parts.append(
            f"no significant sign of it{whom} "
            f"({smallest}p = {min(i.p for i in weak):.2g})"
        )
    return (
        f"Whether the difference depends on {found[0].setting}: "
        f"{'; '.join(parts)}."
    )


def _level_by_level(
    found: Sequence[Comparison], metric: Metric, reference: str
) -> str:
    """Says where the reference is better or worse."""
    tested = [c for c in found if not math.isnan(c.p)]
    sign = 1 if metric.higher_is_better else -1
    parts = []
    for word, side in (("better", sign), ("worse", -sign)):
        there: dict[str, list[str]] = {}
        for c in tested:
            if c.significant and side * c.difference > 0:
                level = charts.name_of(c.level)
                there.setdefault(c.other, []).append(level)
        if there:
            texts = [
                f"{other} at {_some(levels)}" for other, levels in there.items()
            ]
            parts.append(
                f"{reference} is significantly {word} than {'; '.join(texts)}"
            )
    if not parts:
        parts.append("no significant difference anywhere")
    elif not all(c.significant for c in tested):
        parts.append("no significant difference in the rest")
    return f"Value by value, in {len(tested)} tests: {'; '.join(parts)}."


def _describe(comparison: Comparison, decimals: int) -> str:
    difference = (
        f"{comparison.difference:+z.{decimals}f} ± "  # z: no -0.0000
        f"{comparison.half_width:.{decimals}f}"
    )
    tested = (
        "not testable"
        if math.isnan(comparison.p)
        else f"d = {comparison.effect:z.1f}, p = {comparison.p:.2g}"
    )
    return f"{comparison.other} ({difference}, {tested})"


def _numbers(counts: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(set(counts))))


def _some(levels: Sequence[str]) -> str:
    """Names a few levels, and counts more."""
    return _and(levels) if len(levels) <= FEW else f"{len(levels)} values"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def markdown(
    table: pd.DataFrame,
    results: Sequence[TrialRecord],
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
    rows = [
        [cell.replace("|", r"\|") for cell in row]
        for row in cells(table, results, presentation)
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
            INTERVALS,
            "",
            *aligned(rows, left=1 + len(_further(results[0]))),
            "",
            *([*failures, ""] if failures else []),
            *([presentation.appendix, ""] if presentation.appendix else []),
            f"**Verdict.** {verdict(results, presentation.metrics[0])}",
        ]
    )


def latex(
    table: pd.DataFrame,
    results: Sequence[TrialRecord],
    presentation: Presentation,
) -> str:
    """Writes the table for a paper.

    Args:
        table: What `summarise` returns.
        results: Of all trials, failed ones too.
        presentation: Names.

    Returns:
        A LaTeX `tabular`, in the style of the package booktabs.
    """
    header, *rows = cells(table, results, presentation)
    left = 1 + len(_further(results[0]))
    tabular = (
        pd.DataFrame(rows, columns=header)
        .style.hide(axis="index")
        .format(escape="latex")
        .format_index(escape="latex", axis="columns")
        .to_latex(
            column_format="l" * left + "r" * (len(header) - left),
            hrules=True,
        )
    )
    # As a symbol it would need a font's encoding that has it.
    tabular = tabular.replace("±", r"$\pm$")
    return f"% Needs \\usepackage{{booktabs}}.\n{tabular}"


def cells(
    table: pd.DataFrame,
    results: Sequence[TrialRecord],
    presentation: Presentation,
) -> list[list[str]]:
    """Lays out the table as it is to be read.

    Args:
        table: What `summarise` returns.
        results: Of all trials, failed ones too.
        presentation: Names.

    Returns:
        The header, and the rows below it.
    """
    further = list(_further(results[0]))
    header = [
        "model",
        *further,
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
            *(str(row[name]) for name in further),
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
    return [header, *rows]


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


def _further(result: TrialRecord) -> dict[str, Any]:
    """Returns the settings besides the activation."""
    return {k: v for k, v in result.settings.items() if k != "activation"}


def _cell(value: float, form: str) -> str:
    return "" if pd.isna(value) else format(value, form)


def _with_interval(mean: float, half_width: float | None, decimals: int) -> str:
    if pd.isna(mean):
        return ""
    if half_width is None or pd.isna(half_width):
        return f"{mean:.{decimals}f}"
    return f"{mean:.{decimals}f} ± {half_width:.{decimals}f}"

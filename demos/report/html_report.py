"""Pages of HTML that hold a whole study, or several, and load nothing."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from demos.report.comparisons import Analysis, Comparison
from demos.report.trials import varied
from demos.report.types import Chart, Metric, Presentation
from demos.report.verdict import ALPHA
from demos.study.trial import TrialRecord

TEMPLATES = Path(__file__).parent / "templates"
NONE = "–"
STATISTICS = ("difference", "95% interval", "p", "seeds")


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        caption: Caption above it.
        header: Names of the columns.
        rows: Cells of each row.
        left: Number of columns aligned to the left; the others to the right.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


def render(
    results: Sequence[TrialRecord],
    presentation: Presentation,
    analysis: Analysis,
    findings: Sequence[str],
    scores: Sequence[Sequence[str]],
    notes: Sequence[str],
    pictures: Mapping[Chart, Path],
) -> str:
    """Writes the page of a study.

    Args:
        results: Records of all trials, failed ones too; at least one finished.
        presentation: Names, appendix and command.
        analysis: The comparisons.
        findings: Sentences of the verdict.
        scores: Header and rows of the scores.
        notes: Lines above them.
        pictures: The charts, and where their PNG is.

    Returns:
        HTML with the pictures inside, so that it loads nothing.
    """
    choices = list(varied(results))
    tested = (
        overall(analysis, choices),
        by_level(analysis, choices),
        dependence(analysis),
    )
    left = len(results[0].settings)
    return fill(
        "page.html",
        title=presentation.title,
        findings=findings,
        notes=notes,
        scores=Table("Scores on the test", scores[0], scores[1:], left),
        pictures=embedded(pictures),
        statistics=[table for table in tested if table.rows],
        appendix=presentation.appendix,
        command=presentation.command,
        environments=environments(results),
        trials=list_trials(results, presentation.metrics),
        records=[record(result) for result in results],
    )


def fill(template: str, **values: Any) -> str:
    """Fills in a template of the folder `templates`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)


def embedded(pictures: Mapping[Chart, Path]) -> list[dict[str, Any]]:
    """Describes charts, and where their PNG is, for `macros.html`."""
    return [
        {
            "caption": chart.caption,
            "description": chart.description,
            "size": chart.size,
            "data": base64.b64encode(path.read_bytes()).decode("ascii"),
        }
        for chart, path in pictures.items()
    ]


def overall(analysis: Analysis, choices: Sequence[str]) -> Table:
    """Tabulates the reference against each other activation."""
    metric = analysis.metric
    means = f", means over {', '.join(choices)}" if choices else ""
    return Table(
        f"{analysis.reference} against the others: test {metric.label}{means}",
        ["against", "verdict", *STATISTICS, "seeds for the margin"],
        [
            [
                c.other,
                c.word,
                *_statistics(c, metric),
                f"{c.seeds_for_margin:,}" if c.seeds_for_margin else NONE,
            ]
            for c in analysis.comparisons
        ],
        left=2,
    )


def by_level(analysis: Analysis, choices: Sequence[str]) -> Table:
    """Tabulates the same at each level; it is empty where there is one."""
    metric = analysis.metric
    return Table(
        f"{analysis.reference} against the others, value by value: test "
        f"{metric.label}",
        [*choices, "against", "verdict", *STATISTICS],
        [
            [
                *map(str, c.level.values()),
                c.other,
                c.word,
                *_statistics(c, metric),
            ]
            for c in analysis.levels
        ],
        left=2 + len(choices),
    )


def dependence(analysis: Analysis) -> Table:
    """Tabulates whether the differences depend on what else was varied."""
    metric = analysis.metric
    return Table(
        "Whether the difference depends on what else was varied: test "
        f"{metric.label}",
        [
            *("setting", "against", "slope over ranks", "p"),
            *("without", "p without", "seeds"),
        ],
        [
            [
                i.setting,
                i.other,
                signed(i.slope, metric),
                p_value(i.p),
                NONE if i.extreme is None else str(i.extreme),
                p_value(i.p_without),
                str(i.seeds),
            ]
            for i in analysis.interactions
        ],
        left=2,
    )


def list_trials(
    results: Sequence[TrialRecord], metrics: Sequence[Metric]
) -> Table:
    """Tabulates every trial, failed ones too."""
    return Table(
        f"All {len(results)} trials",
        [
            *results[0].settings,
            "seed",
            "state",
            *(metric.label for metric in metrics),
            "seconds",
            "finished",
        ],
        [
            [
                *map(str, result.settings.values()),
                str(result.seed),
                f"failed: {result.reason}" if result.reason else "done",
                *(
                    f"{result.metrics[metric.key]:.{metric.decimals}f}"
                    if metric.key in result.metrics
                    else NONE
                    for metric in metrics
                ),
                f"{result.seconds:.1f}",
                result.finished or NONE,
            ]
            for result in results
        ],
        left=2 + len(results[0].settings),
    )


def environments(results: Sequence[TrialRecord]) -> Table:
    """Tabulates versions and hardware, each entry with all its values."""
    values: dict[str, dict[str, None]] = {}
    for result in results:
        for name, value in result.environment.items():
            values.setdefault(name, {})[str(value)] = None
    seconds = sum(result.seconds for result in results)
    return Table(
        "Versions and hardware",
        ["what", "value"],
        [
            *([name, "; ".join(every)] for name, every in values.items()),
            ["time of all trials", f"{seconds:,.0f} seconds"],
        ],
        left=2,
    )


def record(result: TrialRecord) -> str:
    """Writes what decided a trial, and its timings, as JSON."""
    names = ("settings", "seed", "fingerprint", "config", "environment")
    content: dict[str, Any] = {
        name: getattr(result, name)
        for name in (*names, "parameters", "timings")
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def interval(comparison: Comparison, metric: Metric) -> str:
    """Formats an interval; a dash where there is none."""
    low, high = comparison.low, comparison.high
    if math.isnan(low):
        return NONE
    return f"{signed(low, metric)} to {signed(high, metric)}"


def signed(value: float, metric: Metric) -> str:
    """Formats a difference of a metric; a dash where there is none."""
    return NONE if math.isnan(value) else f"{value:+z.{metric.decimals}f}"


def p_value(p: float) -> str:
    """Formats a p-value, a significant one with a star."""
    if math.isnan(p):
        return NONE
    return f"{p:.2g}" + " *" * (p < ALPHA)


def _statistics(comparison: Comparison, metric: Metric) -> list[str]:
    return [
        signed(comparison.mean, metric),
        interval(comparison, metric),
        p_value(comparison.p),
        str(len(comparison.values)),
    ]

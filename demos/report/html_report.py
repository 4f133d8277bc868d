"""Pages of HTML that hold a whole study, or several, and load nothing."""

import base64
import json
import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from demos.report import comparisons
from demos.report import statistics
from demos.report.comparisons import Comparison
from demos.report.trials import reference_of
from demos.report.trials import varied
from demos.report.types import Chart
from demos.report.types import Metric
from demos.report.types import Presentation
from demos.study.trial import TrialRecord

TEMPLATES = Path(__file__).parent / "templates"
NONE = "–"


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
    findings: Sequence[str],
    scores: Sequence[Sequence[str]],
    notes: Sequence[str],
    pictures: Mapping[Chart, Path],
) -> str:
    """Writes the page of a study.

    Args:
        results: Records of all trials, failed ones too; at least one finished.
        presentation: Names, appendix and command.
        findings: Sentences of the verdict.
        scores: Header and rows of the scores.
        notes: Lines above them.
        pictures: The charts, and where their PNG is.

    Returns:
        HTML with the pictures inside, so that it loads nothing.
    """
    metric = presentation.metrics[0]
    tested = (
        overall(results, metric),
        by_level(results, metric),
        dependence(results, metric),
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
        confidence=f"{statistics.CONFIDENCE:.0%}",
        power=f"{statistics.POWER:.0%}",
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


def overall(results: Sequence[TrialRecord], metric: Metric) -> Table:
    """Tabulates the reference against each other activation."""
    reference = reference_of(results)
    compared = comparisons.compare(results, metric.key, reference)
    tests = sum(not math.isnan(comparison.p) for comparison in compared)
    choices = varied(results)
    means = f", means over {', '.join(choices)}" if choices else ""
    return Table(
        f"{reference} against the others: {metric.label}{means}",
        ["against", "difference", "d", "p", "seeds", "seeds needed"],
        [
            [c.other, *_statistics(c, metric), _needed(c, tests)]
            for c in compared
        ],
    )


def by_level(results: Sequence[TrialRecord], metric: Metric) -> Table:
    """Tabulates the same at each level; it is empty where there is one."""
    reference = reference_of(results)
    choices = varied(results)
    return Table(
        f"{reference} against the others, value by value: {metric.label}",
        [*choices, "against", "difference", "d", "p", "seeds"],
        [
            [*map(str, c.level.values()), c.other, *_statistics(c, metric)]
            for c in comparisons.compare_levels(results, metric.key, reference)
        ],
        left=1 + len(choices),
    )


def dependence(results: Sequence[TrialRecord], metric: Metric) -> Table:
    """Tabulates whether the differences depend on what else was varied."""
    reference = reference_of(results)
    return Table(
        f"Whether the lead of {reference} depends on what else was varied: "
        f"{metric.label}",
        ["setting", "against", "change", "p", "seeds"],
        [
            [
                i.setting,
                i.other,
                signed(i.trend, metric),
                p_value(i.p),
                str(i.seeds),
            ]
            for i in comparisons.interactions(results, metric.key, reference)
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


def signed(value: float, metric: Metric) -> str:
    """Formats a difference of a metric; a dash where there is none."""
    return NONE if math.isnan(value) else f"{value:+z.{metric.decimals}f}"


def p_value(p: float) -> str:
    """Formats a p-value, a significant one with a star."""
    if math.isnan(p):
        return NONE
    return f"{p:.2g}" + " *" * (p < statistics.ALPHA)


def _statistics(comparison: Comparison, metric: Metric) -> list[str]:
    difference = signed(comparison.difference, metric)
    if not math.isnan(comparison.half_width):
        difference += f" ± {comparison.half_width:.{metric.decimals}f}"
    effect = comparison.effect
    return [
        difference,
        NONE if math.isnan(effect) else f"{effect:+.2f}",
        p_value(comparison.p),
        str(comparison.seeds),
    ]


def _needed(comparison: Comparison, tests: int) -> str:
    if math.isnan(comparison.p):
        return NONE
    seeds = statistics.seeds_needed(
        comparison.difference, comparison.deviation, tests
    )
    return f"{seeds:,}" if seeds else f"over {statistics.MOST_SEEDS:,}"

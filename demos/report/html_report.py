"""Pages of HTML that hold a whole study, or several, and load nothing."""

import base64
import json
import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from demos.report import comparisons as significance
from demos.report.comparisons import Comparison
from demos.study.trial import TrialRecord

if TYPE_CHECKING:
    from demos.report.charts import Chart
    from demos.report.report import Metric
    from demos.report.report import Presentation

TEMPLATES = Path(__file__).parent / "templates"
NONE = "–"


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        caption: Above it.
        header: Names of the columns.
        rows: Cells of each row, a text each.
        left: How many columns stand to the left; the others to the right.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


def render(
    results: Sequence[TrialRecord],
    presentation: "Presentation",
    findings: Sequence[str],
    table: Sequence[Sequence[str]],
    notes: Sequence[str],
    pictures: Mapping["Chart", Path],
) -> str:
    """Writes the page.

    Args:
        results: Of all trials, failed ones too; at least one finished.
        presentation: Names, appendix and command.
        findings: Sentences of the verdict.
        table: Header and rows of the scores.
        notes: Lines above them.
        pictures: The charts, and where their PNG is.

    Returns:
        HTML, with the pictures inside: it loads nothing.
    """
    further = len(results[0].settings) - 1
    return fill(
        "page.html",
        title=presentation.title,
        findings=findings,
        notes=notes,
        scores=Table("Scores on the test", table[0], table[1:], 1 + further),
        pictures=embedded(pictures),
        statistics=[
            table
            for table in (
                overall(results, presentation.metrics[0]),
                by_level(results, presentation.metrics[0]),
                dependence(results, presentation.metrics[0]),
            )
            if table.rows
        ],
        confidence=f"{significance.CONFIDENCE:.0%}",
        power=f"{significance.POWER:.0%}",
        appendix=presentation.appendix,
        command=presentation.command,
        surroundings=surroundings(results),
        trials=trials(results, presentation.metrics),
        records=[record(result) for result in results],
    )


def fill(template: str, **values: Any) -> str:
    """Fills a template in.

    Args:
        template: Name of its file.
        **values: What it names.

    Returns:
        HTML.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)


def embedded(pictures: Mapping["Chart", Path]) -> list[dict[str, Any]]:
    """Describes charts as `macros.html` draws them.

    Args:
        pictures: The charts, and where their PNG is.

    Returns:
        Of each, caption, description, size in CSS pixels and the PNG in base64.
    """
    return [
        {
            "caption": chart.caption,
            "description": chart.description,
            "size": chart.size,
            "data": base64.b64encode(path.read_bytes()).decode("ascii"),
        }
        for chart, path in pictures.items()
    ]


def overall(results: Sequence[TrialRecord], metric: "Metric") -> Table:
    """Tabulates the reference against the others.

    Args:
        results: Of all trials, failed ones too; at least one finished.
        metric: The metric compared.

    Returns:
        A row for each other activation: difference, effect size, p, seeds, and
        how many would see that difference.
    """
    reference = significance.reference_of(results)
    found = significance.compare(results, metric.key, reference)
    tests = sum(not math.isnan(comparison.p) for comparison in found)
    choices = significance.varied(results)
    means = f", means over {', '.join(choices)}" if choices else ""
    return Table(
        f"{reference} against the others: {metric.label}{means}",
        ["against", "difference", "d", "p", "seeds", "seeds needed"],
        [
            [
                comparison.other,
                *_statistics(comparison, metric),
                _needed(comparison, tests),
            ]
            for comparison in found
        ],
    )


def by_level(results: Sequence[TrialRecord], metric: "Metric") -> Table:
    """Tabulates the reference against the others at each level.

    Args:
        results: Of all trials, failed ones too; at least one finished.
        metric: The metric compared.

    Returns:
        A row for each level and other activation; none where nothing but the
        activation was varied.
    """
    reference = significance.reference_of(results)
    choices = significance.varied(results)
    return Table(
        f"{reference} against the others, value by value: {metric.label}",
        [*choices, "against", "difference", "d", "p", "seeds"],
        [
            [
                *map(str, comparison.level.values()),
                comparison.other,
                *_statistics(comparison, metric),
            ]
            for comparison in significance.compare_levels(
                results, metric.key, reference
            )
        ],
        left=1 + len(choices),
    )


def dependence(results: Sequence[TrialRecord], metric: "Metric") -> Table:
    """Tabulates whether the differences depend on what else was varied.

    Args:
        results: Of all trials, failed ones too; at least one finished.
        metric: The metric compared.

    Returns:
        A row for each varied setting and other activation.
    """
    reference = significance.reference_of(results)
    return Table(
        f"Whether the lead of {reference} depends on what else was varied: "
        f"{metric.label}",
        ["setting", "against", "change", "p", "seeds"],
        [
            [
                interaction.setting,
                interaction.other,
                NONE
                if math.isnan(interaction.trend)
                else f"{interaction.trend:+z.{metric.decimals}f}",
                _p(interaction.p),
                str(interaction.seeds),
            ]
            for interaction in significance.interactions(
                results, metric.key, reference
            )
        ],
        left=2,
    )


def trials(
    results: Sequence[TrialRecord], metrics: Sequence["Metric"]
) -> Table:
    """Tabulates every trial.

    Args:
        results: Of all trials, failed ones too.
        metrics: The columns wanted.

    Returns:
        A row a trial: settings, seed, state, metrics, seconds and when it
        finished.
    """
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
        left=3 + len(results[0].settings) - 1,
    )


def surroundings(results: Sequence[TrialRecord]) -> Table:
    """Tabulates the versions and the hardware.

    Args:
        results: Of all trials.

    Returns:
        A row for each entry of their environments, with all its values, and
        one for the time that they took together.
    """
    found: dict[str, dict[str, None]] = {}
    for result in results:
        for name, value in result.environment.items():
            found.setdefault(name, {})[str(value)] = None
    seconds = sum(result.seconds for result in results)
    return Table(
        "Versions and hardware",
        ["what", "value"],
        [
            *([name, "; ".join(values)] for name, values in found.items()),
            ["time of all trials", f"{seconds:,.0f} seconds"],
        ],
        left=2,
    )


def record(result: TrialRecord) -> str:
    """Writes what decided a trial.

    Args:
        result: The trial.

    Returns:
        JSON: settings, seed, config, environment, parameters and timings.
    """
    content: dict[str, Any] = {
        name: getattr(result, name)
        for name in (
            "settings",
            "seed",
            "fingerprint",
            "config",
            "environment",
            "parameters",
            "timings",
        )
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _statistics(comparison: Comparison, metric: "Metric") -> list[str]:
    difference = f"{comparison.difference:+z.{metric.decimals}f}"
    if not math.isnan(comparison.half_width):
        difference += f" ± {comparison.half_width:.{metric.decimals}f}"
    effect = comparison.effect
    return [
        difference,
        NONE if math.isnan(effect) else f"{effect:+.2f}",
        _p(comparison.p),
        str(comparison.seeds),
    ]


def _p(p: float) -> str:
    if math.isnan(p):
        return NONE
    return f"{p:.2g}" + " *" * (p < significance.ALPHA)


def _needed(comparison: Comparison, tests: int) -> str:
    if math.isnan(comparison.p):
        return NONE
    seeds = significance.seeds_needed(
        comparison.difference, comparison.deviation, tests
    )
    return f"{seeds:,}" if seeds else f"over {significance.MOST_SEEDS:,}"

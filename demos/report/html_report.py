"""Self-contained HTML pages of one study or several."""

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from demos.report.comparisons import Analysis, Comparison
from demos.report.figures import forest
from demos.report.figures.svg import inline_svg
from demos.report.trials import varied
from demos.report.types import Chart, Metric, Presentation, Table
from demos.report.verdict import ALPHA
from demos.study.trial import TrialRecord

TEMPLATES = Path(__file__).parent / "templates"
NONE = "–"
STATISTICS = ("difference", "95% interval", "p", "seeds")


def card(
    presentation: Presentation,
    analysis: Analysis,
    findings: Sequence[str],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """Returns the top of a page for `macros.html`: verdict and forest plot."""
    metric, reference = analysis.metric, analysis.reference
    band = ""
    if analysis.margin:
        band = f"; band: the margin of ±{metric.amount(analysis.margin)}"
    caption = (
        f"Difference in test {metric.label} ({metric.unit}), positive if "
        f"{reference} is better. Dots: seeds; bar: mean and 95% interval{band}."
    )
    plots = [
        forest.layout(
            forest.rows(comparisons, analysis),
            metric.scale * analysis.margin,
            reference,
            caption,
        )
        for comparisons in (analysis.comparisons, analysis.levels)
    ]
    return {
        "title": presentation.title,
        "warnings": warnings,
        "sentence": findings[0],
        "forest": plots[0],
        "levels": plots[1],
    }


def render(
    results: Sequence[TrialRecord],
    presentation: Presentation,
    analysis: Analysis,
    findings: Sequence[str],
    top: Mapping[str, Any],
    scores: Table,
    trials: pd.DataFrame,
    pictures: Mapping[Chart, Path],
) -> str:
    """Renders the page of a study as self-contained HTML.

    `top` is the result of `card`, and `trials` that of `tables.list_trials`,
    which the page offers as CSV. `pictures` are the charts, with the paths of
    their PNG files.
    """
    choices = list(varied(results))
    tested = (
        overall(analysis, choices),
        by_level(analysis, choices),
        dependence(analysis),
    )
    return fill(
        "page.html",
        title=presentation.title,
        card=top,
        findings=findings[1:],
        notes=(*presentation.notes, presentation.interval_note),
        scores=scores,
        pictures=embedded(pictures),
        statistics=[table for table in tested if table.rows],
        tables=presentation.tables,
        command=presentation.command,
        environments=environments(results),
        config=json.dumps(results[0].config, indent=2, ensure_ascii=False),
        trials=Table(
            f"All {len(results)} trials",
            list(trials),
            trials.map(_plain).to_numpy().tolist(),
            left=1 + len(results[0].settings),
        ),
        csv=_base64(trials.to_csv(index=False).encode()),
    )


def fill(template: str, **values: Any) -> str:
    """Renders a template of the folder `templates`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    digest = _base64(hashlib.sha256(script.encode()).digest())
    return environment.get_template(template).render(
        values, script=script, digest=digest
    )


def embedded(pictures: Mapping[Chart, Path]) -> list[dict[str, Any]]:
    """Returns charts for `macros.html`, as SVG unless PNG is smaller."""
    return [
        {
            "caption": chart.caption,
            "description": chart.description,
            "size": chart.size,
            "svg": svg if len(svg) < len(png) else "",
            "png": png,
        }
        for chart, path in pictures.items()
        for svg, png in [(inline_svg(chart), _base64(path.read_bytes()))]
    ]


def overall(analysis: Analysis, choices: Sequence[str]) -> Table:
    """Returns a table of the reference against each other activation."""
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
    """Returns the same table for each level; empty if there is only one."""
    metric = analysis.metric
    return Table(
        f"{analysis.reference} against the others at each value: test "
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
    """Returns a table of how the differences depend on varied settings."""
    metric = analysis.metric
    return Table(
        "Dependence of the difference on the varied settings: test "
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


def environments(results: Sequence[TrialRecord]) -> Table:
    """Returns a table of versions and hardware, with all their values."""
    values: dict[str, dict[str, None]] = {}
    for result in results:
        for name, value in result.environment.items():
            values.setdefault(name, {})[str(value)] = None
    seconds = sum(result.seconds for result in results)
    return Table(
        "Versions and hardware",
        ["property", "value"],
        [
            *([name, "; ".join(every)] for name, every in values.items()),
            ["total time of all trials", f"{seconds:,.0f} seconds"],
        ],
        left=2,
    )


def interval(comparison: Comparison, metric: Metric) -> str:
    """Formats an interval, or a dash if there is none."""
    low, high = comparison.low, comparison.high
    if math.isnan(low):
        return NONE
    return f"{signed(low, metric)} to {signed(high, metric)}"


def signed(value: float, metric: Metric) -> str:
    """Formats a difference of a metric, or a dash if there is none."""
    return NONE if math.isnan(value) else f"{value:+z.{metric.decimals}f}"


def p_value(p: float) -> str:
    """Formats a p-value, with a star if it is significant."""
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


def _plain(value: Any) -> str:
    """Formats a value of a trial."""
    if isinstance(value, float):
        return NONE if math.isnan(value) else f"{value:.4g}"
    return str(value)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")

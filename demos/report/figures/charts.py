"""All figures of a study."""

from collections.abc import Sequence

from demos.report.comparisons import Analysis
from demos.report.figures.curves import draw_curves
from demos.report.figures.heat_map import draw_heat_map
from demos.report.figures.scores import draw_levels, draw_overview
from demos.report.trials import varied
from demos.report.types import Baselines, Chart, Presentation
from demos.study.trial import TrialRecord

NAMES = ("figure.png", "curves.png", "heatmap.png", "verdict.png")


def draw(
    results: Sequence[TrialRecord],
    baselines: Baselines,
    presentation: Presentation,
    analysis: Analysis,
) -> list[Chart]:
    """Draws all figures of a study with at least one finished trial.

    They have names in `NAMES`: always the scores; separate learning curves, if
    more than the activation was varied; a heat map, if two settings were.
    """
    choices = varied(results)
    if not choices:
        return [draw_overview(results, baselines, presentation)]
    charts = [
        draw_levels(results, baselines, presentation),
        draw_curves(results, presentation),
    ]
    if len(choices) == 2:
        charts.append(draw_heat_map(results, analysis, presentation.title))
    return charts

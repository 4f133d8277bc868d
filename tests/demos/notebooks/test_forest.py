"""The verdict as a picture, for pages that show neither styles nor SVG."""

import math
from dataclasses import asdict

import pytest

from demos.common.files import write_json
from demos.notebooks import forest
from demos.report.summary import StudyComparison, StudyVerdict
from demos.report.types import Report

pytestmark = pytest.mark.once


@pytest.mark.parametrize("half_width", [0.02, math.nan])
def test_draws_a_row_for_each_comparison(tmp_path, half_width):
    comparisons = tuple(
        StudyComparison(
            other, "better", 0.03, 0.03 - half_width, 0.03 + half_width, 3
        )
        for other in ("relu", "silu")
    )
    scores = {name: [0.7, 0.8, 0.9] for name in ("relu", "silu", "serf")}
    study = StudyVerdict(
        "Reviews", "points", 100, "serf", 0.01, comparisons, scores
    )
    write_json(tmp_path / "verdict.json", asdict(study))
    report = Report("", tmp_path, findings=("Serf is better than $5.",))
    figure = forest.figure(report)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "serf against relu",
        "serf against silu",
    ]
    texts = {text.get_text() for text in axes.texts}
    assert texts == {"better\n+3.0 points"}
    png, size = forest.draw(report)._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert size["width"] == 864

"""Forest plots of pages and pictures: seeds, means, intervals and margin."""

import math

import numpy as np
import pytest

from demos.report.comparisons import analyze
from demos.report.figures import forest
from demos.report.figures.studies import draw_verdict
from demos.report.figures.style import style_of
from demos.report.types import Metric

pytestmark = pytest.mark.once

METRIC = Metric("accuracy", "accuracy")


def laid_out(results, **options):
    analysis = analyze(results, METRIC, {}, **options)
    rows = forest.rows(analysis.comparisons, analysis)
    return analysis, forest.layout(rows, 1.0, "serf", "A caption")


def test_places_are_those_of_the_differences(five_seeds):
    analysis, plot = laid_out(five_seeds)
    width = plot["band"][1] / 2  # Of one point, in percent of the width.
    for row, comparison in zip(plot["rows"], analysis.comparisons, strict=True):
        places = [row["mean"], *row["ends"], *row["seeds"]]
        values = [comparison.mean, comparison.low, comparison.high]
        expected = 100 * np.array([*values, *comparison.values])
        np.testing.assert_allclose(
            (np.array(places) - 50) / width, expected, atol=0.01
        )
        assert all(0 < place < 100 for place in places)
        assert row["colour"] == style_of(comparison.other)["color"]
        assert row["text"].startswith(f"{100 * comparison.mean:+.1f} points (")
    chips = [(row["label"], row["chip"]) for row in plot["rows"]]
    assert chips == [("relu", "serf better"), ("mish", "inconclusive")]
    (left, low), (middle, zero), (right, high) = plot["ticks"]
    assert (middle, zero, left + right) == (50, "0", 100)
    assert (right - 50) / width == pytest.approx(float(high), abs=0.01)
    assert float(low) == -float(high)


def test_two_seeds_have_no_interval(make_study):
    scores = {"relu": [0.5, 0.6], "serf": [0.6, 0.8], "elu": [math.nan] * 2}
    _, plot = laid_out(make_study(scores))
    (row,) = plot["rows"]  # elu has no seed.
    assert row["ends"] is None
    assert (row["text"], row["word"]) == ("+15.0 points", "inconclusive")


def test_levels_are_named_and_left_out_where_there_are_many(make_study):
    def rows(count):
        tables = {name: np.full((3, count), 0.5) for name in ("relu", "serf")}
        study = make_study(tables, values=range(count))
        analysis = analyze(study, METRIC, {})
        return forest.rows(analysis.levels, analysis)

    assert [row.label for row in rows(2)] == [
        "relu, layers=0",
        "relu, layers=1",
    ]
    assert rows(forest.MOST_LEVELS + 1) == []


def test_the_picture_has_the_same_numbers(five_seeds):
    analysis = analyze(five_seeds, METRIC, {})
    (axes,) = draw_verdict(analysis, "It costs $5, not $6.").figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["relu", "mish"]
    dots = [line for line in axes.lines if len(line.get_xdata()) == 5]
    for comparison, line, text in zip(
        analysis.comparisons, dots, axes.texts, strict=True
    ):
        assert list(line.get_xdata()) == [100 * v for v in comparison.values]
        mean = f"{100 * comparison.mean:+.1f} points"
        assert text.get_text().startswith(f"{comparison.word}\n{mean}")

"""Table, statistics and verdict, against SciPy and arithmetic by hand."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from demos import report
from demos.trial import Result

METRIC = report.Metric("accuracy", "accuracy")
LOSS = report.Metric("loss", "loss", higher_is_better=False)
SCORES = {
    "relu": [0.70, 0.72, 0.71, 0.69, 0.73],
    "mish": [0.75, 0.77, 0.74, 0.76, 0.75],
    "serf": [0.76, 0.77, 0.75, 0.75, 0.77],
}


def results_of(scores, key="accuracy"):
    return [
        Result(
            settings={"activation": activation},
            seed=seed,
            fingerprint="f",
            metrics={key: value},
            history={"val": [value / 2, value]},
            parameters=1234,
            seconds=2.0,
        )
        for activation, values in scores.items()
        for seed, value in enumerate(values)
    ]


def presentation(metric=METRIC):
    return report.Presentation("Title", (metric,), "val", "validation")


def test_interval_is_that_of_scipy():
    values = SCORES["relu"]
    mean, half_width = report.interval(values)
    low, high = stats.t.interval(
        0.95, len(values) - 1, np.mean(values), stats.sem(values)
    )
    assert mean - half_width == pytest.approx(low)
    assert mean + half_width == pytest.approx(high)
    assert math.isnan(report.interval([0.5])[1])


def test_comparison_is_the_paired_test_with_holm():
    found = report.compare(results_of(SCORES), "accuracy", "serf")
    assert [comparison.other for comparison in found] == ["relu", "mish"]
    raw = [
        stats.ttest_rel(SCORES["serf"], SCORES[other]).pvalue
        for other in ("relu", "mish")
    ]
    expected: Any = multipletests(raw, method="holm")[1]
    assert [c.p for c in found] == pytest.approx(list(expected))
    assert found[0].difference == pytest.approx(0.05)


def test_only_shared_seeds_are_paired():
    results = results_of(SCORES)
    results = [r for r in results if (r.label, r.seed) != ("mish", 0)]
    found = {c.other: c for c in report.compare(results, "accuracy", "serf")}
    assert found["mish"].seeds == 4
    differences = np.subtract(SCORES["serf"][1:], SCORES["mish"][1:])
    assert found["mish"].difference == pytest.approx(differences.mean())


def test_verdict_names_the_better_and_the_same():
    sentence = report.verdict(results_of(SCORES), METRIC)
    assert sentence.startswith(
        "Accuracy: serf is significantly better than relu"
    )
    assert "no significant difference between serf and mish" in sentence
    assert sentence.count("\n") == 0


def test_a_lower_loss_is_better():
    sentence = report.verdict(results_of(SCORES, "loss"), LOSS)
    assert "serf is significantly worse than relu" in sentence


def test_equal_differences_are_not_called_significant():
    scores = {"relu": [0.5, 0.625], "serf": [0.625, 0.75]}
    sentence = report.verdict(results_of(scores), METRIC)
    assert "no significant difference" in sentence
    assert "not testable" in sentence


def test_a_difference_of_next_to_nothing_has_no_minus():
    scores = {"relu": [0.5, 0.75], "serf": [0.5 - 1e-6, 0.75 - 3e-6]}
    sentence = report.verdict(results_of(scores), METRIC)
    assert "relu (+0.0000 ± 0.0000," in sentence


def test_one_seed_gives_no_verdict():
    one = {name: values[:1] for name, values in SCORES.items()}
    assert "at least 2 seeds" in report.verdict(results_of(one), METRIC)


def test_without_serf_the_comparison_made_is_named():
    scores = {name: SCORES[name] for name in ("relu", "mish")}
    sentence = report.verdict(results_of(scores), METRIC)
    assert sentence.startswith("Serf was not compared: ")
    assert "relu is significantly worse than mish" in sentence


def test_alone_there_is_nothing_to_compare():
    sentence = report.verdict(results_of({"serf": [0.5, 0.6]}), METRIC)
    assert "nothing to be compared with" in sentence


def test_table_holds_what_was_measured(tmp_path):
    results = results_of(SCORES)
    failed = Result({"activation": "elu"}, 0, "f", reason="ValueError: no")
    written = report.write(
        tmp_path,
        [*results, failed],
        {"majority": {"accuracy": 0.5}},
        presentation(),
    )
    table = pd.read_csv(tmp_path / "table.csv").set_index("model")
    text = written.text
    assert (written.folder, written._repr_markdown_()) == (tmp_path, text)
    mean, half_width = report.interval(SCORES["serf"])
    assert table.loc["serf", "accuracy"] == pytest.approx(mean)
    assert table.loc["serf", "accuracy_interval"] == pytest.approx(half_width)
    assert table.loc["majority", "kind"] == "baseline"
    assert table.loc["elu", "failed"] == 1
    assert (tmp_path / "table.md").read_text() == text
    assert f"{mean:.4f} ± {half_width:.4f}" in text
    assert "majority (baseline)" in text
    assert "elu, seed 0, failed: ValueError: no" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("seeds", [1, 2])
def test_figure_is_drawn_with_few_seeds(tmp_path, seeds):
    from matplotlib import image

    few = {name: values[:seeds] for name, values in SCORES.items()}
    path = tmp_path / "figure.png"
    report.draw(
        path,
        results_of(few),
        {"near": {"accuracy": 0.74}, "far": {"accuracy": 0.1}},
        presentation(),
    )
    pixels = image.imread(path)
    assert pixels.shape[1] > pixels.shape[0] > 500
    # Nothing is cut off: the margin is white all around.
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 1).all()

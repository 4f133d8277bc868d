"""Ablation: axes are compared together; the claim is an interaction."""

import pytest

from demos.report.comparisons import analyze
from demos.report.types import Metric
from demos.study.trial import TrialRecord
from demos.tasks.ablation import verdict

pytestmark = pytest.mark.once

METRIC = Metric("accuracy", "accuracy")


def results(axis, values, lead, seeds=5):
    """Records in which serf leads relu by `lead(place of the value)`."""
    records = []
    for seed in range(seeds):
        for place, value in enumerate(values):
            noise = 0.001 * ((7 * seed + 3 * place) % 5)
            for name, score in (
                ("relu", 0.8),
                ("serf", 0.8 + noise + lead(place)),
            ):
                settings = {"activation": name, axis: value}
                metrics = {"accuracy": score}
                records.append(
                    TrialRecord(settings, seed, "f", metrics=metrics)
                )
    return records


def claimed(records):
    depends = analyze(records, METRIC, {}).interactions
    return verdict.claim(depends, "serf", METRIC)


def test_the_claim_is_an_interaction_not_a_lead():
    depths = [2, 4, 8, 16]
    # Ahead everywhere by the same: no deeper network gains more.
    text = claimed(results("layers", depths, lambda place: 0.1))
    assert text.startswith("Deeper networks gain more from serf: no ")
    assert "no significant effect against relu (p = " in text
    # Behind everywhere, but less so in deep ones, is gaining too.
    for behind in (0, 0.1):
        text = claimed(
            results("layers", depths, lambda p, b=behind: 0.02 * p - b)
        )
        assert "serf: yes, against relu (slope over ranks +2.0 points" in text
    text = claimed(results("layers", depths, lambda place: -0.02 * place))
    assert "serf: no, they gain less, against relu (slope over ranks -" in text


def test_few_seeds_give_no_verdict():
    few = results("layers", [2, 4], lambda place: 0.02 * place, seeds=2)
    analysis = analyze(few, METRIC, {})
    sentences = verdict.summary({"layers": analysis}, analysis, METRIC)
    assert sentences[0].endswith("serf: no verdict, too few seeds.")
    assert "No verdict on the axes" in sentences[-1]


def test_all_axes_are_adjusted_together():
    leads = {"layers": 0.001, "width": 0.0, "dropout": 0.1}
    studies = {
        axis: results(axis, [1, 2, 3], lambda place, lead=lead: lead)
        for axis, lead in leads.items()
    }
    analyses = {
        axis: analyze(records, METRIC, {}, studies=3)
        for axis, records in studies.items()
    }
    rows = verdict.pairs(analyses)
    assert [axis for axis, _, _ in rows] == list(leads)
    for (_, together, _), records in zip(rows, studies.values(), strict=True):
        (alone,) = analyze(records, METRIC, {}).comparisons
        assert together.p == pytest.approx(min(1, 3 * alone.p))
    assert rows[2][1].mean == pytest.approx(0.102, abs=0.001)
    _, means, depends = verdict.summary(
        analyses, analyze(studies["layers"], METRIC, {}), METRIC
    )
    assert "(3 simultaneous comparisons): serf is better than relu on" in means
    assert "equivalent to relu on layers" in means
    assert depends == "The difference depends on: no axis."


def test_values_without_an_order_have_no_slope():
    records = results("optimizer", ["a", "b", "c"], lambda place: 0.1)
    analyses = {"optimizer": analyze(records, METRIC, {})}
    (cells,) = verdict.table(analyses, METRIC)
    assert len(cells) == len(verdict.HEADER)
    assert cells[:4] == ["optimizer", "relu", "better", "+0.1020"]
    assert cells[6] == "–"

"""Sentences say what the comparisons show."""

import numpy as np
import pytest

from demos.report.comparisons import analyze
from demos.report.findings import findings
from demos.report.types import Metric

pytestmark = pytest.mark.once

METRIC = Metric("accuracy", "accuracy")
NAN = np.nan


def sentences(results, metric=METRIC, baselines=None, **options):
    analysis = analyze(results, metric, baselines or {}, **options)
    return analysis, " ".join(findings(analysis, results))


def grown(make_study, step, seeds=6):
    """Studies over layers, where serf gains `step` with each."""
    generator = np.random.default_rng(0)
    tables = {
        name: 0.7 + 0.002 * generator.normal(size=(seeds, 3))
        for name in ("relu", "serf")
    }
    tables["serf"] += step * np.arange(3)
    return make_study(tables, values=(1, 2, 4))


def test_better_and_inconclusive_with_their_numbers(five_seeds):
    analysis, text = sentences(five_seeds)
    relu, mish = analysis.comparisons
    assert text.startswith(
        f"Test accuracy: serf is better than relu by {100 * relu.mean:.1f} "
        f"points (95% interval {100 * relu.low:.1f} to {100 * relu.high:.1f});"
    )
    assert (
        f"inconclusive against mish (from {-100 * mish.low:.1f} worse to "
        f"{100 * mish.high:.1f} points better)"
    ) in text
    assert (
        "With the measured spread, a precision of ± 1.0 points (the margin) "
        f"needs about {mish.seeds_for_margin} seeds against mish "
        f"(± {100 * mish.half_width:.1f} now)."
    ) in text
    assert text.endswith(
        "Method: paired differences on 5 seeds; simultaneous 95% t intervals "
        "for 2 comparisons; margin 1.0 points."
    )


def test_worse_turns_the_numbers(five_seeds):
    analysis, text = sentences(five_seeds, reference="relu")
    serf = analysis.comparisons[1]
    assert "relu is worse than mish by 4.4 points (95% interval " in text
    assert (
        f"serf by 5.0 points (95% interval {-100 * serf.high:.1f} to "
        f"{-100 * serf.low:.1f})"
    ) in text


def test_equivalent_says_by_how_much_at_most(five_seeds):
    analysis, text = sentences(five_seeds, margin=0.1)
    most = max(max(-c.low, c.high) for c in analysis.comparisons)
    assert (
        "serf, relu and mish are equivalent: serf and the others differ by at "
        f"most {100 * most:.1f} points"
    ) in text
    assert "Estimated number of seeds" not in text


def test_untrained_is_said_instead_of_a_verdict(five_seeds):
    baselines = {"majority class": {"accuracy": 0.9}}
    _, text = sentences(five_seeds, baselines=baselines)
    assert text.startswith(
        "Untrained: no activation beats the trivial baseline (majority class)"
    )
    assert "better" not in text


def test_a_loss_has_its_own_unit(five_seeds):
    loss = Metric("loss", "loss", higher_is_better=False)
    _, text = sentences(five_seeds, loss)
    assert "Test loss: serf is better than relu by 0.0500 loss (95% in" in text
    assert text.endswith("; no margin.")


def test_a_sentence_begins_with_a_capital_but_for_names_like_map(make_study):
    alone = make_study({"mAP": [0.5]})
    assert sentences(alone)[1].startswith("mAP has no other activation")
    alone = make_study({"serf": [0.5, 0.6]})
    assert sentences(alone)[1].startswith("Serf has no other activation")


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_give_no_verdict(make_study, seeds):
    few = {"relu": [0.5, 0.6][:seeds], "serf": [0.6, 0.8][:seeds]}
    analysis, text = sentences(make_study(few))
    assert text.startswith("No verdict on serf: a verdict needs at least 3 see")
    assert analysis.verdicts == {"relu": "inconclusive"}


def test_failures_are_named_and_those_with_too_few_seeds(make_study):
    scores = {
        "relu": [0.70, 0.72, 0.71, 0.69, 0.73],
        "mish": [0.75, 0.77, NAN, NAN, NAN],
        "serf": [0.76, 0.77, 0.75, 0.75, NAN],
    }
    _, text = sentences(make_study(scores))
    assert "serf is better than relu" in text
    assert "no verdict on mish (fewer than 3 seeds in common)" in text
    assert (
        "Failed: mish in 3 of 5 trials (ValueError: no); serf in 1 of 5 trials "
        "(ValueError: no). Comparisons use the seeds that both activations fin"
    ) in text


def test_the_same_difference_at_every_seed_is_no_evidence(make_study):
    scores = {"relu": [0.5, 0.625, 0.75], "serf": [0.625, 0.75, 0.875]}
    analysis, text = sentences(make_study(scores))
    assert "the same difference at every seed" in text
    assert "nan" not in text
    assert analysis.verdicts == {"relu": "inconclusive"}


def test_a_difference_of_next_to_nothing_has_no_minus(make_study):
    scores = {
        "relu": [0.5, 0.75, 0.6],
        "serf": [0.5 - 1e-6, 0.75 - 3e-6, 0.6 + 3e-6],
    }
    _, text = sentences(make_study(scores))
    assert "differ by at most 0.0 points" in text
    assert "-0.0" not in text


def test_on_what_the_difference_depends(make_study):
    results = grown(make_study, 0.02)
    analysis, text = sentences(results)
    (found,) = analysis.interactions
    assert (
        "The difference depends on layers against relu (slope over ranks "
        f"{100 * found.slope:+.1f} points, p = {found.p:.2g}; "
        f"p = {found.p_without:.2g} without layers={found.extreme})."
    ) in text
    assert "paired differences of means over layers on 6 seeds" in text
    assert (
        "At each value (3 simultaneous comparisons), serf is better than relu "
        "at layers=2 and layers=4; equivalent to relu at layers=1 only."
    ) in text


def test_dependence_on_nothing(make_study):
    _, text = sentences(grown(make_study, 0))
    assert "No significant dependence on layers (p = " in text
    assert "serf is equivalent to relu at layers=1, layers=2 and lay" in text


def test_a_level_that_always_failed_leaves_the_others(make_study):
    nan = [NAN] * 6
    good = np.random.default_rng(1).normal(0.5, 0.01, (6, 1))
    relu = np.c_[good, good + 0.01, nan]
    serf = np.random.default_rng(2).normal(0.8, 0.01, (6, 3))
    study = make_study({"relu": relu, "serf": serf}, values=(1, 2, 4))
    _, text = sentences(study)
    assert text.startswith("No verdict on serf")
    assert "finished at every value of layers" in text
    assert "serf is better than relu at layers=1 and layers=2." in text

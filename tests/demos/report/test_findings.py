"""Sentences: they say what the statistics do."""

from dataclasses import replace

import numpy as np
import pytest

from demos.report import comparisons
from demos.report import statistics
from demos.report.findings import findings
from demos.report.types import Metric
from demos.report.types import Presentation
from demos.study.trial import TrialRecord

pytestmark = pytest.mark.once

METRIC = Metric("accuracy", "accuracy")
LOSS = Metric("loss", "loss", higher_is_better=False)
SCORES = {
    "relu": [0.70, 0.72, 0.71, 0.69, 0.73],
    "mish": [0.75, 0.77, 0.74, 0.76, 0.75],
    "serf": [0.76, 0.77, 0.75, 0.75, 0.77],
}


def results_of(scores, key="accuracy", **further):
    return [
        TrialRecord(
            settings={"activation": activation, **further},
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


def grown(step, seeds=6, activations=("relu", "serf")):
    """Results over layers, where serf gains `step` with each."""
    generator = np.random.default_rng(0)
    found = []
    for number, layers in enumerate((1, 2, 4)):
        scores = {
            name: 0.7
            + 0.002 * generator.normal(size=seeds)
            + step * number * (name == "serf")
            for name in activations
        }
        found += results_of(scores, layers=layers)
    return found


def presentation(metric=METRIC, **further):
    return Presentation("Title", (metric,), "val", "validation", **further)


def verdict(results, metric):
    return " ".join(findings(results, metric))


def test_verdict_names_the_better_and_the_same():
    sentence = verdict(results_of(SCORES), METRIC)
    assert sentence.startswith(
        "Accuracy: serf is significantly better than relu"
    )
    assert "no significant difference between serf and mish" in sentence
    assert "\n" not in sentence


def test_verdict_begins_with_a_capital_unless_the_metric_has_its_own():
    for label, begins in (("accuracy", "Accuracy: "), ("mAP@.5", "mAP@.5: ")):
        metric = Metric("accuracy", label)
        assert verdict(results_of(SCORES), metric).startswith(begins)


def test_verdict_has_the_numbers_of_the_comparison():
    results = results_of(SCORES)
    relu, mish = comparisons.compare(results, "accuracy", "serf")
    sentence = verdict(results, METRIC)
    assert (
        f"relu (+0.0500 ± {relu.half_width:.4f}, d = {relu.effect:.1f}, "
        f"p = {relu.p:.2g})"
    ) in sentence
    assert "(paired t-test on 5 seeds, p by Holm's correction, " in sentence
    assert mish.deviation > relu.deviation  # The larger is what counts.
    visible = statistics.visible_difference(mish.deviation, 5, 2)
    assert f"differences of about {visible:.4f} and more" in sentence
    needed = statistics.seeds_needed(mish.difference, mish.deviation, 2)
    assert (
        f"measured against mish, if it is real, would take about {needed} "
        in (sentence)
    )


def test_a_wide_spread_does_not_speak_for_a_narrow_one():
    scores = {**SCORES, "relu": [0.1, 0.72, 0.4, 0.69, 0.9]}
    results = results_of(scores)
    relu, mish = comparisons.compare(results, "accuracy", "serf")
    least, most = (
        statistics.visible_difference(c.deviation, 5, 2) for c in (mish, relu)
    )
    assert (
        f"differences of about {least:.4f} (mish) to {most:.4f} (relu) and more"
    ) in verdict(results, METRIC)


def test_who_failed_is_said_with_the_verdict():
    results = [
        replace(r, reason="DivergedError: loss is nan", metrics={})
        if (r.label, r.seed) in {("serf", 0), ("serf", 3)}
        else r
        for r in results_of(SCORES)
    ]
    sentence = verdict(results, METRIC)
    assert (
        "Failed: serf in 2 of 5 trials (DivergedError: loss is nan); what is "
        "compared are the seeds that both finished"
    ) in sentence
    assert "Failed" not in verdict(results_of(SCORES), METRIC)


def test_more_seeds_than_anyone_has_are_not_named():
    values = [0.5, 0.6, 0.7, 0.8]
    scores = {"relu": values, "serf": [0.6, 0.5, 0.8, 0.7]}
    sentence = verdict(results_of(scores), METRIC)
    assert "would take over 10,000 seeds" in sentence


def test_a_lower_loss_is_better():
    sentence = verdict(results_of(SCORES, "loss"), LOSS)
    assert "serf is significantly worse than relu" in sentence


def test_equal_differences_are_not_called_significant():
    scores = {"relu": [0.5, 0.625, 0.75], "serf": [0.625, 0.75, 0.875]}
    sentence = verdict(results_of(scores), METRIC)
    assert "no significant difference" in sentence
    assert "not testable" in sentence
    assert "power" not in sentence
    assert "nan" not in sentence


def test_a_difference_of_next_to_nothing_has_no_minus():
    scores = {
        "relu": [0.5, 0.75, 0.6],
        "serf": [0.5 - 1e-6, 0.75 - 3e-6, 0.6 + 3e-6],
    }
    sentence = verdict(results_of(scores), METRIC)
    assert "relu (+0.0000 ± 0.0000, d = -0.1," in sentence
    assert "-0.0" not in sentence


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_give_no_verdict(seeds):
    few = {name: values[:seeds] for name, values in SCORES.items()}
    sentence = verdict(results_of(few), METRIC)
    assert sentence.startswith("No verdict on serf")
    assert "at least 3 seeds" in sentence
    assert "significant" not in sentence


def test_who_finished_too_few_seeds_is_named():
    scores = {**SCORES, "mish": SCORES["mish"][:2]}
    failed = TrialRecord({"activation": "elu"}, 0, "f", reason="ValueError: no")
    sentence = verdict([*results_of(scores), failed], METRIC)
    assert "no verdict on mish and elu, with fewer than 3 seeds" in sentence
    assert "serf is significantly better than relu" in sentence
    assert "between serf and mish" not in sentence


def test_without_serf_the_comparison_made_is_named():
    scores = {name: SCORES[name] for name in ("relu", "mish")}
    sentence = verdict(results_of(scores), METRIC)
    assert sentence.startswith("Serf was not compared: ")
    assert "relu is significantly worse than mish" in sentence


def test_serf_having_failed_is_said_once():
    failed = TrialRecord(
        {"activation": "serf"}, 0, "f", reason="ValueError: no"
    )
    scores = {name: SCORES[name] for name in ("relu", "mish")}
    sentence = verdict([*results_of(scores), failed], METRIC)
    assert sentence.startswith("Serf was not compared: ")
    assert "no verdict on" not in sentence


def test_alone_there_is_nothing_to_compare():
    sentence = verdict(results_of({"serf": [0.5, 0.6]}), METRIC)
    assert sentence == "Serf has nothing to be compared with."


def test_verdict_says_on_what_the_difference_depends():
    sentence = verdict(grown(0.01), METRIC)
    (found,) = comparisons.interactions(grown(0.01), "accuracy", "serf")
    assert (
        "Whether the difference depends on layers: it does, significantly, "
        f"against relu ({found.trend:+.4f} from one value to the next, p = "
    ) in sentence
    assert "(paired t-test on 6 seeds, of means over layers, " in sentence
    assert "better than relu at layers=2 and layers=4; no " in sentence
    assert sentence.endswith("no significant difference in the rest.")


def test_verdict_says_when_it_depends_on_nothing():
    sentence = verdict(grown(0, activations=("relu", "serf")), METRIC)
    assert "layers: no significant sign of it (p = " in sentence
    assert "in 3 tests: no significant difference anywhere." in sentence


def test_a_level_that_always_failed_leaves_the_others():
    results = [
        TrialRecord(r.settings, r.seed, "f", reason="no")
        if r.settings == {"activation": "relu", "layers": 4}
        else r
        for r in grown(0.01)
    ]
    sentence = verdict(results, METRIC)
    assert sentence.startswith("No verdict on serf")
    assert "finished at every value of layers" in sentence
    assert "serf is significantly better than relu at layers=2" in sentence

"""Comparisons of a study, against SciPy and statsmodels."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.anova import AnovaRM

from demos.report.comparisons import analyze
from demos.report.types import Metric

pytestmark = pytest.mark.once

METRIC = Metric("accuracy", "accuracy")
LOSS = Metric("loss", "loss", higher_is_better=False)
LAYERS = (1, 2, 4)
OPTIMIZERS = ("adam", "sgd", "lion")
NAN = np.nan


def noise(generator, seeds=6, levels=3):
    """Scores whose seeds differ, as those of a real study do."""
    return generator.normal(size=(seeds, 1)) + generator.normal(
        size=(seeds, levels)
    )


def test_comparisons_are_paired_and_adjusted_together(five_seeds):
    found = analyze(five_seeds, METRIC, {})
    scores = {
        name: [
            r.metrics["accuracy"]
            for r in five_seeds
            if r.settings["activation"] == name
        ]
        for name in ("relu", "mish", "serf")
    }
    assert [c.other for c in found.comparisons] == ["relu", "mish"]
    for comparison in found.comparisons:
        test = stats.ttest_rel(scores["serf"], scores[comparison.other])
        low, high = test.confidence_interval(1 - 0.05 / 2)
        assert (comparison.low, comparison.high) == pytest.approx((low, high))
        assert comparison.p == pytest.approx(min(1, 2 * test.pvalue))
        assert len(comparison.values) == 5
    assert found.verdicts == {"relu": "better", "mish": "inconclusive"}
    more = analyze(five_seeds, METRIC, {}, studies=3).comparisons
    assert more[0].p == pytest.approx(3 * found.comparisons[0].p)


def test_another_activation_may_be_the_reference(five_seeds):
    found = analyze(five_seeds, METRIC, {}, reference="relu")
    assert found.verdicts == {"mish": "worse", "serf": "worse"}
    forward = analyze(five_seeds, METRIC, {}).comparisons[0]
    assert found.comparisons[1].mean == pytest.approx(-forward.mean)


def test_a_lower_loss_is_better(five_seeds):
    accuracy = analyze(five_seeds, METRIC, {}, margin=0.001)
    loss = analyze(five_seeds, LOSS, {}, margin=0.001)
    for one, two in zip(accuracy.comparisons, loss.comparisons, strict=True):
        assert one.values == pytest.approx(two.values)
        assert one.word == two.word


@pytest.mark.parametrize(
    ("metric", "baselines", "margin"),
    [
        (METRIC, {}, 0.01),
        (Metric("accuracy", "BLEU", margin=1.0), {}, 1.0),
        (LOSS, {}, 0.0),
        (LOSS, {"mean": {"loss": 4.0}, "other": {"loss": 1.0}}, 0.2),
    ],
)
def test_the_margin_if_no_other_is_declared(
    five_seeds, metric, baselines, margin
):
    found = analyze(five_seeds, metric, baselines)
    assert found.margin == pytest.approx(margin)
    assert analyze(five_seeds, metric, baselines, margin=0.3).margin == 0.3


def test_a_wide_margin_makes_equivalent_what_an_own_one_tells_apart(
    five_seeds,
):
    wide = analyze(five_seeds, METRIC, {}, margin=0.2)
    assert set(wide.verdicts.values()) == {"equivalent"}


def test_where_nothing_has_learned_there_is_no_verdict(five_seeds):
    found = analyze(five_seeds, METRIC, {"majority": {"accuracy": 0.9}})
    assert not any(found.learned.values())
    assert set(found.verdicts.values()) == {"untrained"}
    # relu has not learned, mish and serf have.
    some = analyze(five_seeds, METRIC, {"majority": {"accuracy": 0.73}})
    assert some.learned == {"relu": False, "mish": True, "serf": True}
    assert some.verdicts["relu"] == "better"
    idle = analyze(
        five_seeds, METRIC, {"majority": {"accuracy": 0.73}}, reference="relu"
    )
    assert set(idle.verdicts.values()) == {"worse"}
    loss = analyze(five_seeds, LOSS, {"mean": {"loss": 0.1}})
    assert set(loss.verdicts.values()) == {"untrained"}


def test_only_shared_seeds_are_paired(make_study):
    scores = {"relu": [NAN, 2, 3, 4], "mish": [NAN] * 4, "serf": [1, 1, 1, 2]}
    relu, mish = analyze(make_study(scores), METRIC, {}).comparisons
    assert relu.values == (-1, -2, -2)
    assert (mish.values, mish.word) == ((), "inconclusive")


def test_levels_are_averaged_and_not_counted_as_seeds(make_study):
    generator = np.random.default_rng(7)
    tables = {"relu": noise(generator), "serf": noise(generator) + 1}
    tables["serf"][0, 2] = NAN
    found = analyze(make_study(tables, values=LAYERS), METRIC, {})
    (overall,) = found.comparisons
    means = [tables[name][1:].mean(axis=1) for name in ("serf", "relu")]
    assert len(overall.values) == 5
    assert overall.p == pytest.approx(stats.ttest_rel(*means).pvalue)
    # A seed that failed at a level counts at the others.
    assert [len(c.values) for c in found.levels] == [6, 6, 5]
    assert [c.level for c in found.levels] == [{"layers": n} for n in LAYERS]
    raw = stats.ttest_rel(tables["serf"][:, 0], tables["relu"][:, 0]).pvalue
    assert found.levels[0].p == pytest.approx(min(1, 3 * raw))


def test_a_planted_interaction_is_found_with_its_size(make_study):
    generator = np.random.default_rng(11)
    tables = {name: noise(generator, 12) for name in ("relu", "mish", "serf")}
    for name in ("mish", "serf"):
        tables[name] += 0.9 * np.arange(3)
    found = analyze(make_study(tables, values=LAYERS), METRIC, {})
    relu, mish = found.interactions
    assert relu.significant
    assert relu.slope == pytest.approx(0.9, abs=0.5)
    assert not mish.significant
    assert relu.seeds == 12
    slopes = (tables["serf"] - tables["relu"]) @ [-0.5, 0, 0.5]
    raw = stats.ttest_1samp(slopes, 0).pvalue
    assert relu.p == pytest.approx(2 * raw)


def test_an_interaction_of_one_value_goes_without_it(make_study):
    generator = np.random.default_rng(12)
    tables = {
        name: 0.1 * generator.normal(size=(8, 4)) for name in ("relu", "serf")
    }
    tables["relu"][:, 3] -= 5  # It collapses at 32 layers.
    study = make_study(tables, values=(2, 4, 8, 32))
    (found,) = analyze(study, METRIC, {}).interactions
    assert found.significant
    assert found.extreme == 32
    assert found.p_without > 0.05


@pytest.mark.parametrize("values", [LAYERS, OPTIMIZERS])
def test_an_interaction_is_seldom_seen_where_there_is_none(make_study, values):
    generator = np.random.default_rng(13)
    wrong = 0
    for _ in range(60):
        tables = {name: noise(generator) for name in ("relu", "serf")}
        results = make_study(tables, "choice", values)
        wrong += analyze(results, METRIC, {}).interactions[0].significant
    assert wrong <= 8


def test_without_order_the_interaction_is_that_of_the_two_way_anova(make_study):
    generator = np.random.default_rng(13)
    tables = {"relu": noise(generator), "serf": noise(generator) + [0, 2, 0]}
    results = make_study(tables, "optimizer", OPTIMIZERS)
    (found,) = analyze(results, METRIC, {}).interactions
    table = pd.DataFrame(
        [
            {"seed": r.seed, **r.settings, "accuracy": r.metrics["accuracy"]}
            for r in results
        ]
    )
    anova = AnovaRM(
        table, "accuracy", "seed", within=["activation", "optimizer"]
    ).fit()
    f = anova.anova_table.loc["activation:optimizer", "F Value"]
    # Greenhouse and Geisser's, from the covariance of orthonormal contrasts.
    leads = np.subtract(tables["serf"], tables["relu"])
    contrasts = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    eigenvalues = np.linalg.eigvalsh(np.cov((leads @ contrasts.T).T))
    epsilon = eigenvalues.sum() ** 2 / (2 * (eigenvalues**2).sum())
    assert epsilon < 1
    freedom = epsilon * np.array([2, 2 * (len(leads) - 1)])
    assert found.p == pytest.approx(stats.f.sf(float(f), *freedom))
    assert np.isnan(found.slope)


def test_other_settings_are_averaged_in_an_interaction(make_record):
    generator = np.random.default_rng(14)
    scores = {
        name: generator.normal(size=(5, 2, 2)) for name in ("relu", "serf")
    }
    results = [
        make_record(
            {"activation": name, "norm": bool(i), "layers": 2 * j + 2},
            seed,
            float(scores[name][seed, i, j]),
        )
        for name in scores
        for seed in range(5)
        for i in range(2)
        for j in range(2)
    ]
    norm, layers = analyze(results, METRIC, {}).interactions
    assert (norm.setting, layers.setting) == ("norm", "layers")
    lead = (scores["serf"] - scores["relu"]).mean(axis=2)
    assert norm.slope == pytest.approx((lead[:, 1] - lead[:, 0]).mean())


@pytest.mark.parametrize("values", [LAYERS, OPTIMIZERS])
def test_what_does_not_vary_is_not_tested(make_study, values):
    base = noise(np.random.default_rng(15))
    results = make_study({"relu": base, "serf": base + 0.1}, "choice", values)
    found = analyze(results, METRIC, {})
    assert np.isnan(found.interactions[0].p)
    assert np.isnan(found.comparisons[0].p)
    assert found.comparisons[0].mean == pytest.approx(0.1)
    assert found.verdicts == {"relu": "inconclusive"}

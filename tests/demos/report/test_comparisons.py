"""Statistics, against SciPy and statsmodels, and on data of known effect."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.anova import AnovaRM
from statsmodels.stats.multitest import multipletests

from demos.report import comparisons
from demos.report import statistics
from demos.report import trials
from demos.study.trial import TrialRecord

pytestmark = pytest.mark.once

SCORES = {
    "relu": [0.70, 0.72, 0.71, 0.69, 0.73],
    "mish": [0.75, 0.77, 0.74, 0.76, 0.75],
    "serf": [0.76, 0.77, 0.75, 0.75, 0.77],
}
LAYERS = (1, 2, 4)


def results_of(scores):
    return [
        TrialRecord(
            {"activation": name}, seed, "f", metrics={"accuracy": value}
        )
        for name, values in scores.items()
        for seed, value in enumerate(values)
    ]


def grid_of(tables, name="layers", values=LAYERS):
    """Results of tables of shape `(seeds, levels)`, by activation."""
    return [
        TrialRecord(
            {"activation": activation, name: value},
            seed,
            "f",
            metrics={"accuracy": float(table[seed, level])},
        )
        for activation, table in tables.items()
        for seed in range(len(table))
        for level, value in enumerate(values)
    ]


def noise(generator, seeds=6, levels=3):
    """Scores whose seeds differ, as those of a real study do."""
    return generator.normal(size=(seeds, 1)) + generator.normal(
        size=(seeds, levels)
    )


def test_interval_is_that_of_scipy():
    values = SCORES["relu"]
    mean, half_width = statistics.interval(values)
    low, high = stats.t.interval(
        0.95, len(values) - 1, np.mean(values), stats.sem(values)
    )
    assert mean - half_width == pytest.approx(low)
    assert mean + half_width == pytest.approx(high)
    assert math.isnan(statistics.interval([0.5])[1])


def test_bootstrap_is_the_percentiles_of_resampled_means():
    values = np.random.default_rng(3).normal(size=12)
    drawn = np.random.default_rng(4).choice(values, (100_000, 12))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    assert statistics.bootstrap(values) == pytest.approx((low, high), abs=0.02)
    assert statistics.bootstrap(values) == statistics.bootstrap(values)
    assert all(map(math.isnan, statistics.bootstrap([0.5])))
    assert statistics.bootstrap([0.5, 0.5]) == (0.5, 0.5)


def test_bootstrap_covers_too_little_with_few_seeds():
    # Of three it is the lowest and the highest, which have the mean between
    # them in all cases but those of three on one side: 1 - 2 / 2^3.
    generator = np.random.default_rng(5)
    samples = generator.normal(size=(300, 3))
    ends = np.array([statistics.bootstrap(sample) for sample in samples])
    np.testing.assert_allclose(ends[:, 0], samples.min(axis=1))
    np.testing.assert_allclose(ends[:, 1], samples.max(axis=1))
    covered = ((ends[:, 0] < 0) & (ends[:, 1] > 0)).mean()
    assert covered == pytest.approx(0.75, abs=0.06)


def test_effect_size_has_no_bias_in_small_samples():
    generator = np.random.default_rng(6)
    samples = generator.normal(0.8, 1, size=(20_000, 5))
    found = [statistics.effect_size(sample) for sample in samples]
    assert np.mean(found) == pytest.approx(0.8, abs=0.02)
    uncorrected = samples.mean(axis=1) / samples.std(axis=1, ddof=1)
    assert uncorrected.mean() > 0.95


def test_effect_size_is_none_where_nothing_varies():
    assert math.isnan(statistics.effect_size([0.1, 0.2]))
    assert math.isnan(statistics.effect_size([0.1, 0.1, 0.1]))
    # The same difference, but for the rounding of its terms.
    rounded = np.subtract([0.6, 0.7, 0.8], [0.5, 0.6, 0.7])
    assert np.ptp(rounded) > 0
    assert math.isnan(statistics.effect_size(rounded))
    assert math.isnan(statistics.t_test(rounded))


def test_comparison_is_the_paired_test_with_holm():
    found = comparisons.compare(results_of(SCORES), "accuracy", "serf")
    assert [comparison.other for comparison in found] == ["relu", "mish"]
    raw = [
        stats.ttest_rel(SCORES["serf"], SCORES[other]).pvalue
        for other in ("relu", "mish")
    ]
    expected: Any = multipletests(raw, method="holm")[1]
    assert [c.p for c in found] == pytest.approx(list(expected))
    assert found[0].difference == pytest.approx(0.05)
    assert found[0].significant
    assert not found[1].significant


def test_only_shared_seeds_are_paired():
    results = results_of(SCORES)
    results = [
        r for r in results if (r.settings["activation"], r.seed) != ("mish", 0)
    ]
    found = {
        c.other: c for c in comparisons.compare(results, "accuracy", "serf")
    }
    assert found["mish"].seeds == 4
    differences = np.subtract(SCORES["serf"][1:], SCORES["mish"][1:])
    assert found["mish"].difference == pytest.approx(differences.mean())


def test_two_seeds_are_not_tested():
    two = {name: values[:2] for name, values in SCORES.items()}
    for comparison in comparisons.compare(results_of(two), "accuracy", "serf"):
        assert comparison.seeds == 2
        assert math.isnan(comparison.p)
        assert not comparison.significant


def test_levels_are_averaged_and_not_counted_as_seeds():
    generator = np.random.default_rng(7)
    tables = {"relu": noise(generator), "serf": noise(generator) + 1}
    results = grid_of(tables)
    (found,) = comparisons.compare(results, "accuracy", "serf")
    means = [tables[name].mean(axis=1) for name in ("serf", "relu")]
    assert found.seeds == 6
    assert found.p == pytest.approx(float(stats.ttest_rel(*means).pvalue))
    levels = comparisons.compare_levels(results, "accuracy", "serf")
    assert [c.level for c in levels] == [{"layers": n} for n in LAYERS]
    raw = [
        stats.ttest_rel(tables["serf"][:, i], tables["relu"][:, i]).pvalue
        for i in range(3)
    ]
    expected: Any = multipletests(raw, method="holm")[1]
    assert [c.p for c in levels] == pytest.approx(list(expected))


def test_a_seed_that_failed_at_a_level_counts_at_the_others():
    generator = np.random.default_rng(8)
    results = grid_of({"relu": noise(generator), "serf": noise(generator)})
    results[0] = TrialRecord(
        results[0].settings, 0, "f", reason="ValueError: no"
    )
    (overall,) = comparisons.compare(results, "accuracy", "serf")
    levels = comparisons.compare_levels(results, "accuracy", "serf")
    assert overall.seeds == 5
    assert [comparison.seeds for comparison in levels] == [5, 6, 6]


def test_chance_is_seldom_called_significant():
    generator = np.random.default_rng(9)
    wrong = 0
    for _ in range(300):
        # What a seed does to one activation, it does at every level: with
        # levels counted as repetitions a third of the studies would be wrong.
        shared = generator.normal(size=(6, 1))
        tables = {"relu": noise(generator), "serf": noise(generator) + shared}
        (found,) = comparisons.compare(grid_of(tables), "accuracy", "serf")
        wrong += found.significant
    assert wrong / 300 <= 0.08


@pytest.mark.parametrize("tests", [1, 4])
def test_seeds_needed_see_the_difference_in_four_of_five_studies(tests):
    seeds = statistics.seeds_needed(0.8, 1.0, tests)
    assert seeds is not None
    generator = np.random.default_rng(10)

    def share(seeds):
        samples = generator.normal(0.8, 1, size=(20_000, seeds))
        p = np.asarray(stats.ttest_1samp(samples, 0, axis=1).pvalue)
        return (p < 0.05 / tests).mean()

    assert 0.79 < share(seeds) < 0.86
    assert share(seeds - 1) < 0.81


def test_seeds_needed_at_the_ends():
    assert statistics.seeds_needed(100.0, 1.0) == statistics.LEAST_SEEDS
    assert statistics.seeds_needed(1e6, 1.0) == statistics.LEAST_SEEDS
    assert statistics.seeds_needed(0.0, 1.0) is None
    assert statistics.seeds_needed(0.001, 1.0) is None
    assert statistics.seeds_needed(-0.5, 1.0) == statistics.seeds_needed(
        0.5, 1.0
    )


@pytest.mark.parametrize("seeds", [3, 10, 100, 10_000])
@pytest.mark.parametrize("tests", [1, 60])
def test_visible_difference_has_the_power_promised(seeds, tests):
    difference = statistics.visible_difference(2.0, seeds, tests)
    assert statistics.power(difference / 2, seeds, tests) == pytest.approx(0.8)
    assert statistics.power(difference / 4, seeds, tests) < 0.5


def test_power_is_that_of_the_noncentral_t():
    t = stats.t.ppf(1 - 0.025 / 4, 9)
    expected = stats.nct.sf(t, 9, 0.9 * math.sqrt(10))
    assert statistics.power(0.9, 10, tests=4) == pytest.approx(expected)
    for effect in (1.0, 10.0, 100.0, 1e4):
        assert 0 < statistics.power(effect, 1000) <= 1


def test_a_planted_interaction_is_found_with_its_size():
    generator = np.random.default_rng(11)
    grows = 0.9 * np.arange(3)
    tables = {
        "relu": noise(generator, 12),
        "mish": noise(generator, 12),
        "serf": noise(generator, 12) + grows,
    }
    tables["mish"] += grows
    found = {
        interaction.other: interaction
        for interaction in comparisons.interactions(
            grid_of(tables), "accuracy", "serf"
        )
    }
    assert found["relu"].significant
    assert found["relu"].trend == pytest.approx(0.9, abs=0.5)
    assert not found["mish"].significant
    assert found["relu"].seeds == 12


@pytest.mark.parametrize("values", [LAYERS, ("adam", "sgd", "lion")])
def test_an_interaction_is_seldom_seen_where_there_is_none(values):
    generator = np.random.default_rng(12)
    studies = 60 if values != LAYERS else 300
    wrong = 0
    for _ in range(studies):
        tables = {name: noise(generator) for name in ("relu", "serf")}
        results = grid_of(tables, "choice", values)
        (found,) = comparisons.interactions(results, "accuracy", "serf")
        wrong += found.significant
    assert wrong / studies <= 0.08


def test_without_order_the_interaction_is_that_of_the_two_way_anova():
    generator = np.random.default_rng(13)
    tables = {"relu": noise(generator), "serf": noise(generator) + [0, 2, 0]}
    results = grid_of(tables, "optimizer", ("adam", "sgd", "lion"))
    (found,) = comparisons.interactions(results, "accuracy", "serf")
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
    covariance = np.cov((leads @ contrasts.T).T)
    eigenvalues = np.linalg.eigvalsh(covariance)
    epsilon = eigenvalues.sum() ** 2 / (2 * (eigenvalues**2).sum())
    assert epsilon < 1
    freedom = epsilon * np.array([2, 2 * (len(leads) - 1)])
    assert found.p == pytest.approx(stats.f.sf(float(f), *freedom))
    assert math.isnan(found.trend)


def test_other_settings_are_averaged_in_an_interaction():
    generator = np.random.default_rng(14)
    results, slopes = [], []
    for seed in range(5):
        scores = {
            name: generator.normal(size=(2, 2)) for name in ("relu", "serf")
        }
        lead = (scores["serf"] - scores["relu"]).mean(axis=1)
        slopes.append(lead[1] - lead[0])
        results += [
            TrialRecord(
                {"activation": name, "norm": bool(i), "layers": 2 * j + 2},
                seed,
                "f",
                metrics={"accuracy": float(scores[name][i, j])},
            )
            for name in scores
            for i in range(2)
            for j in range(2)
        ]
    found = comparisons.interactions(results, "accuracy", "serf")
    assert [interaction.setting for interaction in found] == ["norm", "layers"]
    assert found[0].trend == pytest.approx(np.mean(slopes))
    raw = float(stats.ttest_1samp(slopes, 0).pvalue)
    # Holm's for two: the smaller is doubled, the larger at least that.
    assert found[0].p >= min(1, raw) * (1 - 1e-9)


@pytest.mark.parametrize("values", [LAYERS, ("adam", "sgd", "lion")])
def test_what_does_not_vary_is_not_tested(values):
    base = noise(np.random.default_rng(15))
    results = grid_of({"relu": base, "serf": base + 0.1}, "choice", values)
    (found,) = comparisons.interactions(results, "accuracy", "serf")
    assert math.isnan(found.p)
    (compared,) = comparisons.compare(results, "accuracy", "serf")
    assert math.isnan(compared.p)
    assert compared.difference == pytest.approx(0.1)


def test_levels_are_in_the_order_of_their_numbers():
    results = [
        TrialRecord(
            {"activation": "serf", "rate": rate, "heads": heads}, 0, "f"
        )
        for rate in (0.1, 0.001)
        for heads in ("many", "few")
    ]
    assert trials.varied(results) == {
        "rate": [0.001, 0.1],
        "heads": ["many", "few"],
    }
    assert trials.levels_of(results)[0] == {
        "rate": 0.001,
        "heads": "many",
    }


def test_what_has_one_value_was_not_varied():
    results = grid_of({"serf": noise(np.random.default_rng(16))})
    some = [r for r in results if r.settings["layers"] == 2]
    assert trials.varied(some) == {}
    assert trials.levels_of(some) == [{}]
    assert comparisons.compare_levels(some, "accuracy", "serf") == []


def test_reference_is_serf_if_it_finished():
    results = results_of(SCORES)
    assert trials.reference_of(results) == "serf"
    failed = [
        TrialRecord(r.settings, r.seed, "f", reason="no")
        if r.settings["activation"] in ("serf", "relu")
        else r
        for r in results
    ]
    assert trials.reference_of(failed) == "mish"

"""Statistics, against SciPy, and on data of a known distribution."""

import math

import numpy as np
import pytest
from scipy import stats

from demos.report import statistics

pytestmark = pytest.mark.once


def test_interval_is_that_of_scipy():
    values = [0.70, 0.72, 0.71, 0.69, 0.73]
    mean, half_width = statistics.interval(values)
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (mean - half_width, mean + half_width) == pytest.approx(expected)
    assert math.isnan(statistics.interval([0.5, 0.6])[1])


def test_bootstrap_is_the_percentiles_of_resampled_means():
    values = np.random.default_rng(3).normal(size=12)
    drawn = np.random.default_rng(4).choice(values, (100_000, 12))
    expected = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    assert statistics.bootstrap(values) == pytest.approx(expected, abs=0.02)
    assert statistics.bootstrap(values) == statistics.bootstrap(values)
    assert all(map(math.isnan, statistics.bootstrap([0.5])))
    assert statistics.bootstrap([0.5, 0.5]) == (0.5, 0.5)


def test_bootstrap_of_three_is_the_lowest_and_the_highest():
    samples = np.random.default_rng(5).normal(size=(50, 3))
    limits = np.array([statistics.bootstrap(sample) for sample in samples])
    np.testing.assert_allclose(limits[:, 0], samples.min(axis=1))
    np.testing.assert_allclose(limits[:, 1], samples.max(axis=1))


def test_repeated_measures_need_seeds_and_a_spread():
    values = np.random.default_rng(6).normal(size=(6, 3))
    assert 0 < statistics.repeated_measures(values) < 1
    assert math.isnan(statistics.repeated_measures(values[:2]))
    same = values[:, :1] + np.arange(3)
    assert math.isnan(statistics.repeated_measures(same))

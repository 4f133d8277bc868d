"""Several studies together, against rliable's definitions."""

import itertools

import numpy as np
import pytest

from demos.report.summary import mean_ranks, probability_of_improvement

pytestmark = pytest.mark.once


def runs(seed, shift=0.0, count=6):
    return np.random.default_rng(seed).normal(shift, 1, count)


def test_probability_of_improvement_counts_pairs_of_runs():
    studies = [
        {"serf": np.array([1.0, 2.0, 2.0]), "relu": np.array([2.0, 0.0])},
        {"serf": np.array([5.0, 6.0]), "relu": np.array([1.0])},
    ]

    def share(x, y):
        pairs = list(itertools.product(x, y))
        return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)

    expected = np.mean([share(s["serf"], s["relu"]) for s in studies])
    found = probability_of_improvement(studies, "serf", "relu")
    assert found.value == pytest.approx(expected)
    back = probability_of_improvement(studies, "relu", "serf")
    assert back.value == pytest.approx(1 - expected)


def test_probability_of_improvement_is_that_of_rliable():
    # rliable 1.2.0, with x and y of shape (runs, studies):
    #   library.get_interval_estimates(
    #       {"both": (x, y)}, metrics.probability_of_improvement,
    #       reps=50_000, random_state=np.random.RandomState(0),
    #   )
    x = [
        [0.6, 0.4, 1.1, 0.6, 0.0, 0.9],
        [0.8, 1.3, 0.8, -0.8, 1.4, 0.9],
        [0.7, 0.0, 0.1, -1.9, 2.3, 1.6],
    ]
    y = [
        [2.0, -2.6, 0.4, -0.6, -0.5, -0.2],
        [-0.7, -0.2, 1.7, 0.7, -1.6, 0.0],
        [-0.8, -1.3, -0.2, 0.4, 1.1, 0.1],
    ]
    studies = [
        {"serf": np.array(one), "relu": np.array(other)}
        for one, other in zip(x, y, strict=True)
    ]
    found = probability_of_improvement(studies, "serf", "relu")
    assert found.value == pytest.approx(0.72222222)
    assert found.low == pytest.approx(0.52777778, abs=0.03)
    assert found.high == pytest.approx(0.89814815, abs=0.03)


def test_the_interval_covers_a_known_probability():
    # P(X > Y) of two normal variables that differ by 1 is 0.760.
    covered = []
    for seed in range(60):
        studies = [
            {
                "serf": runs([seed, i, 0], 1, 12),
                "relu": runs([seed, i, 1], 0, 12),
            }
            for i in range(3)
        ]
        found = probability_of_improvement(studies, "serf", "relu")
        covered.append(found.low <= 0.7602 <= found.high)
    assert np.mean(covered) >= 0.85


def test_ranks():
    studies = [
        {"relu": runs(0), "serf": runs(1) + 100, "mish": runs(2) + 50},
        {"relu": runs(3) + 100, "serf": runs(4), "mish": runs(5) + 50},
    ]
    ranks = mean_ranks(studies)
    assert {k: v.value for k, v in ranks.items()} == {
        "relu": 2.0,
        "serf": 2.0,
        "mish": 2.0,
    }
    assert ranks["mish"].low == ranks["mish"].high == 2.0
    alike = [{"relu": runs(0), "serf": runs(0), "mish": runs(0)}]
    assert all(rank.value == 2 for rank in mean_ranks(alike).values())

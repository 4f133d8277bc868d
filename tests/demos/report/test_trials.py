"""Selections of trials: in order, and none lost."""

import numpy as np
import pytest

from demos.report import trials

pytestmark = pytest.mark.once


def test_levels_are_in_the_order_of_their_numbers(make_record):
    results = [
        make_record({"activation": "serf", "rate": rate, "heads": heads}, 0, 1)
        for rate in (0.1, 0.001)
        for heads in ("many", "few")
    ]
    choices = {"rate": [0.001, 0.1], "heads": ["many", "few"]}
    assert trials.varied(results) == choices
    assert trials.levels_of(results)[0] == {"rate": 0.001, "heads": "many"}
    one = results[:1]
    assert (trials.varied(one), trials.levels_of(one)) == ({}, [{}])
    assert next(iter(trials.by_label(results))) == "serf-rate=0.1-heads=many"


def test_scores_have_a_place_for_each_seed_and_level(make_study):
    nan = np.nan
    tables = {"relu": [[1, 2], [3, nan]], "serf": [[5, 5], [5, 5]]}
    results = make_study(tables, values=(2, 4))
    relu = trials.scores(results, "accuracy", "relu")
    np.testing.assert_array_equal(relu, tables["relu"])
    paired = trials.differences(results, "accuracy", "serf", "relu")
    np.testing.assert_array_equal(paired, [[4, 3], [2, nan]])
    np.testing.assert_array_equal(trials.complete(paired), [[4, 3]])


def test_rounding_is_no_difference(make_study):
    results = make_study({"relu": [0.3], "serf": [0.1 + 0.2]})
    assert trials.differences(results, "accuracy", "serf", "relu") == 0


def test_the_reference_is_serf_or_the_one_wanted_if_it_finished(make_study):
    scores = {"relu": [np.nan], "mish": [0.5], "serf": [0.5]}
    assert trials.reference_of(make_study(scores)) == "serf"
    assert trials.reference_of(make_study(scores), "mish") == "mish"
    scores["serf"] = [np.nan]
    assert trials.reference_of(make_study(scores)) == "mish"

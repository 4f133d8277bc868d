"""Tuning: what is chosen for each activation, and how a trial gets it."""

import pytest

from demos.common.errors import UnfinishedError
from demos.study.trial import Trial, TrialContext, TrialRecord
from demos.study.tuning import TunedTask, at_the_edge, choose

pytestmark = pytest.mark.once


def record(activation, rate, seed, accuracy, reason=""):
    settings = {"activation": activation, "rate": rate}
    metrics = {} if reason else {"accuracy": accuracy}
    return TrialRecord(settings, seed, "", reason, metrics)


def test_each_activation_gets_the_value_with_the_best_mean():
    records = [
        record("relu", 0.1, 0, 0.9),
        record("relu", 0.1, 1, 0.2),  # Its mean is the lower one.
        record("relu", 0.01, 0, 0.7),
        record("relu", 0.01, 1, 0.7),
        record("serf", 0.1, 0, 0.8),
        record("serf", 0.1, 1, 0.8),
        record("serf", 0.01, 0, 0.5),
        record("serf", 0.01, 1, 0.6),
    ]
    assert choose(records, "accuracy") == {
        "relu": {"rate": 0.01},
        "serf": {"rate": 0.1},
    }


def test_a_value_with_a_failed_trial_is_never_chosen():
    records = [
        record("serf", 0.1, 0, 0.99),
        record("serf", 0.1, 1, 0, "DivergedError: loss is nan"),
        record("serf", 0.01, 0, 0.5),
        record("serf", 0.01, 1, 0.5),
    ]
    assert choose(records, "accuracy") == {"serf": {"rate": 0.01}}
    with pytest.raises(UnfinishedError, match=r"serf.*loss is nan"):
        choose(records[:2], "accuracy")


def test_the_edge_of_the_grid_is_told_of():
    chosen = {"relu": {"rate": 0.1}, "serf": {"rate": 0.01}}
    (note,) = at_the_edge(chosen, {"rate": (0.001, 0.01, 0.1)})
    assert "relu" in note
    assert "serf" not in note
    assert "largest" in note
    assert at_the_edge({"relu": {"kind": "a"}}, {"kind": ("a", "b")}) == []


def test_a_trial_has_the_settings_of_its_activation():
    class Task:
        objective, epochs = "accuracy", 3

        def config(self):
            return {"task": "fake"}

        def run(self, trial, context):
            return trial

    task = TunedTask(Task(), {"serf": {"rate": 0.1}})
    ran = task.run(Trial({"activation": "serf"}, 7), TrialContext())
    assert ran == Trial({"activation": "serf", "rate": 0.1}, 7)
    plain = task.run(Trial({"activation": "relu"}, 7), TrialContext())
    assert plain == Trial({"activation": "relu"}, 7)
    assert task.config() == {"task": "fake", "tuned": {"serf": {"rate": 0.1}}}
    assert (task.objective, task.epochs) == ("accuracy", 3)

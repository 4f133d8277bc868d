"""Warnings of a report."""

import pytest

from demos.report.types import Metric, Presentation
from demos.study.trial import TrialRecord
from demos.tasks.advice import advice, looks

pytestmark = pytest.mark.once
SHOWN = Presentation("A study", (Metric("accuracy", "accuracy"),), "val", "val")


def record(*curve, reason=""):
    history = {"val": list(curve)} if curve else {}
    return TrialRecord({"activation": "relu"}, 0, "", reason, history=history)


def test_training_that_still_improves_is_too_short():
    improving, settled = record(0.1, 0.2, 0.3), record(0.1, 0.3, 0.2)
    (note,) = advice([improving, improving, settled], SHOWN)
    assert "2 of 3" in note
    assert "train longer" in note
    assert advice([improving, settled, settled], SHOWN) == []
    assert advice([record(0.5)], SHOWN) == []  # One epoch has no trend.


def test_failed_trials_are_counted():
    notes = advice([record(0.3, 0.2), record(reason="DivergedError")], SHOWN)
    assert notes == ["1 of 2 trials failed."]


def test_looks_are_remembered(tmp_path):
    assert looks(tmp_path, 3) == ""
    assert looks(tmp_path, 3) == ""
    assert "3, 5 seeds" in looks(tmp_path, 5)
    assert "3, 5 seeds" in looks(tmp_path, 3)

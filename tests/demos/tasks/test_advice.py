"""Warnings of a report."""

import pytest

from demos.report.types import Metric, Presentation
from demos.study.trial import TrialRecord
from demos.tasks.advice import advice, looks

pytestmark = pytest.mark.once
SHOWN = Presentation("A study", (Metric("accuracy", "accuracy"),), "val", "val")


def record(*curve):
    history = {"val": list(curve)}
    return TrialRecord({"activation": "relu"}, 0, "", history=history)


def test_training_that_still_improves_is_too_short():
    improving, settled = record(0.1, 0.2, 0.3), record(0.1, 0.3, 0.2)
    (note,) = advice([improving, improving, settled], SHOWN)
    assert "2 of 3" in note
    assert "train longer" in note
    assert advice([improving, settled, settled], SHOWN) == []
    assert advice([record(0.5)], SHOWN) == []  # One epoch has no trend.


def test_looks_are_remembered(tmp_path):
    assert looks(tmp_path, 3) == ""
    assert looks(tmp_path, 3) == ""
    assert "3, 5 seeds" in looks(tmp_path, 5)
    assert "3, 5 seeds" in looks(tmp_path, 3)

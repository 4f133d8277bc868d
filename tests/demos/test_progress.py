"""Progress: a line a trial, and a bar where somebody watches."""

import sys

import pytest

from demos.progress import Progress
from demos.study import Result
from demos.study import Trial

TRIAL = Trial({"activation": "serf"}, 7)
FINISHED = Result({"activation": "serf"}, 7, "f", metrics={"accuracy": 0.5})
FAILED = Result({"activation": "serf"}, 7, "f", reason="ValueError: no")


def run(result):
    with Progress(trials=2, epochs=3) as progress:
        progress.trial_started(TRIAL)
        progress.epoch_ended(1, {"loss": 0.7, "val_accuracy": 0.25})
        progress.trial_ended(result)


@pytest.mark.parametrize(
    ("result", "says"),
    [(FINISHED, "accuracy 0.5000"), (FAILED, "failed: ValueError: no")],
)
def test_without_a_terminal_each_trial_is_one_line(capsys, result, says):
    run(result)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"trial 1/2 serf seed 7: {says}")
    assert captured.err.count("\n") == 1


def test_on_a_terminal_there_is_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run(FAILED)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "trial 1/2 serf seed 7" in captured.err
    assert "3/6 epochs" in captured.err
    assert "failed: ValueError: no" in captured.err


def test_nothing_to_run_shows_nothing(capsys):
    with Progress(trials=0, epochs=3):
        pass
    assert capsys.readouterr().err == ""

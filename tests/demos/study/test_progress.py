"""Progress: a line a trial, and a bar where somebody watches."""

import sys
import types

import pytest

from demos.common.progress import log
from demos.study.progress import Progress
from demos.study.trial import Trial, TrialRecord

TRIAL = Trial({"activation": "serf"}, 7)
FINISHED = TrialRecord(
    {"activation": "serf"}, 7, "f", metrics={"accuracy": 0.5}
)
FAILED = TrialRecord({"activation": "serf"}, 7, "f", reason="ValueError: no")


def run(result):
    with Progress(trials=2, epochs=3) as progress:
        progress.trial_started(TRIAL)
        progress.epoch_ended(TRIAL, 1, {"loss": 0.7, "val_accuracy": 0.25})
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


def test_trials_side_by_side_each_move_the_one_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    other = Trial({"activation": "relu"}, 7)
    with Progress(trials=2, epochs=4) as progress:
        progress.trial_started(TRIAL)
        progress.trial_started(other)
        progress.epoch_ended(TRIAL, 3, {"loss": 0.75})  # From a checkpoint.
        progress.epoch_ended(other, 1, {"loss": 0.25})
        progress.trial_ended(FINISHED)  # Stopped early.
        progress.epoch_ended(other, 2, {"loss": 0.125})
    last = capsys.readouterr().err.split("\r")
    shown = next(text for text in reversed(last) if "relu" in text)
    assert "6/8 epochs" in shown
    assert "left, epoch=2/4, loss=0.125" in shown


def test_a_trial_that_another_process_runs_is_counted_once(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress(trials=1, epochs=1) as progress:
        progress.trial_started(TRIAL)
        progress.trial_started(TRIAL)  # Now that the other one is done.
        progress.trial_ended(FINISHED)
    shown = capsys.readouterr().err
    assert "trial 1/1 serf" in shown
    assert "trial 2/1" not in shown


def test_nothing_to_run_shows_nothing(capsys):
    with Progress(trials=0, epochs=3):
        pass
    assert capsys.readouterr().err == ""


class Kernel:
    """A notebook's kernel, as far as the display of a line is concerned."""

    def __init__(self):
        self.shown = []

    def display(self, data, raw, display_id):
        assert raw
        assert display_id
        self.shown.append(data["text/plain"])
        return self

    def update(self, data, raw):
        assert raw
        self.shown[-1] = data["text/plain"]


@pytest.fixture
def kernel(monkeypatch):
    found = Kernel()
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=found)
    display = types.ModuleType("IPython.display")
    display.display = found.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return found


def test_in_a_notebook_the_bar_is_one_line(capsys, kernel):
    with Progress(trials=1, epochs=3) as progress:
        progress.trial_started(TRIAL)
        progress.epoch_ended(TRIAL, 1, {"loss": 0.7, "val_accuracy": 0.25})
        [line] = kernel.shown
        assert line.startswith("trial 1/1 serf seed 7 ")
        assert "1/3 epochs" in line
        assert line.endswith("epoch=1/3, loss=0.700, val_accuracy=0.250")
        progress.trial_ended(FINISHED)
    [line] = kernel.shown
    assert "3/3 epochs" in line
    assert capsys.readouterr() == ("", "")


def test_a_notebook_is_told_on_stdout(capsys, kernel):
    run(FAILED)
    log("a line")
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "failed: ValueError: no" in captured.out
    assert captured.out.endswith("a line\n")

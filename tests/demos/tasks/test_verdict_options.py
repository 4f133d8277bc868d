"""Options of every task that decide what a verdict is about."""

import importlib
from dataclasses import replace
from types import SimpleNamespace

import pytest

from demos.report.types import Presentation
from demos.study.trial import gather
from demos.tasks import study
from demos.tasks.metrics import COMPARED

pytestmark = pytest.mark.usefixtures("trains")

RATES = {"relu": 0.03, "serf": 0.01}


def task_of(case):
    return importlib.import_module(f"demos.tasks.{case.name}.task").TASK


@pytest.fixture
def reported(case, monkeypatch):
    """Lists the presentations of the reports, which are not drawn."""
    presentations = []
    shown = Presentation("", (COMPARED[case.name],), "loss", "loss")
    monkeypatch.setattr(task_of(case), "presentation", lambda *_: shown)

    def write_report(folder, results, baselines, presentation):
        presentations.append(presentation)
        return SimpleNamespace(short="")

    monkeypatch.setattr(study, "write_report", write_report)
    return presentations


@pytest.fixture
def best_at_own_rate(case, fake_training, monkeypatch):
    """Each activation scores best at a learning rate of its own.

    Returns the list of `fake_training`.
    """
    task = task_of(case)
    whole = task.train

    def train(self, trial, context):
        result = whole(self, trial, context)
        best = RATES[trial.settings["activation"]]
        if self.training.learning_rate == best:
            return result
        worse = {name: value / 2 for name, value in result.metrics.items()}
        return replace(result, metrics=worse)

    monkeypatch.setattr(task, "train", train)
    return fake_training


def test_each_activation_is_tuned_with_seeds_of_its_own(
    case, best_at_own_rate, reported, tmp_path
):
    arguments = [
        *("--activations", "relu", "serf", "--seeds", "0"),
        *("--tune", "learning_rate=0.01,0.03", "--tune-seeds", "7"),
        *("--reference", "relu", "--margin", "0.25"),
    ]
    assert case.run(tmp_path, *arguments) == 0
    tried = [
        (trial.settings["activation"], task.training.learning_rate, trial.seed)
        for task, trial in best_at_own_rate
    ]
    assert sorted(tried[:4]) == [
        (name, rate, 7) for name in RATES for rate in (0.01, 0.03)
    ]
    assert tried[4:] == [(name, rate, 0) for name, rate in RATES.items()]
    assert (len(gather(tmp_path / "tuning")), len(gather(tmp_path))) == (4, 2)
    (shown,) = reported
    assert shown.chosen == {n: {"learning_rate": r} for n, r in RATES.items()}
    assert "Tuned for each activation" in " ".join(shown.notes)
    assert shown.reference == "relu"
    # It is given in points, or in BLEU.
    assert shown.margin == 0.25 / (1 if case.name == "translation" else 100)

    assert case.run(tmp_path, *arguments) == 0  # It resumes.
    assert len(best_at_own_rate) == 4 + 2


def test_resplit_draws_one_split_for_each_seed(
    case, fake_training, reported, tmp_path, capsys
):
    activations = ("--activations", "relu", "serf")
    status = case.run(tmp_path, *activations, "--seeds", "0", "1", "--resplit")
    if not case.demo.resplits:
        assert status == 2
        assert f"not available for {case.name}" in capsys.readouterr().err
        return
    assert status == 0
    drawn = {}
    for task, trial in fake_training:
        labels = list(task.dataset.test.labels)
        drawn.setdefault(trial.seed, []).append(labels)
    assert all(one == other for one, other in drawn.values())
    assert len({str(labels) for labels, _ in drawn.values()}) == 2
    assert reported[0].resplit

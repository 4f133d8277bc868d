"""Ablation: a study of each axis, and a page for all."""

import re

import pandas as pd
import pytest

from demos.__main__ import main
from demos.common.errors import UnfinishedError
from demos.tasks import study
from demos.tasks.study import SMOKE_TEST

pytestmark = [
    pytest.mark.once,
    pytest.mark.usefixtures("trains", "fake_training"),
]


def run(out, *arguments):
    return main(
        [
            *("ablation", "--quick", "--seeds", "0", "--width", "8"),
            *("--vary", "layers=1,2", "--out", str(out), *arguments),
        ]
    )


def test_a_run_writes_a_study_for_each_axis_and_a_page_for_all(
    tmp_path, fake_training
):
    options = ["--axes", "layers", "dropout", "--activations", "relu", "serf"]
    assert run(tmp_path, *options) == 0
    assert [trial.settings for _, trial in fake_training] == [
        {"activation": activation, axis: value}
        for axis, values in (("layers", (1, 2)), ("dropout", (0.0, 0.2)))
        for activation in ("relu", "serf")
        for value in values
    ]
    assert {task.training.epochs for task, _ in fake_training} == {1}
    for axis in ("layers", "dropout"):
        assert (tmp_path / axis / "report.html").exists()
        assert (tmp_path / axis / "dead_units.png").exists()
    page = (tmp_path / "ablation.html").read_text(encoding="utf-8")
    for link in ("layers/report.html", "dropout/report.html"):
        assert f'<a href="{link}">' in page
    assert '<svg role="img" aria-label="Test accuracy over layers' in page
    assert "<h1>Ablation" in page
    text = (tmp_path / "ablation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (layers|dropout) +\| relu ", text, re.MULTILINE)
    assert rows == ["layers", "dropout"]
    assert SMOKE_TEST in text
    assert "Deeper networks gain more from serf: no verdict" in text
    scores = pd.read_csv(tmp_path / "layers" / "trials.csv")
    assert sorted(scores["layers"].unique()) == [1, 2]


def test_an_axis_that_fails_leaves_the_others(tmp_path, monkeypatch, capsys):
    whole = study.run

    def run_study(task, options, folder, check):
        if "dropout" in options.vary[0]:
            raise UnfinishedError("no trial finished")
        return whole(task, options, folder, check)

    monkeypatch.setattr(study, "run", run_study)
    options = ["--activations", "relu", "gelu", "--layers", "3"]
    assert run(tmp_path, "--axes", "dropout", "layers", *options) == 0
    text = (tmp_path / "ablation.md").read_text(encoding="utf-8")
    assert "dropout: no trial finished" in text
    assert "Not varied: network mlp, layers 3, width 8" in text
    page = (tmp_path / "ablation.html").read_text(encoding="utf-8")
    assert "relu against the others" in page  # Serf was not among them.
    assert "serf" not in page
    shown = capsys.readouterr().out
    assert shown.startswith(SMOKE_TEST)
    assert shown.endswith(f"report: {tmp_path / 'ablation.html'}\n")
    assert "|" not in shown  # No Markdown on a terminal.
    # `run` gives --vary layers, so that axis has to be there.
    monkeypatch.setattr(
        study, "run", lambda *_: (_ for _ in ()).throw(UnfinishedError("none"))
    )
    assert run(tmp_path / "new", "--axes", "layers", *options) == 1
    assert capsys.readouterr().err.endswith("error: none\n")

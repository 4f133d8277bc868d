"""Ablations: a study of each axis, tested together; the claim on depth."""

import pandas as pd
import pytest

import keras_serf  # noqa: F401 - teaches Keras the word
from demos.__main__ import main
from demos.common.errors import UnfinishedError
from demos.common.errors import UserError
from demos.tasks.ablation import task as ablation
from demos.tasks.classification import task as classification


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"axes": ("deepness",)}, "Expected --axes to be of depth, width"),
        ({"axes": ("depth", "depth")}, "each once"),
        ({"axes": ()}, "at least one"),
        ({"axes": ("depth",), "vary": ("width=2",)}, "of the axes depth"),
        ({"vary": ("depth=2",)}, "two values or more"),
        ({"vary": ("depth=1,2", "depth=2,3")}, "once, with all its values"),
    ],
)
def test_axes_that_cannot_be(options, says):
    with pytest.raises(UserError, match=says):
        ablation.vary_texts(ablation.AblationOptions(**options))


def test_every_axis_has_values_of_its_own():
    texts = ablation.vary_texts(ablation.AblationOptions(vary=("depth=3,5",)))
    assert list(texts) == [
        *("depth", "width", "optimizer", "learning_rate", "batch_size"),
        *("initializer", "dropout"),
    ]
    assert texts["depth"] == "depth=3,5"
    assert texts["width"] == "width=16,64,256"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a small run of two axes has written."""
    out = tmp_path_factory.mktemp("runs") / "out"
    command = [
        *("ablation", "--quick", "--axes", "depth", "dropout"),
        *("--activations", "relu", "serf", "--seeds", "0"),
        *("--vary", "depth=1,2", "--width", "8", "--out", str(out)),
    ]
    assert main(command) == 0
    return out


@pytest.mark.usefixtures("trains")
def test_a_run_writes_a_study_for_each_axis_and_a_page_for_all(folder):
    for axis in ("depth", "dropout"):
        assert (folder / axis / "report.html").exists()
        assert (folder / axis / "dead_units.png").exists()
    rows = pd.read_csv(folder / "ablation.csv")
    assert list(rows["axis"]) == ["depth", "dropout"]
    assert list(rows["against"]) == ["relu", "relu"]
    page = (folder / "ablation.html").read_text()
    for link in ("depth/report.html", "dropout/report.html"):
        assert f'<a href="{link}">' in page
    assert "data:image/png;base64," in page
    assert "<h1>Ablation" in page
    text = (folder / "ablation.md").read_text()
    assert "QUICK RUN" in text
    assert "Deeper networks gain more from serf: no verdict" in text
    scores = pd.read_csv(folder / "depth" / "trials.csv")
    assert sorted(scores["depth"].unique()) == [1, 2]


@pytest.mark.usefixtures("trains")
def test_an_axis_that_fails_leaves_the_others(tmp_path, monkeypatch):
    def run(task, options, usual):
        if "dropout" in options.vary[0]:
            raise UnfinishedError("no trial was finished")
        return whole(task, options, usual)

    whole = classification.run
    monkeypatch.setattr(classification, "run", run)
    command = [
        *("ablation", "--quick", "--axes", "dropout", "depth"),
        *("--activations", "relu", "gelu", "--seeds", "0", "--layers", "3"),
        *("--vary", "depth=1,2", "--width", "8", "--out", str(tmp_path)),
    ]
    assert main(command) == 0
    text = (tmp_path / "ablation.md").read_text()
    assert "dropout: no trial was finished" in text
    assert "What is not varied: network mlp, layers 3, width 8" in text
    page = (tmp_path / "ablation.html").read_text()
    assert "relu against the others" in page  # Serf was not among them.
    assert "serf" not in page
    with pytest.raises(UnfinishedError):
        ablation.compare(
            ablation.parse_options(["--axes", "dropout", "--seeds", "0"])
        )


@pytest.mark.usefixtures("trains")
def test_a_mistake_costs_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for arguments, says in (
        (["--vary", "depth=1,none"], "Expected --vary depth to be values"),
        (["--axes", "seed"], "Expected --axes to be of"),
        (["--dataset", "nowhere"], "Expected --dataset to be mnist_5k"),
        (["--epochs", "0"], "Expected --epochs to be above 0"),
        # Of a later axis too, before any is run.
        (["--vary", "dropout=0.5,1.5"], "Expected --dropout to be from 0 to"),
        (["--vary", "initializer=he,lecun_normal"], "Expected --initializer"),
        (["--network", "mobilenetv2"], "--vary depth is of cnn and mlp alone"),
    ):
        assert main(["ablation", *arguments]) == 2
        captured = capsys.readouterr()
        assert f"error: {says}" in captured.err
        assert captured.err.count("\n") == 1
    assert not list(tmp_path.iterdir())

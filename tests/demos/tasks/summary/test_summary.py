"""The summary of several studies, from the command line."""

import json
from dataclasses import asdict

import pytest

from demos.__main__ import main
from demos.report.comparisons import Comparison
from demos.report.summary import StudyVerdict
from demos.study.trial import TrialRecord

pytestmark = pytest.mark.once


@pytest.fixture
def studies(tmp_path):
    """Folders of two studies: serf is ahead in one and behind in the other."""
    folders = []
    for title, sign, word in (("A", 1, "better"), ("B", -1, "worse")):
        verdict = StudyVerdict(
            title,
            "points",
            100,
            "serf",
            0.01,
            (
                Comparison(
                    "relu", word, (0.03 * sign,) * 3, 0.03 * sign, 0.01, 0.01, 3
                ),
            ),
            {"relu": [0.5, 0.6, 0.7], "serf": [0.55 * sign] * 3},
        )
        folder = tmp_path / title
        (folder / "trials").mkdir(parents=True)
        (folder / "verdict.json").write_text(json.dumps(asdict(verdict)))
        trial = TrialRecord({"activation": "serf"}, 0, "", metrics={"bleu": 3})
        path = folder / f"trials/{trial.name}.json"
        path.write_text(json.dumps(asdict(trial)))
        (folder / "table.csv").write_text("model,kind,bleu\ncopy,baseline,1\n")
        folders.append(folder)
    return folders


def test_all_studies_are_on_one_page(studies, tmp_path, capsys):
    out = tmp_path / "summary"
    assert main(["summary", *map(str, studies), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "|" not in shown  # No Markdown on a terminal.
    assert shown.endswith(f"report: {out / 'summary.html'}\n")
    text = (out / "summary.md").read_text()
    assert "(studies: 2, comparisons: 2): better in 1, worse in 1" in text
    assert "+2 to +4 points" in text
    assert "-4 to -2 points" in text
    # serf beats 1 of 3 runs of relu in A, and none in B.
    (row,) = [
        line.split("|")[2].strip()
        for line in text.partition("scores better")[2].splitlines()
        if line.startswith("| relu ")
    ][:1]
    assert row == "0.17"
    assert {path.name for path in out.iterdir()} == {
        "trials.csv.gz",
        "summary.html",
        "summary.md",
        "summary.png",
    }
    page = (out / "summary.html").read_text()
    assert 'aria-label="All studies.' in page
    assert "A" in page


def test_a_folder_without_a_verdict_is_named(studies, tmp_path, capsys):
    assert main(["summary", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert str(tmp_path / "verdict.json") in error
    assert "run the study again" in error
    (studies[0] / "verdict.json").write_text("{}")
    assert main(["summary", str(studies[0])]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_study_given_twice_is_refused(studies, capsys):
    folder = str(studies[0])
    assert main(["summary", folder, folder]) == 2
    assert "without repeats" in capsys.readouterr().err


def test_no_study_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["summary"]) == 2
    assert "python -m demos sentiment" in capsys.readouterr().err

"""The record: its pages say what its trials say."""

import re

import numpy as np
import pandas as pd
import pytest

from demos.__main__ import main
from demos.report.statistics import interval
from demos.tasks.summary import record

pytestmark = pytest.mark.once
FILE = "demos/record/trials.csv.gz"


@pytest.fixture(scope="module")
def studies(repository):
    return record.read(repository / FILE)


@pytest.fixture(scope="module")
def page(repository):
    path = repository / "demos/record/README.md"
    return plain(path.read_text(encoding="utf-8"))


def plain(text):
    """The text without line breaks, quotation marks and padding of cells."""
    return re.sub(r"[\s>]+", " ", text)


def test_the_page_has_the_verdict_of_every_study(studies, page):
    for study in studies:
        assert plain(study.findings()) in page, study.name
        assert ("-by-" in study.name) == (f"({study.name}.png)" in page)


@pytest.mark.usefixtures("blank_figures")
def test_the_page_has_the_tables_of_the_summary(repository, tmp_path, page):
    table = repository / FILE
    assert main(["summary", str(table), "--out", str(tmp_path)]) == 0
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line[:2] == "| "]
    assert len(rows) > 30
    for row in rows:
        assert plain(row) in page
    # The same trials, the same bytes.
    assert (tmp_path / "trials.csv.gz").read_bytes() == table.read_bytes()


def test_the_page_has_the_mean_scores(studies, page):
    for study in studies:
        if "-by-" in study.name:
            continue
        metric = study.metric
        groups = {}
        for result in study.results:
            groups.setdefault(result.settings["activation"], []).append(
                result.metrics[metric.key]
            )
        for activation, scores in groups.items():
            mean, half = interval(scores)
            d = metric.decimals
            assert f"| {activation} | {mean:.{d}f} ± {half:.{d}f} |" in page


def test_the_counts_in_the_first_sentence(studies, page, repository):
    words = [
        comparison.word
        for study in studies
        if "-by-" not in study.name
        for comparison in study.analyze().comparisons
    ]
    sentence = page.partition("**In short:**")[2].partition("![")[0]
    told = [int(number) for number in re.findall(r"\d+", sentence)]
    counts = [
        words.count(word)
        for word in ("equivalent", "better", "worse", "inconclusive")
    ]
    assert told == [len(words), *counts]


def test_another_table_is_refused(tmp_path, capsys):
    path = tmp_path / "trials.csv"
    path.write_text("study,activation\nsentiment-a,serf\n")
    assert main(["summary", str(path)]) == 2
    assert "settings" in capsys.readouterr().err
    row = dict.fromkeys(record.COLUMNS, "x") | {"value": 1.0}
    pd.DataFrame([row]).to_csv(path, index=False)
    assert main(["summary", str(path)]) == 2
    assert "does not begin with a task" in capsys.readouterr().err


@pytest.mark.parametrize(
    "rows",
    [
        ["serf,0,3,accuracy,0.5"],
        ["serf,x,{},accuracy,0.5"],
        ["serf,0,{},accuracy,nan"],
        ["serf,0,{},other,0.5"],
        ["baseline:x,,{},accuracy,0.5"],
        ["serf,0,{},accuracy,0.5", "serf,0,{},accuracy,0.7"],
        ["serf,0,{},accuracy,0.5", "serf,00,{},accuracy,0.7"],
        ["serf,0,{},accuracy,0.5", "serf,0,{ },accuracy,0.7"],
        ['serf,0,"{""activation"": ""relu""}",accuracy,0.5'],
        ['serf,0,"{""layers"": [1]}",accuracy,0.5'],
        [f"serf,0,{'[' * 9999},accuracy,0.5"],
        [f'serf,0,"{{""layers"": {n}}}",accuracy,0.5' for n in (1, 2)],
    ],
)
def test_wrong_rows_are_one_line(tmp_path, capsys, rows):
    path = tmp_path / "trials.csv"
    lines = [",".join(record.COLUMNS), *(f"sentiment-a,{r}" for r in rows)]
    path.write_text("\n".join(lines))
    assert main(["summary", str(path), "--out", str(tmp_path / "out")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_is_one_line(repository, tmp_path, capsys):
    content = bytearray((repository / FILE).read_bytes())
    content[99:199] = bytes(100)
    path = tmp_path / "trials.csv.gz"
    path.write_bytes(content)
    assert main(["summary", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_becomes_rows_of_the_table(cases, fake_training, tmp_path):
    out = tmp_path / "digits"
    assert cases["classification"].run(out) == 0
    study = record.of_folder(out)
    assert study.name == "classification-digits"
    record.write(tmp_path / "trials.csv.gz", [study])
    (again,) = record.read(tmp_path / "trials.csv.gz")
    assert [r.metrics for r in again.results] == [
        r.metrics for r in study.results
    ]
    assert list(again.baselines) == list(study.baselines)
    assert np.isclose(
        again.baselines["majority class"]["accuracy"], 0.1, atol=0.02
    )

"""Tables hold what was measured, and are well formed."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from demos.report import statistics, tables
from demos.report.types import Metric, Presentation, Table

pytestmark = pytest.mark.once

METRIC = Metric("accuracy", "accuracy_%")
PRESENTATION = Presentation("Title", (METRIC,), "val", "validation")
BASELINES = {"a & b": {"accuracy": 0.5}}


def formatted(results):
    table = tables.summarize(results, [METRIC], BASELINES)
    return table, tables.cells(table, results, PRESENTATION)


def test_a_row_a_setting_and_baselines_below(make_study):
    scores = {"serf": [0.76, 0.77, 0.78, np.nan], "elu": [np.nan] * 4}
    table, rows = formatted(make_study(scores))
    serf, elu, baseline = table.to_dict("records")
    mean, half_width = statistics.interval([0.76, 0.77, 0.78])
    assert serf["accuracy"] == pytest.approx(mean)
    assert serf["accuracy_interval"] == pytest.approx(half_width)
    limits = serf["accuracy_low"], serf["accuracy_high"]
    assert limits == statistics.bootstrap([0.76, 0.77, 0.78])
    assert (serf["seeds"], serf["failed"]) == (3, 1)
    assert (elu["seeds"], elu["failed"]) == (0, 4)
    assert (baseline["kind"], baseline["accuracy"]) == ("baseline", 0.5)
    assert rows == [
        ["model", "seeds", "accuracy_%", "seconds", "parameters"],
        ["serf", "3", f"{mean:.4f} ± {half_width:.4f}", "2.0", "1,234"],
        ["elu", "0", "", "", ""],
        ["a & b (baseline)", "", "0.5000", "", ""],
    ]


def test_what_was_varied_has_a_column(make_study, tmp_path):
    scores = {name: np.full((2, 3), 0.5) for name in ("relu", "serf")}
    table, rows = formatted(make_study(scores, values=(1, 2, 4)))
    assert [row[:3] for row in rows] == [
        ["model", "layers", "seeds"],
        *([name, str(n), "2"] for n in (1, 2, 4) for name in ("relu", "serf")),
        ["a & b (baseline)", "", ""],
    ]
    table.to_csv(tmp_path / "table.csv")
    read = pd.read_csv(tmp_path / "table.csv", dtype=str)
    assert read["layers"][:2].tolist() == ["1", "1"]


def test_every_trial_is_listed(make_study):
    results = make_study({"serf": [0.5, 0.6], "elu": [0.5, np.nan]}, width=8)
    listed = tables.list_trials(results).to_dict("records")
    for result, row in zip(results, listed, strict=True):
        assert {name: row[name] for name in result.settings} == result.settings
        assert (row["seed"], row["seconds"]) == (result.seed, result.seconds)
    assert listed[0]["accuracy"] == 0.5
    assert np.isnan(listed[-1]["accuracy"])
    assert listed[-1]["reason"] == "ValueError: no"


def test_markdown_is_aligned_and_escaped():
    rows = [["a", "number", "p"], ["x|y", "1.5", "–"], ["<i>", "", "<1"]]
    assert tables.markdown_table(rows) == [
        "| a      | number |  p |",
        "| ------ | -----: | -: |",
        r"| x\|y   |    1.5 |  – |",
        "| &lt;i> |        | <1 |",
    ]


def test_the_text_has_notes_failures_appendix_and_verdict(make_study):
    results = make_study({"serf": [0.5, np.nan]})
    presentation = Presentation(
        "Title",
        (METRIC,),
        "val",
        "",
        notes=("A note.",),
        warnings=("Smoke test",),
        tables=(Table("Samples", ["source", "model"], [["a", "b"]], 2),),
    )
    _, rows = formatted(results)
    text = tables.markdown(rows, results, presentation, "It is so.")
    places = [
        text.index(part)
        for part in (
            *(
                "# Title",
                "Smoke test",
                "A note.",
                presentation.interval_note,
                "| serf ",
            ),
            *("- serf, seed 1, failed: ValueError: no", "Samples:"),
            "| a      | b     |",
            "**Verdict.** It is so.",
        )
    ]
    assert places == sorted(places)


def latex_of(make_study, activation):
    _, rows = formatted(make_study({activation: [0.76, 0.77, 0.78]}))
    return tables.latex(rows, left=1)


def test_latex_is_escaped_and_in_the_style_of_booktabs(make_study):
    text = latex_of(make_study, "my_serf")
    lines = text.splitlines()
    assert r"\begin{tabular}{lrrrr}" in lines
    rules = [line for line in lines if line.endswith("rule")]
    assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"my\_serf & 3 & 0.7700 $\pm$ 0.0248 & 2.0 & 1,234 \\" in lines
    assert r"accuracy\_\%" in text
    assert r"a \& b (baseline) &" in text


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex")
def test_latex_compiles(make_study, tmp_path):
    text = latex_of(make_study, "my_serf#^~<>")
    (tmp_path / "table.tex").write_text(text)
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}"
        r"\input{table.tex}\end{document}"
    )
    process = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stdout[-2000:]

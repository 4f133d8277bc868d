"""Tables hold what was measured, and are well formed."""

import math
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from demos.report import statistics
from demos.report import tables
from demos.report.types import Metric
from demos.report.types import Presentation
from demos.report.write import write_report
from demos.study.trial import TrialRecord

pytestmark = pytest.mark.once

METRIC = Metric("accuracy", "accuracy")
LOSS = Metric("loss", "loss", higher_is_better=False)
SCORES = {
    "relu": [0.70, 0.72, 0.71, 0.69, 0.73],
    "mish": [0.75, 0.77, 0.74, 0.76, 0.75],
    "serf": [0.76, 0.77, 0.75, 0.75, 0.77],
}


def results_of(scores, key="accuracy", **further):
    return [
        TrialRecord(
            settings={"activation": activation, **further},
            seed=seed,
            fingerprint="f",
            metrics={key: value},
            history={"val": [value / 2, value]},
            parameters=1234,
            seconds=2.0,
        )
        for activation, values in scores.items()
        for seed, value in enumerate(values)
    ]


def grown(step, seeds=6, activations=("relu", "serf")):
    """Results over layers, where serf gains `step` with each."""
    generator = np.random.default_rng(0)
    found = []
    for number, layers in enumerate((1, 2, 4)):
        scores = {
            name: 0.7
            + 0.002 * generator.normal(size=seeds)
            + step * number * (name == "serf")
            for name in activations
        }
        found += results_of(scores, layers=layers)
    return found


def presentation(metric=METRIC, **further):
    return Presentation("Title", (metric,), "val", "validation", **further)


def test_table_holds_what_was_measured(tmp_path):
    results = results_of(SCORES)
    failed = TrialRecord({"activation": "elu"}, 0, "f", reason="ValueError: no")
    written = write_report(
        tmp_path,
        [*results, failed],
        {"majority": {"accuracy": 0.5}},
        presentation(),
    )
    table = pd.read_csv(tmp_path / "table.csv").set_index("model")
    text = written.text
    assert (written.folder, written._repr_markdown_()) == (tmp_path, text)
    mean, half_width = statistics.interval(SCORES["serf"])
    assert table.loc["serf", "accuracy"] == pytest.approx(mean)
    assert table.loc["serf", "accuracy_interval"] == pytest.approx(half_width)
    ends = [table.loc["serf", f"accuracy_{end}"] for end in ("low", "high")]
    assert ends == pytest.approx(statistics.bootstrap(SCORES["serf"]))
    assert table.loc["majority", "kind"] == "baseline"
    assert table.loc["elu", "failed"] == 1
    assert (tmp_path / "table.md").read_text() == text
    assert len(pd.read_csv(tmp_path / "trials.csv")) == 16
    assert f"{mean:.4f} ± {half_width:.4f}" in text
    assert "majority (baseline)" in text
    assert "elu, seed 0, failed: ValueError: no" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1


def test_every_trial_is_listed():
    results = results_of(SCORES, layers=2)
    failed = TrialRecord(
        {"activation": "elu", "layers": 2}, 0, "f", reason="ValueError: no"
    )
    found = tables.list_trials([*results, failed])
    assert len(found) == 16
    for result, row in zip(results, found.to_dict("records"), strict=False):
        assert {name: row[name] for name in result.settings} == result.settings
        assert row["seed"] == result.seed
        assert row["accuracy"] == result.metrics["accuracy"]
        assert row["seconds"] == 2.0
    last = found.iloc[-1]
    assert last["reason"] == "ValueError: no"
    assert math.isnan(last["accuracy"])


def test_what_was_varied_has_a_column(tmp_path):
    baselines = {"majority": {"accuracy": 0.5}}
    table = tables.summarize(grown(0.01), [METRIC], baselines)
    shown = tables.cells(table, grown(0.01), presentation())
    text = tables.markdown(shown, grown(0.01), presentation(), "none")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines]
    assert cells[0][:3] == ["model", "layers", "seeds"]
    assert [row[:3] for row in cells[2:]] == [
        *([name, str(n), "6"] for n in (1, 2, 4) for name in ("relu", "serf")),
        ["majority (baseline)", "", ""],
    ]
    table.to_csv(tmp_path / "table.csv")
    found = pd.read_csv(tmp_path / "table.csv", dtype=str)
    assert found["layers"][:2].tolist() == ["1", "1"]


def test_a_bar_in_a_name_does_not_break_the_table():
    results = results_of({"a|b": [0.5]})
    table = tables.summarize(results, [METRIC], {})
    shown = tables.cells(table, results, presentation())
    text = "\n".join(tables.markdown_table(shown))
    assert r"| a\|b " in text


def latex_of(activation="serf"):
    results = results_of({activation: SCORES["serf"], "relu": SCORES["relu"]})
    metric = Metric("accuracy", "accuracy_%")
    table = tables.summarize(results, [metric], {"a & b": {"accuracy": 0.5}})
    return tables.latex(
        tables.cells(table, results, presentation(metric)), left=1
    )


def test_latex_is_escaped_and_in_the_style_of_booktabs():
    text = latex_of("my_serf")
    mean, half_width = statistics.interval(SCORES["serf"])
    lines = text.splitlines()
    assert r"\begin{tabular}{lrrrr}" in lines
    rules = [line for line in lines if line.endswith("rule")]
    assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert (
        rf"my\_serf & 5 & {mean:.4f} $\pm$ {half_width:.4f} & 2.0 & 1,234 \\"
        in lines
    )
    assert r"accuracy\_\%" in text
    assert r"a \& b (baseline) &" in text


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex")
def test_latex_compiles(tmp_path):
    (tmp_path / "table.tex").write_text(latex_of("my_serf#^~<>"))
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}"
        r"\input{table.tex}\end{document}"
    )
    found = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stdout[-2000:]

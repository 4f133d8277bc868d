"""Tables and verdict, against SciPy and arithmetic by hand."""

import base64
import math
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from demos.report import charts
from demos.report import comparisons as significance
from demos.report import report
from demos.study.trial import TrialRecord

pytestmark = pytest.mark.once

METRIC = report.Metric("accuracy", "accuracy")
LOSS = report.Metric("loss", "loss", higher_is_better=False)
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
    return report.Presentation(
        "Title", (metric,), "val", "validation", **further
    )


def test_verdict_names_the_better_and_the_same():
    sentence = report.verdict(results_of(SCORES), METRIC)
    assert sentence.startswith(
        "Accuracy: serf is significantly better than relu"
    )
    assert "no significant difference between serf and mish" in sentence
    assert "\n" not in sentence


def test_verdict_begins_with_a_capital_unless_the_metric_has_its_own():
    for label, begins in (("accuracy", "Accuracy: "), ("mAP@.5", "mAP@.5: ")):
        metric = report.Metric("accuracy", label)
        assert report.verdict(results_of(SCORES), metric).startswith(begins)


def test_verdict_has_the_numbers_of_the_comparison():
    results = results_of(SCORES)
    relu, mish = significance.compare(results, "accuracy", "serf")
    sentence = report.verdict(results, METRIC)
    assert (
        f"relu (+0.0500 ± {relu.half_width:.4f}, d = {relu.effect:.1f}, "
        f"p = {relu.p:.2g})"
    ) in sentence
    assert "(paired t-test on 5 seeds, p by Holm's correction, " in sentence
    assert mish.deviation > relu.deviation  # The larger is what counts.
    visible = significance.visible_difference(mish.deviation, 5, 2)
    assert f"differences of about {visible:.4f} and more" in sentence
    needed = significance.seeds_needed(mish.difference, mish.deviation, 2)
    assert (
        f"measured against mish, if it is real, would take about {needed} "
        in (sentence)
    )


def test_a_wide_spread_does_not_speak_for_a_narrow_one():
    scores = {**SCORES, "relu": [0.1, 0.72, 0.4, 0.69, 0.9]}
    results = results_of(scores)
    relu, mish = significance.compare(results, "accuracy", "serf")
    least, most = (
        significance.visible_difference(c.deviation, 5, 2) for c in (mish, relu)
    )
    assert (
        f"differences of about {least:.4f} (mish) to {most:.4f} (relu) and more"
    ) in report.verdict(results, METRIC)


def test_who_failed_is_said_with_the_verdict():
    results = [
        replace(r, reason="DivergedError: loss is nan", metrics={})
        if (r.label, r.seed) in {("serf", 0), ("serf", 3)}
        else r
        for r in results_of(SCORES)
    ]
    sentence = report.verdict(results, METRIC)
    assert (
        "Failed: serf in 2 of 5 trials (DivergedError: loss is nan); what is "
        "compared are the seeds that both finished"
    ) in sentence
    assert "Failed" not in report.verdict(results_of(SCORES), METRIC)


def test_more_seeds_than_anyone_has_are_not_named():
    values = [0.5, 0.6, 0.7, 0.8]
    scores = {"relu": values, "serf": [0.6, 0.5, 0.8, 0.7]}
    sentence = report.verdict(results_of(scores), METRIC)
    assert "would take over 10,000 seeds" in sentence


def test_a_lower_loss_is_better():
    sentence = report.verdict(results_of(SCORES, "loss"), LOSS)
    assert "serf is significantly worse than relu" in sentence


def test_equal_differences_are_not_called_significant():
    scores = {"relu": [0.5, 0.625, 0.75], "serf": [0.625, 0.75, 0.875]}
    sentence = report.verdict(results_of(scores), METRIC)
    assert "no significant difference" in sentence
    assert "not testable" in sentence
    assert "power" not in sentence
    assert "nan" not in sentence


def test_a_difference_of_next_to_nothing_has_no_minus():
    scores = {
        "relu": [0.5, 0.75, 0.6],
        "serf": [0.5 - 1e-6, 0.75 - 3e-6, 0.6 + 3e-6],
    }
    sentence = report.verdict(results_of(scores), METRIC)
    assert "relu (+0.0000 ± 0.0000, d = -0.1," in sentence
    assert "-0.0" not in sentence


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_give_no_verdict(seeds):
    few = {name: values[:seeds] for name, values in SCORES.items()}
    sentence = report.verdict(results_of(few), METRIC)
    assert sentence.startswith("No verdict on serf")
    assert "at least 3 seeds" in sentence
    assert "significant" not in sentence


def test_who_finished_too_few_seeds_is_named():
    scores = {**SCORES, "mish": SCORES["mish"][:2]}
    failed = TrialRecord({"activation": "elu"}, 0, "f", reason="ValueError: no")
    sentence = report.verdict([*results_of(scores), failed], METRIC)
    assert "no verdict on mish and elu, with fewer than 3 seeds" in sentence
    assert "serf is significantly better than relu" in sentence
    assert "between serf and mish" not in sentence


def test_without_serf_the_comparison_made_is_named():
    scores = {name: SCORES[name] for name in ("relu", "mish")}
    sentence = report.verdict(results_of(scores), METRIC)
    assert sentence.startswith("Serf was not compared: ")
    assert "relu is significantly worse than mish" in sentence


def test_serf_having_failed_is_said_once():
    failed = TrialRecord(
        {"activation": "serf"}, 0, "f", reason="ValueError: no"
    )
    scores = {name: SCORES[name] for name in ("relu", "mish")}
    sentence = report.verdict([*results_of(scores), failed], METRIC)
    assert sentence.startswith("Serf was not compared: ")
    assert "no verdict on" not in sentence


def test_alone_there_is_nothing_to_compare():
    sentence = report.verdict(results_of({"serf": [0.5, 0.6]}), METRIC)
    assert sentence == "Serf has nothing to be compared with."


def test_verdict_says_on_what_the_difference_depends():
    sentence = report.verdict(grown(0.01), METRIC)
    (found,) = significance.interactions(grown(0.01), "accuracy", "serf")
    assert (
        "Whether the difference depends on layers: it does, significantly, "
        f"against relu ({found.trend:+.4f} from one value to the next, p = "
    ) in sentence
    assert "(paired t-test on 6 seeds, of means over layers, " in sentence
    assert "better than relu at layers=2 and layers=4; no " in sentence
    assert sentence.endswith("no significant difference in the rest.")


def test_verdict_says_when_it_depends_on_nothing():
    sentence = report.verdict(grown(0, activations=("relu", "serf")), METRIC)
    assert "layers: no significant sign of it (p = " in sentence
    assert "in 3 tests: no significant difference anywhere." in sentence


def test_a_level_that_always_failed_leaves_the_others():
    results = [
        TrialRecord(r.settings, r.seed, "f", reason="no")
        if r.settings == {"activation": "relu", "layers": 4}
        else r
        for r in grown(0.01)
    ]
    sentence = report.verdict(results, METRIC)
    assert sentence.startswith("No verdict on serf")
    assert "finished at every value of layers" in sentence
    assert "serf is significantly better than relu at layers=2" in sentence


def test_table_holds_what_was_measured(tmp_path):
    results = results_of(SCORES)
    failed = TrialRecord({"activation": "elu"}, 0, "f", reason="ValueError: no")
    written = report.write(
        tmp_path,
        [*results, failed],
        {"majority": {"accuracy": 0.5}},
        presentation(),
    )
    table = pd.read_csv(tmp_path / "table.csv").set_index("model")
    text = written.text
    assert (written.folder, written._repr_markdown_()) == (tmp_path, text)
    mean, half_width = significance.interval(SCORES["serf"])
    assert table.loc["serf", "accuracy"] == pytest.approx(mean)
    assert table.loc["serf", "accuracy_interval"] == pytest.approx(half_width)
    ends = [table.loc["serf", f"accuracy_{end}"] for end in ("low", "high")]
    assert ends == pytest.approx(significance.bootstrap(SCORES["serf"]))
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
    found = report.trials([*results, failed])
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
    table = report.summarise(grown(0.01), [METRIC], baselines)
    text = report.markdown(table, grown(0.01), presentation())
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
    table = report.summarise(results, [METRIC], {})
    text = report.markdown(table, results, presentation())
    assert r"| a\|b " in text


def latex_of(activation="serf"):
    results = results_of({activation: SCORES["serf"], "relu": SCORES["relu"]})
    metric = report.Metric("accuracy", "accuracy_%")
    table = report.summarise(results, [metric], {"a & b": {"accuracy": 0.5}})
    return report.latex(table, results, presentation(metric))


def test_latex_is_escaped_and_in_the_style_of_booktabs():
    text = latex_of("my_serf")
    mean, half_width = significance.interval(SCORES["serf"])
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


def test_figures_of_an_earlier_report_go(tmp_path):
    for name in charts.NAMES:
        (tmp_path / name).write_bytes(b"old")
    (tmp_path / "confusion.png").write_bytes(b"a task's own")
    report.write(tmp_path, results_of(SCORES), {}, presentation())
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "figure.png",
        "wins.png",
        "confusion.png",
    }
    for name in ("figure.png", "wins.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_task_has_charts_of_its_own(tmp_path):
    own = charts.Chart("own.png", "A <caption>", "What it shows", Figure())
    report.write(
        tmp_path,
        results_of(SCORES),
        {},
        replace(presentation(), pictures=(own,)),
    )
    drawn = (tmp_path / "own.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    page = (tmp_path / "report.html").read_text()
    assert base64.b64encode(drawn).decode() in page
    assert 'alt="What it shows"' in page
    assert "<figcaption>A &lt;caption&gt;</figcaption>" in page


def test_labels_group_results_in_their_order():
    groups = report.by_label(grown(0.01, seeds=2))
    assert list(groups)[:2] == ["relu-layers=1", "serf-layers=1"]
    assert all(len(group) == 2 for group in groups.values())

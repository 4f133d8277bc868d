"""What is written, and what goes."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from demos.report.figures import charts
from demos.report.types import Chart
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


def test_figures_of_an_earlier_report_go(tmp_path):
    for name in charts.NAMES:
        (tmp_path / name).write_bytes(b"old")
    (tmp_path / "confusion.png").write_bytes(b"a task's own")
    write_report(tmp_path, results_of(SCORES), {}, presentation())
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "figure.png",
        "confusion.png",
    }
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_a_task_has_charts_of_its_own(tmp_path):
    own = Chart("own.png", "A <caption>", "What it shows", Figure())
    write_report(
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

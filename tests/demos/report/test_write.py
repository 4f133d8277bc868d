"""What is written to the folder of a study, and what is deleted."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from demos.report.figures import charts
from demos.report.types import Chart, Metric, Presentation
from demos.report.write import write_report

pytestmark = pytest.mark.once

OWN = Chart("own.png", "A <caption>", "What it shows", Figure())
PRESENTATION = Presentation(
    "Title", (Metric("accuracy", "accuracy"),), "val", "", pictures=(OWN,)
)
BASELINES = {"majority": {"accuracy": 0.5}}


def test_tables_figures_and_page_are_written(five_seeds, tmp_path):
    for name in (*charts.NAMES, "confusion.png"):
        (tmp_path / name).write_bytes(b"old")
    report = write_report(tmp_path, five_seeds, BASELINES, PRESENTATION)
    pictures = {path.name: path.read_bytes() for path in tmp_path.glob("*.png")}
    # Those of an earlier report are gone; a task's own is not ours.
    assert pictures.pop("confusion.png") == b"old"
    assert pictures.keys() == {"figure.png", "own.png", "verdict.png"}
    assert all(p.startswith(b"\x89PNG") for p in pictures.values())
    page = (tmp_path / "report.html").read_text()
    assert 'role="img" aria-label="What it shows"' in page
    assert "<figcaption>A &lt;caption&gt;</figcaption>" in page
    table = pd.read_csv(tmp_path / "table.csv").set_index("model")
    assert table.loc["majority", "kind"] == "baseline"
    assert len(pd.read_csv(tmp_path / "trials.csv")) == len(five_seeds)
    assert (tmp_path / "table.md").read_text() == report.text
    assert report._repr_markdown_() == report.text
    assert (tmp_path / "table.tex").exists()


def test_the_report_has_the_verdicts(five_seeds, tmp_path):
    report = write_report(tmp_path, five_seeds, BASELINES, PRESENTATION)
    assert report.verdicts == {"relu": "better", "mish": "inconclusive"}
    assert report.folder == tmp_path
    assert report.results == tuple(five_seeds)
    assert report.text.endswith(" ".join(report.findings))

"""Confusion matrices, read from the answers that trials leave."""

import pytest

from demos.datasets.types import Split, TextClassification
from demos.study.trial import TrialRecord
from demos.tasks import confusion_matrix

pytestmark = pytest.mark.once

PART = Split(tuple("abcd"), (0, 0, 1, 1))
DATASET = TextClassification("letters", ("cat", "dog"), PART, PART, PART)


@pytest.fixture
def answered(tmp_path):
    """Returns `answered(activation, seed, *labels)`: such a trial's record."""
    (tmp_path / "trials").mkdir()

    def write(activation, seed, *labels):
        record = TrialRecord({"activation": activation}, seed, "f")
        path = tmp_path / "trials" / f"{record.name}.test.txt"
        path.write_text("".join(f"{label}\n" for label in labels))
        return record

    return write


def test_shares_of_all_seeds_together(tmp_path, answered):
    records = [
        answered("relu", 0, "cat", "cat", "dog", "dog"),
        answered("relu", 1, "cat", "dog", "dog", "dog"),
        answered("serf", 0, "dog", "dog", "dog", "cat"),
    ]
    chart = confusion_matrix.chart(tmp_path, records, DATASET)
    shares = {
        axes.get_title(): axes.images[0].get_array().tolist()
        for axes in chart.figure.axes
    }
    assert shares == {
        "relu": [[0.75, 0.25], [0.0, 1.0]],
        "serf": [[0.0, 1.0], [0.5, 0.5]],
    }
    assert "relu, serf" in chart.description


def test_answers_that_are_lost_are_passed_over(tmp_path, answered):
    cut = answered("relu", 0, "cat")
    lost = TrialRecord({"activation": "serf"}, 0, "f")
    assert confusion_matrix.chart(tmp_path, [cut, lost], DATASET) is None
    whole = answered("mish", 0, "cat", "cat", "dog", "dog")
    chart = confusion_matrix.chart(tmp_path, [cut, lost, whole], DATASET)
    assert [axes.get_title() for axes in chart.figure.axes] == ["mish"]

"""Which labels are taken for which, read from what trials have said."""

import pytest

from demos.study.trial import TrialRecord
from demos.tasks import confusion_matrix as confusion

pytestmark = pytest.mark.once

NAMES = ("cat", "dog")
LABELS = (0, 0, 1, 1)


@pytest.fixture
def log(tmp_path):
    """Returns `log(activation, seed, *labels)`: a trial with these answers."""
    (tmp_path / "trials").mkdir()

    def write(activation, seed, *labels):
        result = TrialRecord({"activation": activation}, seed, "f")
        path = tmp_path / "trials" / f"{result.name}.test.txt"
        path.write_text("".join(f"{label}\n" for label in labels))
        return result

    return write


def test_shares_of_all_seeds_together(tmp_path, say):
    results = [
        log("relu", 0, "cat", "cat", "dog", "dog"),
        log("relu", 1, "cat", "dog", "dog", "dog"),
        log("serf", 0, "dog", "dog", "dog", "cat"),
    ]
    chart = confusion.chart(tmp_path, results, NAMES, LABELS)
    shares = {
        axes.get_title(): axes.images[0].get_array().tolist()
        for axes in chart.figure.axes
    }
    assert shares == {
        "relu": [[0.75, 0.25], [0.0, 1.0]],
        "serf": [[0.0, 1.0], [0.5, 0.5]],
    }
    assert "relu, serf" in chart.description


def test_answers_that_are_lost_are_passed_over(tmp_path, say):
    cut = log("relu", 0, "cat")
    lost = TrialRecord({"activation": "serf"}, 0, "f")
    assert confusion.chart(tmp_path, [cut, lost], NAMES, LABELS) is None
    whole = log("mish", 0, "cat", "cat", "dog", "dog")
    chart = confusion.chart(tmp_path, [cut, lost, whole], NAMES, LABELS)
    assert [axes.get_title() for axes in chart.figure.axes] == ["mish"]

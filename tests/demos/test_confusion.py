"""Which labels are taken for which, read from what trials have said."""

import pytest

from demos import confusion
from demos.trial import Result

pytestmark = pytest.mark.once

NAMES = ("cat", "dog")
LABELS = (0, 0, 1, 1)


@pytest.fixture
def say(tmp_path):
    """Returns `say(activation, seed, *labels)`: a trial with these answers."""
    (tmp_path / "trials").mkdir()

    def write(activation, seed, *labels):
        result = Result({"activation": activation}, seed, "f")
        path = tmp_path / "trials" / f"{result.name}.test.txt"
        path.write_text("".join(f"{label}\n" for label in labels))
        return result

    return write


def test_shares_of_all_seeds_together(tmp_path, say):
    results = [
        say("relu", 0, "cat", "cat", "dog", "dog"),
        say("relu", 1, "cat", "dog", "dog", "dog"),
        say("serf", 0, "dog", "dog", "dog", "cat"),
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
    cut = say("relu", 0, "cat")
    lost = Result({"activation": "serf"}, 0, "f")
    assert confusion.chart(tmp_path, [cut, lost], NAMES, LABELS) is None
    whole = say("mish", 0, "cat", "cat", "dog", "dog")
    chart = confusion.chart(tmp_path, [cut, lost, whole], NAMES, LABELS)
    assert [axes.get_title() for axes in chart.figure.axes] == ["mish"]

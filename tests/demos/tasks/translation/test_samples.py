"""Sample translations in the report."""

import pytest

from demos.datasets.types import Pairs
from demos.study.trial import TrialRecord
from demos.tasks.translation.samples import samples

pytestmark = pytest.mark.once

TEST = Pairs(("one dog", "a | b"), ("ein Hund", "a | b"))


def record(activation, seed, score):
    return TrialRecord(
        {"activation": activation}, seed, "f", metrics={"score": score}
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "trials").mkdir()
    return tmp_path


def test_the_best_model_of_serf_is_shown(folder):
    records = [record("serf", 0, 1), record("serf", 1, 2), record("relu", 0, 3)]
    path = folder / "trials" / "serf-seed1.test.txt"
    path.write_text("ein Hund\na | c\n", encoding="utf-8")
    (table,) = samples(TEST, "score", folder, records)
    assert table.header[-1] == "serf, seed 1"
    assert table.rows == [
        ("one dog", "ein Hund", "ein Hund"),
        ("a | b", "a | b", "a | c"),
    ]


@pytest.mark.parametrize("content", [None, b"one line\n", b"\xff\xfe\n\n"])
def test_translations_that_cannot_be_read_are_left_out(folder, content):
    path = folder / "trials" / "serf-seed0.test.txt"
    if content is not None:
        path.write_bytes(content)
    assert samples(TEST, "score", folder, [record("serf", 0, 1)]) == ()

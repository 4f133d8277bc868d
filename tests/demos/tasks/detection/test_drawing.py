"""Drawn boxes: colours where the boxes are, detections there and back."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demos.datasets.types import Box, BoxedPictures, Detection
from demos.study.trial import TrialRecord
from demos.tasks.detection import drawing as drawn_boxes
from demos.tasks.detection.scores import Found

FOUND = [
    Found(0, 1, 0.9, 0.25, 0.5, 0.5, 0.25),
    Found(2, 0, 0.0512, -0.125, 0.0, 0.5, 1.0),
]


def blank(picture, side):
    return np.full((side, side, 3), 255, "uint8")


def test_detections_there_and_back():
    assert drawn_boxes.from_json(drawn_boxes.to_json(FOUND)) == FOUND
    assert drawn_boxes.from_json(drawn_boxes.to_json([])) == []


@pytest.mark.parametrize("text", ["", "[3]", '[{"bbox": []}]', "{"])
def test_what_are_no_detections(text):
    with pytest.raises(ValueError, match=r"."):
        drawn_boxes.from_json(text)


def test_a_box_is_drawn_where_it_is():
    picture = Image.new("RGB", (200, 100), "white")
    drawn = np.asarray(drawn_boxes.draw(picture, FOUND[:1], ["cat", "bat"]))
    assert (np.asarray(picture) == 255).all()  # It is a copy that is drawn on.
    rows, columns = np.nonzero((drawn < 250).any(axis=2))
    assert (columns.min(), rows.max()) == (50, 75)
    assert (drawn[60:70, 60:140] == 255).all()  # Inside.
    assert (drawn[52:74, 150] < 250).any(axis=1).all()  # Right edge.
    assert rows.min() >= 50 - 15  # The label is above it.


def test_captions_do_not_cover_each_other():
    picture = Image.new("RGB", (200, 100), "white")
    boxes = [Box(label, 0.25, 0.5, 0.5, 0.25) for label in (0, 1)]
    drawn = np.asarray(drawn_boxes.draw(picture, boxes, ["cat", "bat"]))
    filled = (drawn < 250).any(axis=2)
    assert filled[:50].any()  # Above both boxes.
    assert filled[77:].any()  # Below them.


def test_what_is_found_has_its_score_beside_it_and_the_truth_has_none():
    names = ["cat", "bat"]
    for found in FOUND:
        said = f"{names[found.label]} {found.score:.2f}"
        assert drawn_boxes.caption(found, names) == said
    assert drawn_boxes.caption(Box(0, 0, 0, 1, 1), names) == "cat"


@pytest.mark.parametrize(
    "box", [(-0.5, -0.5, 2, 2), (0.9, 0.9, 0.5, 0.0), (1.5, 1.5, 0.1, 0.1)]
)
def test_boxes_may_reach_out_of_the_picture(box):
    picture = Image.new("RGB", (20, 30), "white")
    names = ["a long name of a thing"]
    drawn = drawn_boxes.draw(picture, [Box(0, *box)], names)
    assert drawn.size == picture.size


@pytest.fixture
def dataset():
    part = BoxedPictures(
        tuple("abcde"), ((Box(0, 0.1, 0.1, 0.5, 0.5),), (), (), (), ())
    )
    return Detection("blank", ("$a_{", "b"), part, part, part, read=blank)


def result_of(folder, activation, text):
    result = TrialRecord({"activation": activation}, 0, "")
    (folder / "trials").mkdir(exist_ok=True)
    path = folder / "trials" / f"{result.name}.{drawn_boxes.FILE}"
    path.write_text(text)
    return result


def test_each_activation_has_a_column(tmp_path, dataset):
    results = [
        result_of(tmp_path, name, drawn_boxes.to_json(FOUND))
        for name in ("relu", "serf")
    ]
    results.append(result_of(tmp_path, "gelu", "damaged"))
    chart = drawn_boxes.chart(tmp_path, results, dataset)
    assert chart.name == "detections.png"
    titles = [axes.get_title() for axes in chart.figure.axes]
    assert [title for title in titles if title] == ["truth", "relu", "serf"]
    chart.save(tmp_path / chart.name)
    with Image.open(tmp_path / chart.name) as drawn:
        assert drawn.width > drawn.height / 3


def test_no_answers_are_no_chart(tmp_path: Path, dataset):
    draw = partial(drawn_boxes.chart, tmp_path)
    assert draw([result_of(tmp_path, "relu", "")], dataset) is None
    assert draw([TrialRecord({"activation": "serf"}, 0, "")], dataset) is None

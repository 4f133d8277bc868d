"""Mean average precision: perfect, shifted and wrong boxes, by hand."""

import pytest

from demos.datasets.types import Box
from demos.tasks.detection.scores import Found, detection_scores

TRUTH = [
    [Box(0, 0.1, 0.1, 0.4, 0.4), Box(1, 0.5, 0.5, 0.3, 0.2)],
    [],
    [Box(0, 0.2, 0.3, 0.4, 0.3)],
]


def answer(truth, score=0.9, shift=0.0):
    return [
        Found(i, b.label, score, b.left + shift * b.width, *b[2:5])
        for i, row in enumerate(truth)
        for b in row
        if not b.crowd
    ]


def test_perfect_boxes_score_1(capsys):
    found = detection_scores(TRUTH, answer(TRUTH))
    assert found == pytest.approx({"map_50": 1, "map": 1})
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_no_boxes_score_0():
    assert detection_scores(TRUTH, []) == {"map_50": 0, "map": 0}


def test_shifted_boxes_meet_some_thresholds():
    # Shifted by a fifth, two boxes share 4/5 of 6/5: an IoU of 2/3, above the
    # thresholds 0.5, 0.55, 0.6 and 0.65 of ten.
    found = detection_scores(TRUTH, answer(TRUTH, shift=0.2))
    assert found == pytest.approx({"map_50": 1, "map": 0.4})
    # By a half, 1/2 of 3/2: none.
    found = detection_scores(TRUTH, answer(TRUTH, shift=0.5))
    assert found == {"map_50": 0, "map": 0}


def test_a_label_that_is_not_found_counts_as_0():
    found = [box for box in answer(TRUTH) if box.label == 0]
    assert detection_scores(TRUTH, found)["map"] == pytest.approx(1 / 2)


def test_a_wrong_box_costs_as_much_as_the_detector_is_sure_of_it():
    truth = [TRUTH[2]]
    right = answer(truth, 0.5)
    wrong = [Found(0, 0, score, 0.7, 0.7, 0.1, 0.1) for score in (0.4, 0.6)]
    # After the right one, it is below all recalls; before it, the precision is
    # 1/2 at every recall.
    assert detection_scores(truth, right + wrong[:1])["map"] == pytest.approx(1)
    assert detection_scores(truth, right + wrong[1:])["map"] == pytest.approx(
        1 / 2
    )
    # Of a label that is nowhere, nothing is asked.
    nowhere = [Found(0, 5, 0.9, 0.1, 0.1, 0.1, 0.1)]
    assert detection_scores(truth, right + nowhere)["map"] == pytest.approx(1)


def test_boxes_in_a_crowd_are_neither_right_nor_wrong():
    crowd = Box(0, 0.0, 0.0, 0.5, 1.0, crowd=True)
    truth = [[Box(0, 0.6, 0.1, 0.3, 0.3), crowd]]
    inside = [Found(0, 0, 0.95, 0.1 * i, 0.1, 0.1, 0.1) for i in range(4)]
    found = detection_scores(truth, inside + answer(truth))
    assert found["map"] == pytest.approx(1)
    with pytest.raises(ValueError, match="no box"):
        detection_scores([[crowd]], inside)


def test_the_shape_of_a_picture_does_not_matter():
    def stretched(box):
        return box._replace(top=box.top / 3, height=box.height / 3)

    found = answer(TRUTH, shift=0.13)
    assert detection_scores(TRUTH, found) == pytest.approx(
        detection_scores(
            [list(map(stretched, row)) for row in TRUTH],
            list(map(stretched, found)),
        )
    )

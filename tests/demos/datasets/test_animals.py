"""Animals: boxes around what is drawn, the splits, the same always."""

from collections import Counter

import numpy as np
import pytest

from demos.datasets import animals, scenes

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def dataset():
    return animals.load(300, 60)


def test_the_same_pictures_always_and_none_in_two_splits(dataset):
    assert animals.load(300, 60).digest() == dataset.digest()
    parts = dataset.train, dataset.validation, dataset.test
    every = [picture for part in parts for picture in part.pictures]
    assert len(set(every)) == len(every) == 420


def test_a_box_is_filled_by_its_animal(dataset):
    side = 200
    for scene, boxes in zip(
        dataset.train.pictures[:30], dataset.train.boxes, strict=False
    ):
        for box in boxes:
            # Alone, so that what has a colour is the animal.
            (drawing,) = (
                d
                for d in scene
                if (d.name, d.left, d.top)
                == (animals.LABEL_NAMES[box.label], box.left, box.top)
            )
            pixels = dataset.read((drawing,), side)
            rows, columns = np.nonzero((pixels < 250).any(axis=2))
            right, bottom = box.left + box.width, box.top + box.height
            expected = np.array([box.left, box.top, right, bottom]) * side
            np.testing.assert_allclose(
                [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1],
                expected,
                atol=2.5,
            )


def test_one_to_four_animals_and_places_without_a_box(dataset):
    counts = Counter(map(len, dataset.train.boxes))
    assert set(counts) == {1, 2, 3, 4}
    places = sum(
        d.name in scenes.PLACES for s in dataset.train.pictures for d in s
    )
    assert 0.3 < places / len(dataset.train) <= 0.6
    labels = Counter(box.label for row in dataset.train.boxes for box in row)
    assert set(labels) == set(range(12))
    for row in dataset.train.boxes:
        for box in row:
            assert min(box[1:]) >= 0
            assert box.left + box.width <= 1.001
            assert box.top + box.height <= 1.001


def test_boxes_overlap_little(dataset):
    def covered(one, other):
        shared = 1.0
        for side in (0, 1):
            ends = [b[1 + side] + b[3 + side] for b in (one, other)]
            shared *= max(0, min(ends) - max(one[1 + side], other[1 + side]))
        return shared / min(b.width * b.height for b in (one, other))

    for row in dataset.train.boxes:
        for i, one in enumerate(row):
            assert all(covered(one, other) < 0.21 for other in row[:i])

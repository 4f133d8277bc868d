"""Examples and datasets: what they hold, and what their digest covers."""

from dataclasses import replace

import numpy as np
import pytest

from demos.datasets.types import (
    Box,
    BoxedPictures,
    Detection,
    ImageClassification,
    ImageSplit,
    Pairs,
    Split,
    TextClassification,
    Translation,
)

pytestmark = pytest.mark.once

TEXTS = Split(("a", "b", "c"), (0, 1, 0))
IMAGES = ImageSplit(np.arange(12, dtype="uint8").reshape(3, 2, 2, 1), (0, 1, 0))
BOXES = BoxedPictures(("x", "y"), ((Box(0, 0.1, 0.2, 0.3, 0.4),), ()))
PAIRS = Pairs.of([("one", "eins"), ("two", "zwei")])
DATASETS = [
    TextClassification("t", ("n", "p"), TEXTS, TEXTS, TEXTS),
    ImageClassification("i", ("n", "p"), IMAGES, IMAGES, IMAGES),
    Detection("d", ("n",), BOXES, BOXES, BOXES, read=lambda image, side: None),
    Translation("p", "en", "de", PAIRS, PAIRS, PAIRS),
]


def test_rows_are_taken_from_every_column_in_their_order():
    assert TEXTS.take([2, 0]) == Split(("c", "a"), (0, 0))
    assert PAIRS.take([1]) == Pairs(("two",), ("zwei",))
    assert BOXES.take([1]) == BoxedPictures(("y",), ((),))
    images = IMAGES.take([1, 2])
    np.testing.assert_array_equal(images.pixels, IMAGES.pixels[1:])
    assert (len(images), images.labels) == (2, (1, 0))


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: type(d).__name__)
def test_the_digest_is_that_of_the_data(dataset):
    digest = dataset.digest()
    assert len(digest) == 64
    assert replace(dataset, notes=("a note",)).digest() == digest
    fewer = dataset.train.take([0])
    assert replace(dataset, train=fewer).digest() != digest
    assert replace(dataset, test=fewer).digest() != digest

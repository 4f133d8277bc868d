"""Random shifts and flips of training images."""

import numpy as np
import pytest

from demos.tasks.classification.augmentation import shift_and_flip

pytestmark = pytest.mark.once


def test_images_are_shifted_within_bounds():
    pixels = np.zeros((200, 9, 9, 1), "uint8")
    pixels[:, 4, 4] = 255  # A point in the middle.
    moved = shift_and_flip(
        pixels, np.random.default_rng(0), shift=2, flip=False
    )
    _, rows, columns, _ = moved.nonzero()
    assert len(rows) == 200
    assert set(rows) == set(columns) == {2, 3, 4, 5, 6}


def test_half_of_the_images_are_flipped():
    pixels = np.arange(9, dtype="uint8").reshape(1, 1, 9, 1).repeat(400, 0)
    flipped = shift_and_flip(
        pixels, np.random.default_rng(0), shift=0, flip=True
    )
    assert flipped.dtype == "uint8"
    assert set(flipped[:, 0, 0, 0]) == {0, 8}
    assert abs(np.mean(flipped[:, 0, 0, 0] == 8) - 0.5) < 0.1

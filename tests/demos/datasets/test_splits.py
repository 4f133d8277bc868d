"""Splits: their sizes, their labels, and that they never change."""

from collections import Counter

import numpy as np
import pytest

from demos.common.errors import UserError
from demos.datasets import splits
from demos.datasets.types import Split

pytestmark = pytest.mark.once

EVERY = Split(
    tuple(f"text {i}" for i in range(200)),
    tuple(int(i % 4 == 0) for i in range(200)),
)


@pytest.mark.parametrize("in_order", [False, True])
def test_each_split_has_the_same_share_of_each_label(in_order):
    parts = splits.stratified(
        EVERY, (0.1, 0.2, 0.7), ("n", "y"), "data", "texts", in_order
    )
    assert [len(part) for part in parts] == [20, 40, 140]
    for part in parts:
        assert sum(part.labels) == len(part) // 4
        rows = [EVERY.texts.index(text) for text in part.texts]
        assert (rows == sorted(rows)) == in_order
    texts = Counter(text for part in parts for text in part.texts)
    assert texts == Counter(EVERY.texts)


def test_a_label_too_rare_for_every_split_is_named():
    rare = EVERY.take([0, 4, *range(1, 100, 2)])
    says = "at least 20 different texts of each label in data.*2 of 'y'"
    with pytest.raises(UserError, match=says):
        splits.stratified(rare, (0.05, 0.95), ("n", "y"), "data", "texts")


def test_images_are_split_by_label():
    labels = [i % 5 for i in range(100)]
    pixels = np.arange(100, dtype="uint8").reshape(100, 1, 1, 1)
    dataset = splits.split_images("x", pixels, labels, tuple("abcde"))
    parts = dataset.train, dataset.validation, dataset.test
    assert [len(part) for part in parts] == [70, 10, 20]
    for part in parts:
        assert part.labels == tuple(part.pixels.ravel() % 5)
        assert set(Counter(part.labels).values()) == {len(part) // 5}


def test_positions_never_change():
    assert splits.position("about_a_boy") == pytest.approx(0.5936, abs=1e-4)
    positions = [splits.position(str(i)) for i in range(2000)]
    assert np.histogram(positions, 4, (0, 1))[0] == pytest.approx(500, abs=80)

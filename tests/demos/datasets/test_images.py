"""Pictures: read once, in order, damaged ones passed over."""

import numpy as np

from demos.datasets.images import read_all


def test_pictures_come_in_order_and_once():
    asked = []

    def read(picture, side):
        asked.append(picture)
        if picture == 3:
            raise ValueError("damaged")
        return np.full((side, side, 3), picture, "uint8")

    found = read_all([5, None, 3, 7], read, 2)
    assert found.pixels[:, 0, 0, 0].tolist() == [5, 0, 0, 7]
    assert found.pixels.shape == (4, 2, 2, 3)
    assert found.shown.tolist() == [[1], [0], [0], [1]]
    assert found.damaged == {3}
    assert sorted(asked) == [3, 5, 7]


def test_no_pictures():
    found = read_all([], lambda picture, side: None, 4)
    assert found.pixels.shape == (0, 4, 4, 3)
    assert found.damaged == frozenset()

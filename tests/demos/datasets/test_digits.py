"""Digits of scikit-learn, in both forms."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from demos.datasets import digits

pytestmark = pytest.mark.once


def test_all_are_there_once_and_white_on_black():
    dataset = digits.load()
    parts = (dataset.train, dataset.validation, dataset.test)
    pixels = np.concatenate([part.pixels for part in parts])
    labels = [label for part in parts for label in part.labels]
    assert pixels.dtype == "uint8"
    x, y = load_digits(return_X_y=True)
    expected = sorted(zip(np.rint(x * 255 / 16).tolist(), y, strict=True))
    flat = pixels.reshape(1797, 64).astype(float).tolist()
    assert sorted(zip(flat, labels, strict=True)) == expected
    assert dataset.label_names == tuple("0123456789")


def test_arrays_have_each_digit_equally_often_in_both_parts():
    train_x, train_y, test_x, test_y = digits.load_arrays()
    shares = [np.bincount(y) / len(y) for y in (train_y, test_y)]
    np.testing.assert_allclose(*shares, atol=0.003)
    assert (train_x.min(), train_x.max()) == (0, 1)
    known = {row.tobytes() for row in train_x}
    assert sum(row.tobytes() in known for row in test_x) < 3

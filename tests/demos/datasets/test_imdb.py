"""The IMDB archive: its layout, digest, and what a hostile one may do."""

import hashlib
import io
import tarfile

import pytest

from demos.common.errors import UserError
from demos.datasets import imdb


def archive(folder, members=(), reviews=40):
    """Writes an archive of the layout of aclImdb; returns its MD5."""
    files = {
        f"aclImdb/{part}/{label}/{i}_7.txt": f"{part} {label} é {i}<br />end"
        for part in ("train", "test")
        for label in ("pos", "neg")
        for i in range(reviews)
    }
    files["aclImdb/train/unsup/0_0.txt"] = "no label"
    # A review of the test stands in the training texts too.
    files["aclImdb/train/pos/99_9.txt"] = "test pos é 0<br />end"
    path = folder / imdb.ARCHIVE
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_reviews_are_read_and_split(tmp_path):
    dataset = imdb.load(tmp_path, archive(tmp_path))
    assert dataset.label_names == ("neg", "pos")
    assert len(dataset.test) == 80
    assert (len(dataset.train), len(dataset.validation)) == (72, 8)
    assert sum(dataset.validation.labels) == 4
    assert "test neg é 3 end" in dataset.test.texts
    train = set(dataset.train.texts) | set(dataset.validation.texts)
    assert not train & set(dataset.test.texts)
    assert dict(zip(dataset.test.texts, dataset.test.labels, strict=True))[
        "test pos é 3 end"
    ]


def test_the_unpacked_folder_is_enough(tmp_path):
    first = imdb.load(tmp_path, archive(tmp_path))
    (tmp_path / imdb.ARCHIVE).unlink()
    assert imdb.load(tmp_path).digest() == first.digest()


def test_a_wrong_digest_is_refused_and_nothing_unpacked(tmp_path):
    archive(tmp_path)
    with pytest.raises(UserError, match=imdb.MD5):
        imdb.load(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [imdb.ARCHIVE]


def _member(name, kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = link
    member.size = 1 if kind == tarfile.REGTYPE else 0
    return member


@pytest.mark.parametrize(
    "member",
    [
        _member("../escaped.txt"),
        _member("aclImdb/../../escaped.txt"),
        _member("aclImdb/link", tarfile.SYMTYPE, "/etc/passwd"),
        _member("aclImdb/hard", tarfile.LNKTYPE, "aclImdb/train/pos/0_7.txt"),
        _member("aclImdb/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: member.name,
)
def test_a_hostile_archive_leaves_nothing_behind(tmp_path, member):
    folder = tmp_path / "data"
    folder.mkdir()
    digest = archive(folder, [member])
    with pytest.raises(UserError, match="cannot be unpacked"):
        imdb.load(folder, digest)
    assert [path.name for path in folder.iterdir()] == [imdb.ARCHIVE]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_cut_archive_is_refused(tmp_path):
    archive(tmp_path, reviews=400)
    path = tmp_path / imdb.ARCHIVE
    path.write_bytes(path.read_bytes()[:-500])
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(UserError, match="cannot be unpacked"):
        imdb.load(tmp_path, digest)
    assert [p.name for p in tmp_path.iterdir()] == [imdb.ARCHIVE]


def test_an_archive_of_something_else_is_named(tmp_path):
    path = tmp_path / imdb.ARCHIVE
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(_member("other/file.txt"), io.BytesIO(b"x"))
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(UserError) as caught:
        imdb.load(tmp_path, digest)
    assert f"Expected {path} to hold the folder aclImdb" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == [imdb.ARCHIVE]


def test_a_review_that_is_no_text_is_named(tmp_path):
    digest = archive(tmp_path)
    imdb.load(tmp_path, digest)
    path = tmp_path / "aclImdb/test/neg/3_7.txt"
    path.write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match="UTF-8") as caught:
        imdb.load(tmp_path, digest)
    assert str(path) in str(caught.value)


def test_an_empty_folder_says_what_to_place(tmp_path):
    with pytest.raises(UserError, match=imdb.ARCHIVE):
        imdb.load(tmp_path)


def test_no_network_says_how_to_place_it_by_hand(monkeypatch):
    import keras

    def offline(*args, **kwargs):
        raise Exception("URL fetch failure: None -- unreachable")

    monkeypatch.setattr(keras.utils, "get_file", offline)
    with pytest.raises(UserError) as caught:
        imdb.load()
    assert imdb.URL in str(caught.value)
    assert "--data-dir" in str(caught.value)

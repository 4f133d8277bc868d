"""Downloads: once, checked, unpacked without harm, refused in one line."""

import gzip
import hashlib
import tarfile

import pytest

from demos.common.errors import UserError
from demos.datasets import download

pytestmark = pytest.mark.once

CONTENT = b"some data"
DIGESTS = {
    "md5": hashlib.md5(CONTENT).hexdigest(),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
}
URL = "https://example.org/x"


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "published.gz"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("algorithm", DIGESTS)
def test_a_file_is_downloaded_once(cache, published, algorithm):
    wanted = DIGESTS[algorithm], algorithm, "datasets/of_mine"
    path = download.fetch("mine.gz", published.as_uri(), *wanted)
    assert path == cache / "datasets/of_mine/mine.gz"
    assert path.read_bytes() == CONTENT
    published.unlink()
    assert download.fetch("mine.gz", published.as_uri(), *wanted) == path


def test_another_file_or_none_says_how_to_place_it_by_hand(cache, published):
    missing = published.with_name("missing.gz")
    for path, digest in ((published, "0" * 64), (missing, DIGESTS["sha256"])):
        url = path.as_uri()
        with pytest.raises(UserError, match=f"{path.name} could not") as caught:
            download.fetch(path.name, url, digest, "sha256")
        assert f"download {url} manually" in str(caught.value)
        assert "--data-dir" in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("algorithm", DIGESTS)
def test_the_right_digest_passes_and_a_wrong_one_is_named(published, algorithm):
    right = DIGESTS[algorithm]
    download.check_digest(published, right, algorithm, URL)
    published.write_bytes(CONTENT + b"!")
    with pytest.raises(UserError) as caught:
        download.check_digest(published, right, algorithm, URL)
    says = f"{algorithm.upper()} digest {right}. Received: "
    assert says in str(caught.value)
    assert f"again from {URL}" in str(caught.value)
    with pytest.raises(UserError, match="cannot be read"):
        download.check_digest(published.parent, right, algorithm, URL)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


FILES = {f"mine/{i}.txt": f"text {i}".encode() * 40 for i in range(40)}


def refused(archive, says):
    """The archive is refused in one line, and nothing of it is left."""
    with pytest.raises(UserError, match=says) as caught:
        download.unpack(archive, "mine", URL)
    assert "\n" not in str(caught.value)
    assert str(archive) in str(caught.value)
    assert list(archive.parent.iterdir()) == [archive]
    assert list(archive.parent.parent.iterdir()) == [archive.parent]


def test_a_folder_is_unpacked(folder, write_archive):
    write_archive(folder / "a.tar.gz", {**FILES, "other/x.txt": b"no"})
    download.unpack(folder / "a.tar.gz", "mine", URL)
    assert {p.name for p in folder.iterdir()} == {"a.tar.gz", "mine"}
    assert (folder / "mine/7.txt").read_bytes() == FILES["mine/7.txt"]


@pytest.mark.parametrize(
    "hostile",
    [
        {"name": "../escaped.txt"},
        {"name": "mine/../../escaped.txt"},
        {"name": "/tmp/../escaped.txt"},
        {"name": "mine/l", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"name": "mine/h", "type": tarfile.LNKTYPE, "linkname": "mine/0.txt"},
        {"name": "mine/pipe", "type": tarfile.FIFOTYPE},
    ],
    ids=["up", "up within", "absolute", "symlink", "hard link", "pipe"],
)
def test_a_hostile_archive_does_no_harm(folder, write_archive, hostile):
    write_archive(folder / "a.tar.gz", FILES, **hostile)
    refused(folder / "a.tar.gz", "cannot be unpacked")


def truncate(content):
    return content[:300]


def damage_a_header(content):
    """Zeroes a member's header, which tarfile takes for the end."""
    plain = bytearray(gzip.decompress(content))
    start = plain.index(b"mine/30.txt")
    good = gzip.compress(bytes(plain), mtime=0)
    plain[start : start + 512] = bytes(512)
    return gzip.compress(bytes(plain), mtime=0)[:-8] + good[-8:]


@pytest.mark.parametrize("damage", [truncate, damage_a_header])
def test_a_damaged_archive_leaves_nothing(folder, write_archive, damage):
    archive = folder / "a.tar.gz"
    write_archive(archive, FILES)
    good = archive.read_bytes()
    archive.write_bytes(damage(good))
    refused(archive, r"cannot be unpacked.*delete it")
    archive.write_bytes(good)  # The right one may take its place.
    download.unpack(archive, "mine", URL)


def test_an_archive_of_something_else_is_named(folder, write_archive):
    write_archive(folder / "a.tar.gz", {"other/file.txt": b"x"})
    refused(folder / "a.tar.gz", "to contain the folder mine")

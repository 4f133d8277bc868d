"""The tweets: archives of the real layout, damaged and hostile ones."""

import csv
import gzip
import hashlib
import io
import tarfile

import pytest
from PIL import Image

from demos.common.errors import UserError
from demos.datasets import tweets

LABELS = ["NoEntailment", "Implies", "Contradictory"]


def png(colour):
    """A picture's bytes."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


def add(tar, name, content=b"", **attributes):
    """Adds a member to an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in attributes.items():
        setattr(member, key, value)
    tar.addfile(member, io.BytesIO(content))


def write_archive(folder, members):
    """Writes an archive: a folder, and in it what `members` adds."""
    with tarfile.open(folder / "tweet_images.tar.gz", "w:gz") as tar:
        add(tar, "tweet_images", type=tarfile.DIRTYPE, mode=0o755)
        members(tar)


@pytest.fixture
def folder(tmp_path):
    """A folder as it would be after the download: 66 pairs, 2 pictures."""
    with (tmp_path / "tweets.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["id_1", "text_1", "image_1", "id_2", "text_2", "image_2", "label"]
        )
        for i in range(66):
            ids = (1000 + i, 2000 + i)
            urls = [f"http://pbs.twimg.com/media/E{n}.png" for n in ids]
            writer.writerow(
                [
                    *(ids[0], f"one {i}", urls[0]),
                    *(ids[1], f"two {i}", urls[1], LABELS[i % 3]),
                ]
            )
    write_archive(tmp_path, pictures)
    return tmp_path


def pictures(tar):
    for i in range(66):
        add(tar, f"tweet_images/{1000 + i}.png", png("red"))
        if i > 4:
            add(tar, f"tweet_images/{2000 + i}.png", png("blue"))


def load(folder):
    content = (folder / "tweets.csv").read_bytes()
    return tweets.load(folder, hashlib.sha256(content).hexdigest())


def test_the_archive_is_unpacked_and_split(folder):
    dataset = load(folder)
    assert dataset.name == "tweets"
    assert dataset.label_names == ("Contradictory", "Implies", "NoEntailment")
    sizes = [len(p) for p in (dataset.test, dataset.validation, dataset.train)]
    assert sizes == [7, 3, 56]
    assert dataset.notes == ("5 pictures not found, such as 2000.png",)
    digest = (folder / "tweet_images.tar.gz.sha256").read_text().split()[0]
    archive = (folder / "tweet_images.tar.gz").read_bytes()
    assert digest == hashlib.sha256(archive).hexdigest()


def test_each_post_has_its_own_picture(folder):
    # Not the first one twice, as the public example has it.
    train = load(folder).train
    for premise, hypothesis in zip(
        train.premises, train.hypotheses, strict=True
    ):
        number = premise.text.split()[1]
        assert premise.picture.path == f"{1000 + int(number)}.png"
        if hypothesis.picture is not None:
            assert hypothesis.picture.path == f"{2000 + int(number)}.png"
    assert load(folder).read(train.premises[0].picture, 4)[0, 0].tolist() == [
        *(255, 0, 0)
    ]


def test_it_is_unpacked_once(folder):
    before = load(folder).digest()
    (folder / "tweet_images.tar.gz").unlink()
    assert load(folder).digest() == before


def test_another_archive_than_the_first_is_refused(folder):
    load(folder)
    for path in (folder / "tweet_images").iterdir():
        path.unlink()
    (folder / "tweet_images").rmdir()
    write_archive(folder, lambda tar: add(tar, "tweet_images/1.png", b"else"))
    with pytest.raises(UserError, match="SHA256 digest"):
        load(folder)


@pytest.mark.parametrize(
    "hostile",
    [
        {"name": "../escaped.png"},
        {"name": "tweet_images/../../escaped.png"},
        {"name": "/tmp/escaped.png"},
        {
            "name": "tweet_images/1000.png",
            "type": tarfile.SYMTYPE,
            "linkname": "/etc/passwd",
        },
        {
            "name": "tweet_images/1000.png",
            "type": tarfile.LNKTYPE,
            "linkname": "../tweets.csv",
        },
        {"name": "tweet_images/pipe", "type": tarfile.FIFOTYPE},
    ],
    ids=["up", "up within", "absolute", "symlink", "hard link", "pipe"],
)
def test_a_hostile_archive_does_no_harm(folder, hostile):
    (folder / "tweet_images.tar.gz").unlink()
    before = sorted(path.name for path in folder.parent.iterdir())
    write_archive(folder, lambda tar: add(tar, **hostile))
    with pytest.raises(UserError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in folder.parent.iterdir()) == before
    assert not (folder / "tweet_images" / "1000.png").exists()


def truncate(content):
    return content[:300]


def damage_a_header(content):
    """Zeroes a member's header, which tarfile takes for the end."""
    plain = bytearray(gzip.decompress(content))
    start = plain.index(b"tweet_images/1030.png")
    good = gzip.compress(bytes(plain), mtime=0)
    plain[start : start + 512] = bytes(512)
    return gzip.compress(bytes(plain), mtime=0)[:-8] + good[-8:]


@pytest.mark.parametrize("damage", [truncate, damage_a_header])
def test_a_damaged_archive_leaves_nothing(folder, damage):
    archive = folder / "tweet_images.tar.gz"
    good = archive.read_bytes()
    archive.write_bytes(damage(good))
    with pytest.raises(UserError, match=r"cannot be unpacked.*delete it"):
        load(folder)
    assert not (folder / "tweet_images").exists()
    archive.write_bytes(good)  # The right one may take its place.
    assert len(load(folder).train) == 56


def test_what_is_missing_is_named(folder):
    (folder / "tweet_images.tar.gz").unlink()
    with pytest.raises(UserError, match=r"to hold tweet_images\.tar\.gz or"):
        load(folder)
    (folder / "tweet_images").mkdir()
    with pytest.raises(UserError, match=r"Expected .* to hold pictures"):
        load(folder)
    (folder / "tweets.csv").unlink()
    with pytest.raises(UserError, match=r"--data-dir to hold tweets\.csv"):
        tweets.load(folder)


def test_another_table_is_refused(folder):
    with pytest.raises(UserError, match="SHA256 digest"):
        tweets.load(folder)

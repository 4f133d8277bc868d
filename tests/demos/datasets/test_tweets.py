"""The tweets, in a table and an archive of the real layout."""

import csv
import hashlib
import io

import pytest
from PIL import Image

from demos.common.errors import UserError
from demos.datasets import tweets

pytestmark = pytest.mark.once

LABELS = ["NoEntailment", "Implies", "Contradictory"]


def png(colour):
    """A picture's bytes."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path, write_archive):
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
    files = {f"tweet_images/{1000 + i}.png": png("red") for i in range(66)}
    files |= {f"tweet_images/{2000 + i}.png": png("blue") for i in range(5, 66)}
    write_archive(tmp_path / "tweet_images.tar.gz", files)
    return tmp_path


def load(folder):
    content = (folder / "tweets.csv").read_bytes()
    return tweets.load(folder, hashlib.sha256(content).hexdigest())


def test_the_archive_is_unpacked_and_split(folder):
    dataset = load(folder)
    assert dataset.name == "tweets"
    assert dataset.label_names == ("Contradictory", "Implies", "NoEntailment")
    sizes = [len(p) for p in (dataset.test, dataset.validation, dataset.train)]
    assert sizes == [7, 3, 56]
    assert dataset.notes == ("5 images not found, such as 2000.png",)
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


def test_another_archive_than_the_first_is_refused(folder, write_archive):
    load(folder)
    for path in (folder / "tweet_images").iterdir():
        path.unlink()
    (folder / "tweet_images").rmdir()
    archive = folder / "tweet_images.tar.gz"
    write_archive(archive, {"tweet_images/1.png": b"else"})
    with pytest.raises(UserError, match="SHA256 digest"):
        load(folder)


def test_what_is_missing_is_named(folder):
    (folder / "tweet_images.tar.gz").unlink()
    with pytest.raises(UserError, match=r"to have tweet_images\.tar\.gz or"):
        load(folder)
    (folder / "tweet_images").mkdir()
    with pytest.raises(UserError, match=r"Expected .* to have images"):
        load(folder)
    (folder / "tweets.csv").unlink()
    with pytest.raises(UserError, match=r"--data-dir to have tweets\.csv"):
        tweets.load(folder)


def test_another_table_is_refused(folder):
    with pytest.raises(UserError, match="SHA256 digest"):
        tweets.load(folder)

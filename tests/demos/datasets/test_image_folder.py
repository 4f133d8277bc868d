"""The user's own folder of pictures."""

import shutil

import numpy as np
import pytest
from PIL import Image

from demos.common.errors import UserError
from demos.datasets.load import load_images

pytestmark = pytest.mark.once

COLOURS = {"red apples": (255, 0, 0), "green pears": (0, 128, 0)}


@pytest.fixture
def folder(tmp_path):
    """20 pictures of each of two labels, of different sizes and depths."""
    for label, colour in COLOURS.items():
        (tmp_path / "fruit" / label / "more").mkdir(parents=True)
        for number in range(20):
            place = "more" if number % 2 else "."
            path = tmp_path / "fruit" / label / place / f"{number}.png"
            picture = Image.new("RGB", (80 + number, 80), colour)
            picture.paste("white", (4 * number, 0, 4 * number + 4, 80))
            picture.save(path)
    return tmp_path / "fruit"


def test_the_folders_are_the_labels(folder):
    dataset = load_images(str(folder), side=16)
    assert dataset.name == "fruit"
    assert dataset.label_names == ("green pears", "red apples")
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [len(part) for part in parts] == [28, 4, 8]
    for part in parts:
        assert part.pixels.shape[1:] == (16, 16, 3)
        for pixels, label in zip(part.pixels, part.labels, strict=True):
            expected = np.array(COLOURS[dataset.label_names[label]])
            assert (pixels == expected).all(axis=2).mean() > 0.8
    assert dataset.notes == ()
    assert load_images(str(folder)).train.pixels.shape[1:] == (64, 64, 3)


def test_damaged_and_repeated_pictures_are_counted(folder):
    (folder / "green pears" / "bad.jpg").write_bytes(b"no picture")
    first = folder / "red apples" / "0.png"
    (folder / "red apples" / "again.png").write_bytes(first.read_bytes())
    (folder / "red apples" / "notes.txt").write_text("not a picture")
    for other in (".cache", "__MACOSX/red apples", "empty"):
        (folder / other).mkdir(parents=True)
    dataset = load_images(str(folder), side=16)
    assert dataset.notes == (
        "1 folders without images skipped",
        "1 damaged or too large images skipped, such as green pears/bad.jpg",
        "1 other files skipped, such as red apples/notes.txt",
        "1 repeated images skipped",
    )
    parts = (dataset.train, dataset.validation, dataset.test)
    assert sum(map(len, parts)) == 40


def test_what_has_two_labels_is_in_no_split(folder):
    for label in COLOURS:
        Image.new("L", (64, 64), 77).save(folder / label / "both.png")
    dataset = load_images(str(folder), side=16)
    assert dataset.notes == ("2 images with two labels skipped",)
    for part in (dataset.train, dataset.validation, dataset.test):
        assert not (part.pixels == 77).all(axis=(1, 2, 3)).any()


def test_the_same_picture_in_another_format_is_a_repeated_one(folder):
    first = Image.open(folder / "red apples" / "0.png")
    first.save(folder / "red apples" / "again.bmp")
    dataset = load_images(str(folder), side=16)
    assert dataset.notes == ("1 repeated images skipped",)


def test_what_is_no_such_folder_is_refused(tmp_path, folder):
    for path, says in [
        (folder / "red apples", "two or more folders.*Received: more, with 10"),
        (tmp_path / "nowhere", "Expected --dataset to be mnist_5k, digits"),
    ]:
        with pytest.raises(UserError, match=says):
            load_images(str(path))
    for names, says in [
        (("Train", "test"), "labels, not splits: Train, test"),
        (("caf\u00e9", "cafe\u0301"), "different names.*'café' twice"),
    ]:
        for name in names:
            shutil.copytree(folder / "red apples", tmp_path / says / name)
        with pytest.raises(UserError, match=says):
            load_images(str(tmp_path / says))
    for path in (folder / "green pears").rglob("*.png"):
        if path.stem != "1":
            path.unlink()
    with pytest.raises(UserError, match="at least 10 different images"):
        load_images(str(folder))

"""Pairs of posts in a table: what is read, left out and refused."""

import csv

import numpy as np
import pytest
from PIL import Image

from demos.common.errors import UserError
from demos.datasets import posts
from demos.datasets.images import read_all
from demos.datasets.load import load_entailment
from demos.datasets.types import Post

pytestmark = pytest.mark.once

HEADER = ["text_1", "image_1", "text_2", "image_2", "label"]


def paint(path, colour, size=(40, 20)):
    """Writes a picture of one colour."""
    Image.new("RGB", size, colour).save(path)


def write(folder, rows, header=HEADER, name="pairs.csv"):
    """Writes a table, and returns its path."""
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def rows_of(count):
    """That many good rows of two labels, with two pictures."""
    return [
        [f"first {i}", "red.png", f"second {i}", "blue.jpg", "yn"[i % 2]]
        for i in range(count)
    ]


@pytest.fixture
def folder(tmp_path):
    paint(tmp_path / "red.png", "red")
    paint(tmp_path / "blue.jpg", "blue")
    return tmp_path


def every_pair(dataset):
    return [
        pair
        for part in (dataset.train, dataset.validation, dataset.test)
        for pair in zip(
            part.premises, part.hypotheses, part.labels, strict=True
        )
    ]


def test_pairs_are_read_and_split_by_label(folder):
    dataset = load_entailment(str(write(folder, rows_of(200))))
    assert dataset.name == "pairs"
    assert dataset.label_names == ("n", "y")
    sizes = [len(p) for p in (dataset.test, dataset.validation, dataset.train)]
    assert sizes == [20, 9, 171]
    assert sum(dataset.test.labels) == 10
    for premise, hypothesis, label in every_pair(dataset):
        number = int(premise.text.split()[1])
        assert hypothesis.text == f"second {number}"
        assert dataset.label_names[label] == "yn"[number % 2]
    assert dataset.notes == ()


def test_each_post_has_its_own_picture(folder):
    dataset = load_entailment(str(write(folder, rows_of(60))))
    first, second = dataset.train.premises[0], dataset.train.hypotheses[0]
    red = dataset.read(first.picture, 8)
    blue = dataset.read(second.picture, 8)
    assert red.shape == (8, 8, 3)
    np.testing.assert_array_equal(red[0, 0], [255, 0, 0])
    np.testing.assert_allclose(blue[4, 4], [0, 0, 254], atol=2)  # It is JPEG.


def test_what_cannot_be_used_is_counted(folder):
    rows = rows_of(60)
    rows += [rows[0], ["", "", "text", "", "y"], ["a", "", "b", "", ""]]
    rows += [[*rows[0][:-1], "n"]]
    rows += [
        ["a", "nowhere.png", "b", "", "y"],
        ["c\0", "\0.png", "d", "", "n"],
    ]
    rows[1] = ["text alone", "", "", "red.png", "n"]
    dataset = load_entailment(str(write(folder, rows)))
    assert dataset.notes == (
        "2 images not found, such as nowhere.png",
        "2 rows with an empty post or label skipped",
        "1 rows with a repeated pair skipped",
        "1 rows with a repeated pair but a different label skipped",
    )
    found = every_pair(dataset)
    assert len(found) == 62
    assert (Post("text alone", None), "n") in [
        (premise, dataset.label_names[label]) for premise, _, label in found
    ]


def test_the_digest_is_that_of_the_pictures_too(folder):
    path = write(folder, rows_of(60))
    before = posts.load(path).digest()
    assert posts.load(path).digest() == before
    paint(folder / "red.png", "green")
    assert posts.load(path).digest() != before


def test_damaged_pictures_are_none(folder):
    content = (folder / "blue.jpg").read_bytes()
    (folder / "blue.jpg").write_bytes(content[: len(content) // 2])
    (folder / "red.png").write_text("no picture")
    dataset = posts.load(write(folder, rows_of(60)))
    train = dataset.train
    pictures = [
        train.premises[0].picture,
        train.hypotheses[0].picture,
        None,
    ]
    found = read_all(pictures, dataset.read, 8)
    assert found.shown.tolist() == [[0], [0], [0]]
    assert found.damaged == set(pictures[:2])
    assert found.pixels.dtype == "uint8"
    assert found.pixels.shape == (3, 8, 8, 3)


@pytest.mark.parametrize(
    ("header", "rows", "says"),
    [
        (HEADER[:-1], [["a", "", "b", ""]] * 60, "to have the columns text_1"),
        (HEADER, [["a", "", "b", "", "y"]] * 60, "Received: 'y' only"),
        (HEADER, [["", "", "", "", ""]] * 60, "Received: none"),
        (
            HEADER,
            [[*row[:4], f"{i % 60}"] for i, row in enumerate(rows_of(60 * 22))],
            "at least 23 different pairs of each label",
        ),
        (HEADER, rows_of(20), "at least 22 different pairs of each label"),
        (HEADER, [], "is empty"),
        (
            [*HEADER, "label"],
            [["a", "", "b", "", "y", "n"]] * 60,
            "one column 'label'",
        ),
    ],
)
def test_unusable_files(folder, header, rows, says):
    with pytest.raises(UserError, match=says) as caught:
        posts.load(write(folder, rows, header))
    assert "\n" not in str(caught.value)


def test_posts_in_training_and_test_are_counted(folder):
    rows = rows_of(200)
    for row in rows:
        row[0] = "the same"
    dataset = posts.load(write(folder, rows))
    assert dataset.notes == ("20 of the test pairs share a post with training",)

"""Folders in COCO's format: both layouts, what is left out, what is refused."""

import json
import math
import re
import shutil

import pytest
from PIL import Image

from demos.common.errors import UserError
from demos.datasets.load import load_detection
from demos.datasets.types import Box

pytestmark = pytest.mark.once

CATEGORIES = [
    {"id": 0, "name": "things"},
    {"id": 7, "name": "cat"},
    {"id": 9, "name": "bat"},
]


def annotations(count, first=1):
    """Describes pictures of 40 x 20 pixels, each with a cat and a bat."""
    images = [
        {"id": i, "file_name": f"{i}.png", "width": 40, "height": 20}
        for i in range(first, first + count)
    ]
    boxes = [
        {"image_id": image["id"], "category_id": category, "bbox": bbox}
        for image in images
        for category, bbox in ((7, [10, 5, 20, 10]), (9, [0, 0, 8, 4]))
    ]
    for number, box in enumerate(boxes):
        box["id"] = number
    return {"images": images, "annotations": boxes, "categories": CATEGORIES}


def write(path, pictures, content):
    """Writes a file of annotations, and its pictures of many colours."""
    for place in (path.parent, pictures):
        place.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    for image in content["images"]:
        colour = (image["id"] * 5 % 256, 100, 0)
        size = image["width"], image["height"]
        Image.new("RGB", size, colour).save(pictures / image["file_name"])


def exported(folder, **counts):
    """Writes the layout that tools export; returns the folder."""
    first = 1
    for split, count in counts.items():
        write(
            folder / split / "_annotations.coco.json",
            folder / split,
            annotations(count, first),
        )
        first += count
    return folder


def test_coco_itself(tmp_path):
    for split, count, first in (("train", 20, 1), ("val", 3, 100)):
        write(
            tmp_path / "annotations" / f"instances_{split}2017.json",
            tmp_path / f"{split}2017",
            annotations(count, first),
        )
    dataset = load_detection(str(tmp_path))
    assert dataset.label_names == ("bat", "cat")
    # val is the test; of train, a tenth becomes the validation.
    sizes = len(dataset.train), len(dataset.validation), len(dataset.test)
    assert sizes == (18, 2, 3)
    assert [p.path for p in dataset.test.pictures] == [
        "val2017/100.png",
        "val2017/101.png",
        "val2017/102.png",
    ]
    assert dataset.test.boxes[0] == (
        Box(1, 0.25, 0.25, 0.5, 0.5),
        Box(0, 0.0, 0.0, 0.2, 0.2),
    )
    assert dataset.read(dataset.test.pictures[0], 16).shape == (16, 16, 3)
    known = {*dataset.train.pictures}
    assert known.isdisjoint(dataset.validation.pictures)
    assert dataset.notes == ("validation taken from the training images",)
    assert load_detection(str(tmp_path)).digest() == dataset.digest()


def test_an_export(tmp_path):
    dataset = load_detection(str(exported(tmp_path, train=5, valid=2, test=1)))
    sizes = len(dataset.train), len(dataset.validation), len(dataset.test)
    assert sizes == (5, 2, 1)
    assert dataset.notes == ()
    assert dataset.name == tmp_path.name


def test_what_an_export_lacks_is_taken_from_training(tmp_path):
    dataset = load_detection(str(exported(tmp_path, train=30)))
    sizes = len(dataset.train), len(dataset.validation), len(dataset.test)
    assert sizes == (24, 3, 3)
    parts = dataset.train, dataset.validation, dataset.test
    assert len({p for part in parts for p in part.pictures}) == 30
    assert dataset.notes == (
        "validation and test taken from the training images",
    )


def test_another_picture_is_another_digest(tmp_path):
    before = load_detection(str(exported(tmp_path, train=9))).digest()
    Image.new("RGB", (40, 20), "white").save(tmp_path / "train" / "1.png")
    assert load_detection(str(tmp_path)).digest() != before


def test_what_cannot_be_used_is_counted(tmp_path):
    exported(tmp_path, train=4, valid=1, test=1)
    content = annotations(4)
    content["annotations"] += [
        {"image_id": 1, "category_id": 7, "bbox": [5, 5, 0, 3]},
        {"image_id": 1, "category_id": 7, "bbox": [50, 5, 10, 3]},
        {"image_id": 1, "category_id": 7, "bbox": [5, 5, 1e-6, 3]},
        content["annotations"][0],
        {"image_id": 1, "category_id": 7, "bbox": [30, 5, -10, 3]},
        {"image_id": 1, "category_id": 7, "bbox": [30, 10, 20, 30]},
        {"image_id": 2, "category_id": 7, "bbox": [0, 0, 40, 20], "iscrowd": 1},
    ]
    path = tmp_path / "train" / "_annotations.coco.json"
    path.write_text(json.dumps(content))
    (tmp_path / "train" / "4.png").unlink()
    shutil.copy(tmp_path / "train" / "1.png", tmp_path / "test" / "6.png")
    dataset = load_detection(str(tmp_path))
    assert dataset.notes == (
        "3 boxes skipped that are empty",
        "1 repeated boxes skipped",
        "1 boxes skipped with negative size",
        "1 boxes (left, top, width, height) cut at the edge of their image",
        "1 images not found",
        "1 of the test images are also in training",
    )
    # What reaches out of the picture is cut.
    assert dataset.train.boxes[0][2] == Box(1, 0.75, 0.5, 0.25, 0.5)
    assert dataset.train.boxes[1][2].crowd
    assert len(dataset.train) == 3


def box(bbox, **changes):
    """Returns a function that adds an annotation to a folder."""
    added = {"image_id": 1, "category_id": 7, "bbox": bbox, **changes}
    return put(annotations=[*annotations(4)["annotations"], added])


def image(**changes):
    """Returns a function that changes the first image of a folder."""
    first, *rest = annotations(4)["images"]
    return put(images=[{**first, **changes}, *rest])


def put(**changes):
    """Returns a function that changes the training annotations of a folder."""

    def change(folder):
        content = {**annotations(4), **changes}
        path = folder / "train" / "_annotations.coco.json"
        path.write_text(json.dumps(content))

    return change


def write_text(text):
    return lambda folder: (
        folder / "train" / "_annotations.coco.json"
    ).write_text(text)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (write_text("{"), "cannot be read"),
        (write_text("[]"), "to contain a JSON object"),
        (put(categories=None), "Missing: categories"),
        (put(categories=CATEGORIES[:1]), "no 7"),
        (put(categories=[{"id": 7}]), "no 'name'"),
        (put(categories=[{"id": 7, "name": " "}]), "the category name ' '"),
        (put(images=[{"id": 1, "file_name": "1.png"}]), "no 'width'"),
        (put(images=annotations(1)["images"]), "no 2"),
        (put(annotations=[]), "at least one box in the train images"),
        (
            put(annotations=[{"image_id": 1, "category_id": 7, "bbox": [1]}]),
            "COCO format",
        ),
        (
            put(images=[{**annotations(1)["images"][0], "width": 0}]),
            "COCO format",
        ),
        (write_text("[" * 100_000), "nested too deeply"),
        (box([math.nan, 0, 9, 9]), "the numbers [nan, 0, 9, 9]"),
        (box([0, 0, math.inf, 9]), "the numbers [0, 0, inf, 9]"),
        (box([0, 0, 10**400, 9]), "the numbers"),
        (box("1234"), "'1234' where numbers are needed in annotation 9"),
        (box([0, 0, "9", 9]), "where numbers are needed"),
        (box([0, 0, True, 9]), "where numbers are needed"),
        (box([0, 0, 9, 9], iscrowd="0"), "iscrowd '0', neither 0 nor 1"),
        (box([0, 0, 9, 9], image_id=[1]), "COCO format"),
        (put(categories=[*CATEGORIES, CATEGORIES[1]]), "the id 7 twice"),
        (put(images=annotations(4)["images"] * 2), "the id 1 twice"),
        (put(categories=[{"id": 7, "name": None}]), "COCO format"),
        (put(categories=["cat"]), "COCO format"),
        (image(width=-40), "an image of size -40 x 20"),
        (image(width="40"), "where numbers are needed"),
        (image(file_name=5), "COCO format"),
        (
            put(
                annotations=[
                    {"image_id": 1, "category_id": 7, "bbox": [0.2, 0, 0.5, 1]}
                ]
            ),
            "boxes in fractions of the image, not in pixels",
        ),
        (image(file_name="../../secret.png"), "--allow-outside"),
        (image(file_name="/etc/hostname"), "--allow-outside"),
    ],
)
def test_bad_annotations_are_one_line(tmp_path, spoil, says):
    spoil(exported(tmp_path / "a", train=4, valid=1, test=1))
    (tmp_path / "secret.png").touch()
    with pytest.raises(UserError, match=re.escape(says)) as error:
        load_detection(str(tmp_path / "a"))
    assert str(tmp_path) in str(error.value)
    assert len(str(error.value)) < 1000


def test_images_outside_the_folder_are_read_where_allowed(tmp_path):
    folder = exported(tmp_path / "a", train=4, valid=1, test=1)
    (folder / "train" / "1.png").rename(tmp_path / "1.png")
    image(file_name=str(tmp_path / "1.png"))(folder)
    assert len(load_detection(str(folder), allow_outside=True).train) == 4


@pytest.mark.parametrize("turned", [False, True])
def test_boxes_belong_to_the_image_of_the_size_that_is_given(tmp_path, turned):
    """A photograph that its camera marked as to be turned by a quarter."""
    folder = exported(tmp_path, train=4, valid=1, test=1)
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(folder / "train" / "1.jpg", exif=exif, quality=95)
    size = {"width": 20, "height": 40} if turned else {}
    image(file_name="1.jpg", **size)(folder)
    dataset = load_detection(str(folder))
    pixels = dataset.read(dataset.train.pictures[0], 16).astype(int)
    corner = pixels[2, 13] if turned else pixels[13, 2]
    assert corner[1] < 60  # Red: the upper or the left half.
    assert pixels[13, 13][1] > 200


def test_a_folder_without_annotations(tmp_path):
    with pytest.raises(UserError, match="neither is found"):
        load_detection(str(tmp_path))
    with pytest.raises(UserError, match="Expected --dataset to be animals"):
        load_detection(str(tmp_path / "nowhere"))


def test_pictures_that_are_not_there(tmp_path):
    write(
        tmp_path / "annotations" / "instances_train2017.json",
        tmp_path / "elsewhere",
        annotations(4),
    )
    with pytest.raises(UserError, match=r"train2017, which is not found"):
        load_detection(str(tmp_path))
    (tmp_path / "train2017").mkdir()
    with pytest.raises(UserError, match="has none of the images"):
        load_detection(str(tmp_path))


def test_too_few_pictures_to_share_out(tmp_path):
    with pytest.raises(UserError, match="at least 3 images"):
        load_detection(str(exported(tmp_path, train=2)))

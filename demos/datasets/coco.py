"""The user's own images with boxes: a folder in COCO's format.

The format is that of https://cocodataset.org/#format-data. The folder has one
of two layouts: COCO's own,

    annotations/instances_train2017.json    train2017/*.jpg
    annotations/instances_val2017.json      val2017/*.jpg

or the one that annotation tools export,

    train/_annotations.coco.json    train/*.jpg
    valid/_annotations.coco.json    valid/*.jpg
    test/_annotations.coco.json     test/*.jpg

COCO does not publish the boxes of its test, so its validation is our test. A
split that is missing is taken from the training images.
"""

import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from demos.common.errors import UserError
from demos.datasets.images import ImageFile, find_image, read_image
from demos.datasets.types import Box, BoxedPictures, Detection, Examples

EXPORTED = "_annotations.coco.json"
HELD_OUT = 0.1  # Of the training images, for each split that is missing.
FEWEST = 3  # Training images, so that each of the other splits gets one.
LISTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class _Part(Examples):
    """The images of one file, and their boxes with the names of labels."""

    pictures: tuple[ImageFile, ...]
    boxes: tuple[tuple[tuple[str, Box], ...], ...]


def load(folder: Path) -> Detection:
    """Loads a folder in one of the layouts above.

    Returns:
        The dataset, named after the folder. Its labels are the categories with
        a box, in alphabetical order; its notes count the images and boxes that
        cannot be used.

    Raises:
        UserError: Annotations are not found or cannot be read, or a split has
            no boxes.
    """
    files = _files(folder)
    left_out: Counter[str] = Counter()
    parts = {
        split: _read(folder, path, pictures, left_out)
        for split, (path, pictures) in files.items()
    }
    notes = [f"{count} {what}" for what, count in left_out.items()]
    missing = [s for s in ("validation", "test") if s not in parts]
    if missing:
        parts |= _divide(parts["train"], missing, files["train"][0])
        notes.append(f"{' and '.join(missing)} taken from the training images")
    for split, part in parts.items():
        if not any(not box.crowd for row in part.boxes for _, box in row):
            raise UserError(
                f"Expected at least one box among the {split} images of "
                f"{folder}. Received none"
            )
    names = sorted(
        {n for p in parts.values() for row in p.boxes for n, _ in row}
    )
    return Detection(
        folder.resolve().name,
        tuple(names),
        **{
            split: BoxedPictures(
                part.pictures,
                tuple(
                    tuple(
                        box._replace(label=names.index(name))
                        for name, box in row
                    )
                    for row in part.boxes
                ),
            )
            for split, part in parts.items()
        },
        read=partial(read_image, folder),
        notes=tuple(notes),
    )


def _files(folder: Path) -> dict[str, tuple[Path, list[Path]]]:
    """Finds the annotations of each split, and where its images may be."""
    found: dict[str, tuple[Path, list[Path]]] = {}
    for split, name in (
        ("train", "train"),
        ("validation", "valid"),
        ("test", "test"),
    ):
        path = folder / name / EXPORTED
        if path.is_file():
            found[split] = path, [path.parent]
    if found:
        if "train" in found:
            return found
        raise UserError(f"Expected {folder / 'train' / EXPORTED}, not found")
    for split in ("train", "val", "test"):
        paths = sorted(folder.glob(f"annotations/instances_{split}*.json"))
        if len(paths) > 1:
            raise UserError(
                f"Expected one annotations/instances_{split}*.json in {folder}."
                f" Received: {', '.join(path.name for path in paths)}"
            )
        for path in paths:
            name = path.stem.removeprefix("instances_")
            places = [folder / name, folder / "images" / name]
            found[split] = path, places
    if "train" not in found:
        raise UserError(
            f"Expected {folder} to hold annotations/instances_train*.json or "
            f"train/{EXPORTED}; neither is found"
        )
    if "val" in found:
        other = found.pop("val")
        found["validation" if "test" in found else "test"] = other
    return found


def _read(
    folder: Path, path: Path, places: list[Path], left_out: Counter[str]
) -> _Part:
    """Reads the annotations of a split, in the order of its images."""
    content = _content(path)
    place = next((place for place in places if place.is_dir()), None)
    if place is None:
        raise UserError(
            f"Expected the images of {path} in {places[0]}, not found"
        )
    where = ""
    try:
        names = {c["id"]: str(c["name"]) for c in content["categories"]}
        sizes = {
            image["id"]: (float(image["width"]), float(image["height"]))
            for image in content["images"]
        }
        boxes: dict[Any, list[tuple[str, Box]]] = {key: [] for key in sizes}
        for number, annotation in enumerate(content["annotations"]):
            where = f" in annotation {number + 1}"
            picture = annotation["image_id"]
            box = _box(annotation, *sizes[picture])
            if box is None:
                left_out["boxes left out that are empty"] += 1
            else:
                boxes[picture].append((names[annotation["category_id"]], box))
        where = ""
        kept: dict[str, tuple[ImageFile, Any]] = {}  # By digest.
        for image in content["images"]:
            path_of = place.relative_to(folder) / str(image["file_name"])
            file = find_image(folder, str(path_of))
            if file is None:
                left_out["images not found"] += 1
            elif file.digest in kept:
                left_out["images left out that repeat one"] += 1
            else:
                kept[file.digest] = file, tuple(boxes[image["id"]])
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise UserError(
            f"Expected {path} to be in COCO's format. Received "
            f"{_wrong(error)}{where}"
        ) from None
    if not kept:
        raise UserError(f"{place} holds none of the images of {path}")
    return _Part(*zip(*kept.values(), strict=True))


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"Expected {path} to hold an object of JSON")
    missing = [
        name for name in LISTS if not isinstance(content.get(name), list)
    ]
    if missing:
        raise UserError(
            f"Expected {path} to have the lists {', '.join(LISTS)}. Missing: "
            f"{', '.join(missing)}"
        )
    return content


def _box(
    annotation: Mapping[str, Any], width: float, height: float
) -> Box | None:
    """Returns a box, clipped to the image; None where nothing is left."""
    left, top, across, down = map(float, annotation["bbox"])
    right = min(1.0, (left + across) / width)
    bottom = min(1.0, (top + down) / height)
    left, top = max(0.0, left / width), max(0.0, top / height)
    numbers = left, top, right - left, bottom - top
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"the bbox {annotation['bbox']}")
    if right <= left or bottom <= top:
        return None
    left, top, width, height = (round(number, 6) for number in numbers)
    crowd = bool(annotation.get("iscrowd", 0))
    return Box(0, left, top, width, height, crowd)


def _wrong(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error.args[0]!r} where one is needed"
    return str(error)


def _divide(
    train: _Part, missing: Sequence[str], path: Path
) -> dict[str, _Part]:
    """Takes splits from the training images, always the same ones."""
    rows = list(range(len(train)))
    if len(rows) < FEWEST:
        raise UserError(
            f"Expected at least {FEWEST} images in {path}, to take "
            f"{' and '.join(missing)} from. Received: {len(rows)}"
        )
    random.Random(0).shuffle(rows)
    count = max(1, round(HELD_OUT * len(rows)))
    parts = {}
    for split in missing:
        parts[split] = train.take(sorted(rows[:count]))
        rows = rows[count:]
    return {"train": train.take(sorted(rows)), **parts}

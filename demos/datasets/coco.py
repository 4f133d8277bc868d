"""Images with boxes from the user: a folder in COCO format.

See https://cocodataset.org/#format-data. The folder has one of two layouts,
that of COCO,

    annotations/instances_train2017.json    train2017/*.jpg
    annotations/instances_val2017.json      val2017/*.jpg

or that of annotation tools:

    train/_annotations.coco.json    train/*.jpg
    valid/_annotations.coco.json    valid/*.jpg
    test/_annotations.coco.json     test/*.jpg

COCO does not publish the boxes of its test split, so its validation split is
our test split. A missing split is taken from the training images.

Boxes are in pixels of the stored image. The orientation in the EXIF data of a
photograph is applied only if the annotations give the rotated size.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from demos.common.errors import UserError
from demos.common.files import is_regular, read_json
from demos.common.text import one_line
from demos.datasets.images import ImageFile, find_image, open_image, resized
from demos.datasets.types import Box, BoxedPictures, Detection, Examples

SPLITS = ("train", "validation", "test")
EXPORTED = "_annotations.coco.json"
HELD_OUT = 0.1  # Fraction of the training images for each missing split.
FEWEST = 3  # Training images, so that each of the other splits gets one.
LISTS = ("images", "annotations", "categories")
MOST = 1e9  # Largest number of pixels in an annotation.
CUT = "boxes (left, top, width, height) cut at the edge of their image"
Size = tuple[float, float]


@dataclass(frozen=True)
class _Part(Examples):
    """The images of one file, and their boxes with label names."""

    pictures: tuple[ImageFile, ...]
    boxes: tuple[tuple[tuple[str, Box], ...], ...]


def load(folder: Path, allow_outside: bool = False) -> Detection:
    """Loads a folder in one of the layouts above.

    Args:
        folder: The folder.
        allow_outside: Whether the images may be outside the folder.

    Returns:
        The dataset, named after the folder. The labels are the categories with
        a box, in alphabetical order. The notes give the numbers of images and
        boxes that cannot be used.

    Raises:
        UserError: If annotations are not found or cannot be read, or a split
            has no boxes.
    """
    files = _files(folder)
    left_out: Counter[str] = Counter()
    shapes: dict[str, Size] = {}
    parts = {
        split: _read(folder, path, pictures, left_out, shapes, allow_outside)
        for split, (path, pictures) in files.items()
    }
    notes = [f"{count} {what}" for what, count in left_out.items()]
    missing = [split for split in SPLITS if split not in parts]
    if missing:
        parts |= _divide(parts["train"], missing, files["train"][0])
        notes.append(f"{' and '.join(missing)} taken from the training images")
    known = {file.digest for file in parts["train"].pictures}
    for split in SPLITS[1:]:
        shared = sum(file.digest in known for file in parts[split].pictures)
        if shared:
            notes.append(f"{shared} of the {split} images are also in training")
    for split, part in parts.items():
        if all(box.crowd for row in part.boxes for _, box in row):
            raise UserError(
                f"Expected at least one box in the {split} images of {folder}. "
                "Received: none"
            )
    names = sorted(
        {n for p in parts.values() for row in p.boxes for n, _ in row}
    )

    def labelled(row: tuple[tuple[str, Box], ...]) -> tuple[Box, ...]:
        return tuple(box._replace(label=names.index(n)) for n, box in row)

    return Detection(
        one_line(folder.resolve().name),
        tuple(names),
        **{
            split: BoxedPictures(
                part.pictures, tuple(map(labelled, part.boxes))
            )
            for split, part in parts.items()
        },
        read=partial(_read_image, folder, shapes),
        notes=tuple(notes),
    )


def _read_image(
    folder: Path, shapes: Mapping[str, Size], file: ImageFile, side: int
) -> np.ndarray:
    shape = shapes[file.path]
    return resized(open_image(folder / file.path, side, shape), side)


def _files(folder: Path) -> dict[str, tuple[Path, list[Path]]]:
    """Returns annotations and possible image folders of each split."""
    found: dict[str, tuple[Path, list[Path]]] = {}
    for split, name in zip(SPLITS, ("train", "valid", "test"), strict=True):
        path = folder / name / EXPORTED
        if is_regular(path):
            found[split] = path, [path.parent]
    if found:
        if "train" in found:
            return found
        raise UserError(f"{folder / 'train' / EXPORTED} is not found")
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
            f"Expected {folder} to have annotations/instances_train*.json or "
            f"train/{EXPORTED}; neither is found"
        )
    if "val" in found:
        found["validation" if "test" in found else "test"] = found.pop("val")
    return found


def _read(
    folder: Path,
    path: Path,
    places: list[Path],
    left_out: Counter[str],
    shapes: dict[str, Size],
    allow_outside: bool,
) -> _Part:
    """Reads the annotations of a split, in the order of its images."""
    content = _content(path)
    place = next((place for place in places if place.is_dir()), None)
    if place is None:
        raise UserError(
            f"Expected the images of {path} in {places[0]}, which is not found"
        )
    where = ""
    try:
        largest = 0.0
        names = _by_id(content["categories"], _name)
        sizes = _by_id(content["images"], _size)
        # A dictionary keeps the order, and each box once.
        boxes: dict[Any, dict[tuple[str, Box], None]] = {k: {} for k in sizes}
        for number, annotation in enumerate(content["annotations"]):
            where = f" in annotation {number + 1}"
            picture = annotation["image_id"]
            name = names[annotation["category_id"]]
            box = _box(annotation, *sizes[picture])
            largest = max(largest, *annotation["bbox"])
            if isinstance(box, str):
                left_out[f"boxes skipped {box}"] += 1
            elif (name, box) in boxes[picture]:
                left_out["repeated boxes skipped"] += 1
            else:
                boxes[picture][name, box] = None
                if _is_cut(box, annotation, *sizes[picture]):
                    left_out[CUT] += 1
        where = ""
        if 0 < largest <= 1:
            raise ValueError("boxes in fractions of the image, not in pixels")
        kept: dict[str, tuple[ImageFile, Any]] = {}  # By digest.
        for image in content["images"]:
            path_of = str(place.relative_to(folder) / image["file_name"])
            file = find_image(folder, path_of, allow_outside)
            if file is None:
                left_out["images not found"] += 1
            elif file.digest in kept:
                left_out["repeated images skipped"] += 1
            else:
                kept[file.digest] = file, tuple(boxes[image["id"]])
                shapes[file.path] = sizes[image["id"]]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        wrong = str(error)
        if isinstance(error, KeyError):
            wrong = f"no {error.args[0]!r} where one is needed"
        raise UserError(
            f"Expected {path} to be in COCO format. Received "
            f"{wrong:.200}{where}"
        ) from None
    if not kept:
        raise UserError(f"{place} has none of the images of {path}")
    return _Part(*zip(*kept.values(), strict=True))


def _by_id(items: Sequence[Any], value: Callable[[Any], Any]) -> dict[Any, Any]:
    """Returns the values of items by their ids, which must be unique."""
    found: dict[Any, Any] = {}
    for item in items:
        if item["id"] in found:
            raise ValueError(f"the id {item['id']!r} twice")
        found[item["id"]] = value(item)
    return found


def _name(category: Mapping[str, Any]) -> str:
    name = category["name"]
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the category name {name!r}")
    return one_line(name)


def _size(image: Mapping[str, Any]) -> Size:
    width, height = _numbers([image["width"], image["height"]])
    if min(width, height) <= 0:
        raise ValueError(f"an image of size {width:g} x {height:g}")
    return width, height


def _numbers(values: Any) -> list[float]:
    """Returns finite numbers; raises ValueError for texts and booleans."""
    if not isinstance(values, list) or not all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    ):
        raise ValueError(f"{values!r} where numbers are needed")
    if not all(abs(value) < MOST for value in values):
        raise ValueError(f"the numbers {values}")
    return list(map(float, values))


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"Expected {path} to contain a JSON object")
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
) -> Box | str:
    """Returns a box, clipped to the image, or the reason to skip it."""
    left, top, across, down = _numbers(annotation["bbox"])
    crowd = annotation.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise ValueError(f"iscrowd {crowd!r}, neither 0 nor 1")
    if across < 0 or down < 0:
        return "with negative size"
    right = min(1.0, (left + across) / width)
    bottom = min(1.0, (top + down) / height)
    left, top = max(0.0, left / width), max(0.0, top / height)
    numbers = left, top, right - left, bottom - top
    left, top, across, down = (round(number, 6) for number in numbers)
    if across <= 0 or down <= 0:
        return "that are empty"
    return Box(0, left, top, across, down, bool(crowd))


def _is_cut(
    box: Box, annotation: Mapping[str, Any], width: float, height: float
) -> bool:
    """Returns whether a box reaches out of the image by over a pixel."""
    _, _, across, down = annotation["bbox"]
    return across - box.width * width > 1 or down - box.height * height > 1


def _divide(
    train: _Part, missing: Sequence[str], path: Path
) -> dict[str, _Part]:
    """Takes missing splits from the training images, in a fixed way."""
    rows = list(range(len(train)))
    if len(rows) < FEWEST:
        raise UserError(
            f"Expected at least {FEWEST} images in {path}, from which "
            f"{' and '.join(missing)} are taken. Received: {len(rows)}"
        )
    random.Random(0).shuffle(rows)
    count = max(1, round(HELD_OUT * len(rows)))
    parts = {}
    for split in missing:
        parts[split] = train.take(sorted(rows[:count]))
        rows = rows[count:]
    return {"train": train.take(sorted(rows)), **parts}

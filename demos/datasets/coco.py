"""The user's own pictures with boxes: a folder in COCO's format.

The format is that of https://cocodataset.org/#format-data. Two layouts of the
folder are known: COCO's own,

    annotations/instances_train2017.json    train2017/*.jpg
    annotations/instances_val2017.json      val2017/*.jpg

and the one that tools for annotation export,

    train/_annotations.coco.json    train/*.jpg
    valid/_annotations.coco.json    valid/*.jpg
    test/_annotations.coco.json     test/*.jpg

COCO keeps the boxes of its test to itself, so there the validation is the test.
A split that is not there is taken from the training pictures.
"""

import json
import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any

from demos.common.errors import UserError
from demos.datasets import Box
from demos.datasets import BoxedPictures
from demos.datasets import Detection
from demos.datasets.posts import ImageFile
from demos.datasets.posts import image_file
from demos.datasets.posts import read_file

EXPORTED = "_annotations.coco.json"
HELD_OUT = 0.1  # Of the training pictures, for a split that is not there.
FEWEST = 3  # Pictures to train on, so that both other splits find one.
LISTS = ("images", "annotations", "categories")


@dataclass
class _Part:
    """What is read of one file: pictures, and boxes with names of labels."""

    pictures: list[ImageFile] = field(default_factory=list)
    boxes: list[list[tuple[str, Box]]] = field(default_factory=list)

    def take(self, rows: list[int]) -> "_Part":
        return _Part(
            [self.pictures[i] for i in rows], [self.boxes[i] for i in rows]
        )


def load(folder: Path) -> Detection:
    """Loads a folder.

    Args:
        folder: In one of the layouts above.

    Returns:
        The dataset, named after the folder. Its labels are the categories with
        a box, in the order of the alphabet; pictures and boxes that cannot be
        used are counted in its notes.

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
        parts |= _shared_out(parts["train"], missing, files["train"][0])
        notes.append(
            f"{' and '.join(missing)} taken from the training pictures"
        )
    for split, part in parts.items():
        if not any(not box.crowd for row in part.boxes for _, box in row):
            raise UserError(
                f"Expected at least one box among the {split} pictures of "
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
                tuple(part.pictures),
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
        read=partial(read_file, folder),
        notes=tuple(notes),
    )


def _files(folder: Path) -> dict[str, tuple[Path, list[Path]]]:
    """Finds the annotations of each split, and where its pictures may be."""
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
    """Reads the annotations of a split, in the order of its pictures."""
    content = _content(path)
    place = next((place for place in places if place.is_dir()), None)
    if place is None:
        raise UserError(
            f"Expected the pictures of {path} in {places[0]}, not found"
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
        part = _Part()
        seen: set[str] = set()
        for image in content["images"]:
            file = place.relative_to(folder) / str(image["file_name"])
            found = image_file(folder, str(file))
            if found is None:
                left_out["pictures not found"] += 1
            elif found.digest in seen:
                left_out["pictures left out that repeat one"] += 1
            else:
                seen.add(found.digest)
                part.pictures.append(found)
                part.boxes.append(boxes[image["id"]])
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise UserError(
            f"Expected {path} to be in COCO's format. Received "
            f"{_wrong(error)}{where}"
        ) from None
    if not part.pictures:
        raise UserError(f"{place} holds none of the pictures of {path}")
    return part


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
    """Returns a box, cut at the edges; None where nothing is left of it."""
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


def _shared_out(train: _Part, missing: list[str], path: Path) -> dict[str, Any]:
    """Takes splits from the training pictures; the draw is the same always."""
    rows = list(range(len(train.pictures)))
    if len(rows) < FEWEST:
        raise UserError(
            f"Expected at least {FEWEST} pictures in {path}, to take "
            f"{' and '.join(missing)} from. Received: {len(rows)}"
        )
    random.Random(0).shuffle(rows)
    count = max(1, round(HELD_OUT * len(rows)))
    parts = {}
    for split in missing:
        parts[split] = train.take(sorted(rows[:count]))
        rows = rows[count:]
    return {"train": train.take(sorted(rows)), **parts}

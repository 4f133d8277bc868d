"""Labelled images from the user: a folder of images for each label."""

import hashlib
import itertools
import os
from functools import partial
from pathlib import Path

from demos.common.errors import UserError
from demos.common.files import is_regular
from demos.common.text import one_line, printable
from demos.datasets.images import ImageFile, read_all, read_image
from demos.datasets.splits import MOST_LABELS, split_images
from demos.datasets.types import ImageClassification

SIDE = 64  # Default width and height in pixels.
MOST_FILES = 200_000  # All images are kept in memory.
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def load(
    folder: Path, side: int | None = None, split_seed: int | None = None
) -> ImageClassification:
    """Loads images whose label is the name of their folder.

    Repeated images are skipped, so that no image is in two splits. Images with
    two labels are skipped entirely.

    Args:
        folder: A folder with at least two subfolders of images in `FORMATS`,
            which are searched recursively. Subfolders without images are not
            labels.
        side: Width and height to resize to, in pixels; by default 64.
        split_seed: Seed of a random split; by default the split is fixed.

    Returns:
        The dataset, named after the folder, split by label: 70% training, 10%
        validation, 20% test. Its notes count the skipped images.

    Raises:
        UserError: If there are fewer than two such subfolders, or too few
            images in one.
    """
    paths, empty = _paths(folder)
    names = sorted(paths)
    files = [
        ImageFile(str(path.relative_to(folder)), "")
        for name in names
        for path in paths[name]
    ]
    labels = [label for label, name in enumerate(names) for _ in paths[name]]
    if not 2 <= len(names) <= MOST_LABELS:
        raise UserError(
            f"Expected {folder} to have two or more folders (at most "
            f"{MOST_LABELS:,}) with images, one per label. Received: "
            f"{', '.join(names[:9]) or 'no folder'}, with {len(files)} images"
        )
    pictures = read_all(files, partial(read_image, folder), side or SIDE)
    readable = [i for i, f in enumerate(files) if f not in pictures.damaged]
    digests = [hashlib.sha256(p.tobytes()).hexdigest() for p in pictures.pixels]
    labels_of: dict[str, set[int]] = {}
    first: dict[str, int] = {}
    for i in readable:
        labels_of.setdefault(digests[i], set()).add(labels[i])
        first.setdefault(digests[i], i)
    contrary = [i for i in readable if len(labels_of[digests[i]]) > 1]
    kept = [
        i
        for i in readable
        if len(labels_of[digests[i]]) == 1 and first[digests[i]] == i
    ]
    repeated = len(readable) - len(contrary) - len(kept)
    notes = []
    if empty:
        notes.append(f"{empty} folders without images skipped")
    if pictures.damaged:
        example = min(file.path for file in pictures.damaged)
        notes.append(
            f"{len(pictures.damaged)} damaged or too large images skipped, "
            "such as "
            f"{example}"
        )
    if repeated:
        notes.append(f"{repeated} repeated images skipped")
    if contrary:
        notes.append(f"{len(contrary)} images with two labels skipped")
    return split_images(
        one_line(folder.resolve().name),
        pictures.pixels[kept],
        [labels[i] for i in kept],
        list(map(printable, names)),
        tuple(notes),
        split_seed,
    )


def _paths(folder: Path) -> tuple[dict[str, list[Path]], int]:
    """Returns the images by label, and the number of empty folders."""
    paths: dict[str, list[Path]] = {}
    empty = seen = 0
    for name in sorted(os.listdir(folder)):
        top = folder / name
        if name.startswith((".", "__MACOSX")) or not top.is_dir():
            continue
        found = []
        for place, folders, files in os.walk(top):
            seen += len(folders) + len(files)
            if seen > MOST_FILES:
                raise UserError(
                    f"Expected {folder} to have at most {MOST_FILES:,} files. "
                    "Received: more"
                )
            found += [
                path
                for path in map(Path, itertools.repeat(place), files)
                if path.suffix.lower() in ENDINGS and is_regular(path)
            ]
        if found:
            paths[name] = sorted(found)
        else:
            empty += 1
    return paths, empty

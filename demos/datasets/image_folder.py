"""Labelled images from the user: a folder of images for each label."""

import hashlib
import os
from functools import partial
from pathlib import Path

import pandas as pd

from demos.common.errors import UserError
from demos.common.files import is_regular
from demos.common.text import one_line, printable
from demos.datasets.images import ImageFile, read_all, read_image
from demos.datasets.splits import MOST_LABELS, split_images
from demos.datasets.types import ImageClassification

SIDE = 64  # Default width and height in pixels.
MOST_FILES = 200_000  # All images are kept in memory.
ENDINGS = (
    *(".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test"}


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
    paths, others = _paths(folder)
    names = [name for name in paths if paths[name]]
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
    if {name.lower() for name in names} <= SPLITS:
        raise UserError(
            f"Expected the folders of {folder} to be labels, not splits: "
            f"{', '.join(names)}; give a folder with one folder per label"
        )
    label_names = [one_line(name) or printable(name) for name in names]
    if again := [n for n in label_names if label_names.count(n) > 1]:
        raise UserError(
            f"Expected the folders of {folder} to have different names, also "
            f"without spaces. Received: {again[0]!r} twice"
        )
    pictures = read_all(files, partial(read_image, folder), side or SIDE)
    digests = [hashlib.sha256(p.tobytes()).hexdigest() for p in pictures.pixels]
    rows = pd.DataFrame({"label": labels, "digest": digests})
    rows = rows[[file not in pictures.damaged for file in files]]
    contrary = rows.groupby("digest")["label"].transform("nunique") > 1
    repeated = ~contrary & rows["digest"].duplicated()
    kept = rows.index[~contrary & ~repeated]
    damaged = min((file.path for file in pictures.damaged), default="")
    notes = {
        "folders without images skipped": len(paths) - len(names),
        f"damaged or too large images skipped, such as {damaged}": len(
            pictures.damaged
        ),
        f"other files skipped, such as {min(others, default='')}": len(others),
        "repeated images skipped": repeated.sum(),
        "images with two labels skipped": contrary.sum(),
    }
    return split_images(
        one_line(folder.resolve().name),
        pictures.pixels[kept],
        rows["label"][kept].tolist(),
        label_names,
        tuple(f"{count} {what}" for what, count in notes.items() if count),
        split_seed,
    )


def _paths(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Returns images by the name of their folder, sorted, and other files."""
    paths: dict[str, list[Path]] = {}
    others: list[str] = []
    seen = 0
    for name in sorted(os.listdir(folder)):
        top = folder / name
        if name.startswith((".", "__MACOSX")):
            continue
        if not top.is_dir():
            others.append(name)
            continue
        found = []
        for place, folders, files in os.walk(top):
            seen += len(folders) + len(files)
            if seen > MOST_FILES:
                raise UserError(
                    f"Expected {folder} to have at most {MOST_FILES:,} files. "
                    "Received: more"
                )
            for path in (Path(place, file) for file in files):
                if path.suffix.lower() in ENDINGS and is_regular(path):
                    found.append(path)
                elif not path.name.startswith("."):
                    others.append(str(path.relative_to(folder)))
        paths[name] = sorted(found)
    return paths, others

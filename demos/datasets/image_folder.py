"""The user's own labelled pictures: a folder of pictures for each label."""

import hashlib
from functools import partial
from pathlib import Path

from demos.datasets import ImageClassification
from demos.datasets import split_images
from demos.datasets.posts import ImageFile
from demos.datasets.posts import read_file
from demos.errors import UserError
from demos.pictures import read_all

SIDE = 64  # Pixels of a side, if no other number is asked for.
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def load(folder: Path, side: int | None = None) -> ImageClassification:
    """Loads pictures whose label is the name of the folder that they lie in.

    A file that repeats another of the same label is left out, so that none
    stands in two splits.

    Args:
        folder: Has two folders or more, with pictures in any format that Pillow
            reads; folders in them are searched too.
        side: Pixels of a side that pictures are resized to; by default 64.

    Returns:
        The dataset, named after the folder, split by label: 70% training, 10%
        validation, 20% test. Pictures that are damaged, or repeated, are
        counted in its notes.

    Raises:
        UserError: It has fewer than two such folders, or too few pictures of
            one.
    """
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )
    files: dict[tuple[str, int], ImageFile] = {}
    count = 0
    for label, name in enumerate(names):
        for path in sorted((folder / name).rglob("*")):
            if path.suffix.lower() in ENDINGS and path.is_file():
                count += 1
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                relative = str(path.relative_to(folder))
                files.setdefault((digest, label), ImageFile(relative, digest))
    if len(names) < 2 or not files:
        raise UserError(
            f"Expected {folder} to have two folders or more, one a label, with "
            f"pictures. Received: {', '.join(names) or 'no folder'}, with "
            f"{count} pictures"
        )
    every = list(files.values())
    pictures = read_all(every, partial(read_file, folder), side or SIDE)
    kept = [i for i, file in enumerate(every) if file not in pictures.damaged]
    labels = [label for _, label in files]
    notes = []
    if pictures.damaged:
        such = min(file.path for file in pictures.damaged)
        notes.append(
            f"{len(pictures.damaged)} damaged pictures left out, such as {such}"
        )
    if count > len(files):
        notes.append(f"{count - len(files)} repeated pictures left out")
    return split_images(
        folder.resolve().name,
        pictures.pixels[kept],
        [labels[i] for i in kept],
        names,
        tuple(notes),
    )

"""The user's own labelled pictures: a folder of pictures for each label."""

import hashlib
from functools import partial
from pathlib import Path

from demos.common.errors import UserError
from demos.datasets import ImageClassification
from demos.datasets import split_images
from demos.datasets.images import read_all
from demos.datasets.posts import ImageFile
from demos.datasets.posts import read_file

SIDE = 64  # Pixels of a side, if no other number is asked for.
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def load(folder: Path, side: int | None = None) -> ImageClassification:
    """Loads pictures whose label is the name of the folder that they lie in.

    Pictures that repeat another are left out, so that none stands in two
    splits; those that stand in two labels are left out altogether.

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
    files: list[ImageFile] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        for path in sorted((folder / name).rglob("*")):
            if path.suffix.lower() in ENDINGS and path.is_file():
                files.append(ImageFile(str(path.relative_to(folder)), ""))
                labels.append(label)
    if len(names) < 2 or not files:
        raise UserError(
            f"Expected {folder} to have two folders or more, one a label, with "
            f"pictures. Received: {', '.join(names) or 'no folder'}, with "
            f"{len(files)} pictures"
        )
    pictures = read_all(files, partial(read_file, folder), side or SIDE)
    known: dict[str, set[int]] = {}  # Labels of a picture, by its digest.
    digests = [hashlib.sha256(p.tobytes()).hexdigest() for p in pictures.pixels]
    for file, digest, label in zip(files, digests, labels, strict=True):
        if file not in pictures.damaged:
            known.setdefault(digest, set()).add(label)
    kept, seen = [], set[str]()
    repeated = contrary = 0
    for i, file in enumerate(files):
        if file in pictures.damaged:
            continue
        if len(known[digests[i]]) > 1:
            contrary += 1
        elif digests[i] in seen:
            repeated += 1
        else:
            seen.add(digests[i])
            kept.append(i)
    notes = []
    if pictures.damaged:
        such = min(file.path for file in pictures.damaged)
        notes.append(
            f"{len(pictures.damaged)} damaged pictures left out, such as {such}"
        )
    if repeated:
        notes.append(f"{repeated} repeated pictures left out")
    if contrary:
        notes.append(f"{contrary} pictures left out that have two labels")
    return split_images(
        folder.resolve().name,
        pictures.pixels[kept],
        [labels[i] for i in kept],
        names,
        tuple(notes),
    )

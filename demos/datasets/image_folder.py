"""The user's own labelled images: a folder of images for each label."""

import hashlib
from functools import partial
from pathlib import Path

from demos.common.errors import UserError
from demos.datasets.images import ImageFile, read_all, read_image
from demos.datasets.splits import split_images
from demos.datasets.types import ImageClassification

SIDE = 64  # Width and height in pixels, if no other number is asked for.
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def load(
    folder: Path, side: int | None = None, split_seed: int | None = None
) -> ImageClassification:
    """Loads images whose label is the name of the folder that they are in.

    An image that repeats another is left out, so that none is in two splits;
    one that has two labels is left out altogether.

    Args:
        folder: Has two folders or more, with images in any format that Pillow
            reads; folders in them are searched too.
        side: Width and height to resize to, in pixels; by default 64.
        split_seed: Draws a random split; by default the split is fixed.

    Returns:
        The dataset, named after the folder, split by label: 70% training, 10%
        validation, 20% test. Its notes count what was left out.

    Raises:
        UserError: It has fewer than two such folders, or too few images of
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
            f"images. Received: {', '.join(names) or 'no folder'}, with "
            f"{len(files)} images"
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
    if pictures.damaged:
        example = min(file.path for file in pictures.damaged)
        notes.append(
            f"{len(pictures.damaged)} damaged images left out, such as "
            f"{example}"
        )
    if repeated:
        notes.append(f"{repeated} repeated images left out")
    if contrary:
        notes.append(f"{len(contrary)} images left out that have two labels")
    return split_images(
        folder.resolve().name,
        pictures.pixels[kept],
        [labels[i] for i in kept],
        names,
        tuple(notes),
        split_seed,
    )

"""The user's own pairs of posts: texts and paths of pictures in a table."""

import hashlib
from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

from demos.common.errors import UserError
from demos.datasets import Entailment
from demos.datasets import Post
from demos.datasets import PostPairs
from demos.datasets import stratified_rows
from demos.datasets.table import read_table

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

COLUMNS = ("text_1", "image_1", "text_2", "image_2", "label")
# Test, validation, training: 10%, then 5% of what is left, as in Keras'
# example, https://keras.io/examples/nlp/multimodal_entailment/.
FRACTIONS = (0.1, 0.045, 0.855)


class ImageFile(NamedTuple):
    """A picture in a file.

    Attributes:
        path: Of the file, from the folder of the data.
        digest: SHA-256 of the file.
    """

    path: str
    digest: str


def load(path: Path) -> Entailment:
    """Loads a table of pairs of posts.

    Args:
        path: A `.csv` or `.tsv` file in UTF-8 with the columns text_1, image_1,
            text_2, image_2 and label. Pictures are paths, from the folder of
            the file; a text or a picture may be left empty, not both of a post.

    Returns:
        The dataset, named after the file, split by label: 10% test, 5% of the
        rest validation.

    Raises:
        UserError: The file cannot be read, lacks a column, or has fewer than
            two labels or too few pairs of one.
    """
    return from_table(
        path, path.stem, path.parent, lambda row, side: row[f"image_{side}"]
    )


def from_table(
    path: Path,
    name: str,
    folder: Path,
    picture: Callable[[Mapping[str, str], int], str],
) -> Entailment:
    """Loads a table of pairs of posts whose pictures lie in a folder.

    Args:
        path: The table.
        name: Of the dataset.
        folder: Of the pictures.
        picture: Returns the path, in that folder, of the picture of post 1 or 2
            of a row; "" where it has none.

    Returns:
        The dataset. Pictures that are missing are counted in its notes.

    Raises:
        UserError: As `load`.
    """
    table = read_table(path)
    table.columns = [column.strip() for column in table.columns]
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise UserError(
            f"Expected {path} to have the columns {', '.join(COLUMNS)}. "
            f"Received: {', '.join(table.columns)}"
        )
    twice = [c for c in COLUMNS if list(table.columns).count(c) > 1]
    if twice:
        raise UserError(f"{path} has the column {twice[0]} more than once")
    pairs, notes = _pairs(table, folder, picture)
    label_names = sorted(set(pairs.values()))
    if len(label_names) < 2:
        raise UserError(
            f"Expected at least two different labels in {path}. Received: "
            f"{', '.join(label_names) or 'no pair that can be used'}"
        )
    every = PostPairs(
        tuple(premise for premise, _ in pairs),
        tuple(hypothesis for _, hypothesis in pairs),
        tuple(label_names.index(label) for label in pairs.values()),
    )
    test, validation, train = stratified_rows(
        str(path), "pairs", every.labels, label_names, FRACTIONS
    )
    both = list(pairs)
    known = {post for i in train for post in both[i]}
    shared = sum(not known.isdisjoint(both[i]) for i in test)
    if shared:
        notes.append(f"{shared} of the test pairs share a post with training")
    return Entailment(
        name,
        tuple(label_names),
        train=every.take(train),
        validation=every.take(validation),
        test=every.take(test),
        read=partial(read_file, folder),
        notes=tuple(notes),
    )


def _pairs(
    table: "pd.DataFrame",
    folder: Path,
    picture: Callable[[Mapping[str, str], int], str],
) -> tuple[dict[tuple[Post, Post], str], list[str]]:
    """Returns the label of each pair, and how many of what were not used."""
    counts = dict.fromkeys(
        (
            "pictures not found",
            "rows left out with an empty post or label",
            "rows left out that repeat a pair",
            "rows left out that give a pair another label",
        ),
        0,
    )
    absent, empty, repeated, contrary = counts
    example = ""
    pairs: dict[tuple[Post, Post], str] = {}
    for row in table.to_dict("records"):
        posts = []
        for side in (1, 2):
            path = picture(row, side).strip()
            file = image_file(folder, path) if path else None
            if path and file is None:
                counts[absent] += 1
                example = example or path
            posts.append(Post(row[f"text_{side}"].strip(), file))
        label = " ".join(row["label"].split())
        pair = posts[0], posts[1]
        if not label or any(p == Post("", None) for p in pair):
            counts[empty] += 1
        elif pair in pairs:
            counts[repeated if label == pairs[pair] else contrary] += 1
        else:
            pairs[pair] = label
    notes = [f"{n} {what}" for what, n in counts.items() if n]
    if example:
        notes[0] += f", such as {example}"
    return pairs, notes


def image_file(folder: Path, path: str) -> ImageFile | None:
    """Finds the file of a picture.

    Args:
        folder: That its path starts from.
        path: Of the file.

    Returns:
        The picture; None where there is no such file.
    """
    try:
        with (folder / path).open("rb") as file:
            return ImageFile(
                path, hashlib.file_digest(file, "sha256").hexdigest()
            )
    except (OSError, ValueError):  # ValueError: a NUL in the path.
        return None


def read_file(folder: Path, file: ImageFile, side: int) -> np.ndarray:
    """Reads a picture from its file.

    Args:
        folder: That its path starts from.
        file: The picture, in any format that Pillow reads.
        side: Pixels wanted of a side; its sides are stretched to that.

    Returns:
        uint8, shape `(side, side, 3)`, red, green and blue.

    Raises:
        OSError: The file is damaged, or no picture.
    """
    return resized(open_file(folder / file.path, side), side)


def open_file(path: Path, side: int | None = None) -> "Image.Image":
    """Opens a picture, the right way up.

    Args:
        path: Of its file, in any format that Pillow reads.
        side: A side of this many pixels is enough; by default all are read.

    Returns:
        The picture, red, green and blue, on white where it is transparent.

    Raises:
        OSError: The file is damaged, or no picture.
    """
    from PIL import Image
    from PIL import ImageOps

    with Image.open(path) as opened:
        if side is not None:  # JPEG: decodes no more than needed.
            opened.draft("RGB", (side, side))
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I"):  # 16 bits a pixel, which Pillow cuts.
            high = np.asarray(picture) / 256
            picture = Image.fromarray(high.clip(0, 255).astype("uint8"))
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            paper = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(paper, picture)
        return picture.convert("RGB")


def resized(picture: "Image.Image", side: int) -> np.ndarray:
    """Stretches a picture to a square.

    Args:
        picture: Red, green and blue.
        side: Pixels wanted of a side.

    Returns:
        uint8, shape `(side, side, 3)`.
    """
    from PIL import Image

    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))

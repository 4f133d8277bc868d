"""Pairs of posts from the user: texts and paths of images in a table."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from demos.common.text import one_line
from demos.datasets.images import find_image, read_image
from demos.datasets.splits import label_indices, stratified
from demos.datasets.table import check_columns, read_table
from demos.datasets.types import Entailment, Post, PostPairs

COLUMNS = ("text_1", "image_1", "text_2", "image_2", "label")
# Test: 10%; validation: 5% of the rest, as in the Keras example,
# https://keras.io/examples/nlp/multimodal_entailment/.
FRACTIONS = (0.1, 0.045, 0.855)
# The counts in the notes, in this order.
ABSENT = "images not found"
EMPTY = "rows with an empty post or label skipped"
REPEATED = "rows with a repeated pair skipped"
CONTRARY = "rows with a repeated pair but a different label skipped"


ImagePath = Callable[[Mapping[str, str], int], str]


def load(
    path: Path,
    allow_outside: bool = False,
    folder: Path | None = None,
    image_path: ImagePath = lambda row, side: row[f"image_{side}"],
) -> Entailment:
    """Loads a table of pairs of posts.

    Args:
        path: A `.csv` or `.tsv` file in UTF-8 with the columns text_1, image_1,
            text_2, image_2 and label. The text or the image of a post may be
            empty, but not both.
        allow_outside: Whether images may be outside their folder.
        folder: Folder of the images; by default that of the file.
        image_path: Function that returns the path, in that folder, of the image
            of post 1 or 2 of a row; "" without an image.

    Returns:
        The dataset, named after the file, split by label: 10% test, 5% of the
        rest validation. Its notes count the missing images.

    Raises:
        UserError: If the file cannot be read, a column is missing, or there are
            fewer than two labels or too few pairs of one label.
    """
    folder = folder or path.parent
    table = read_table(path)
    table.columns = [column.strip() for column in table.columns]
    check_columns(table, path, COLUMNS)
    label_of, notes = _pairs(table, folder, image_path, allow_outside)
    label_names, indices = label_indices([*label_of.values()], str(path))
    test, validation, train = stratified(
        PostPairs(
            tuple(premise for premise, _ in label_of),
            tuple(hypothesis for _, hypothesis in label_of),
            indices,
        ),
        FRACTIONS,
        label_names,
        str(path),
        "pairs",
    )
    known = {*train.premises, *train.hypotheses}
    shared = sum(
        not known.isdisjoint(pair)
        for pair in zip(test.premises, test.hypotheses, strict=True)
    )
    if shared:
        notes.append(f"{shared} of the test pairs share a post with training")
    return Entailment(
        one_line(path.stem),
        label_names,
        train,
        validation,
        test,
        tuple(notes),
        read=partial(read_image, folder),
    )


def _pairs(
    table: pd.DataFrame,
    folder: Path,
    image_path: ImagePath,
    allow_outside: bool,
) -> tuple[dict[tuple[Post, Post], str], list[str]]:
    """Returns the label of each pair, and notes on skipped rows."""
    counts: Counter[str] = Counter()
    example = ""
    label_of: dict[tuple[Post, Post], str] = {}
    for row in table.to_dict("records"):
        posts = []
        for side in (1, 2):
            path = image_path(row, side).strip()
            file = find_image(folder, path, allow_outside) if path else None
            if path and file is None:
                counts[ABSENT] += 1
                example = example or f", such as {path}"
            posts.append(Post(row[f"text_{side}"].strip(), file))
        label = one_line(row["label"])
        pair = posts[0], posts[1]
        if not label or Post("", None) in pair:
            counts[EMPTY] += 1
        elif pair in label_of:
            counts[REPEATED if label == label_of[pair] else CONTRARY] += 1
        else:
            label_of[pair] = label
    notes = [
        f"{counts[what]} {what}{example if what == ABSENT else ''}"
        for what in (ABSENT, EMPTY, REPEATED, CONTRARY)
        if counts[what]
    ]
    return label_of, notes

"""Splits data into training, validation and test in a fixed way."""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from sklearn.model_selection import train_test_split

from demos.common.errors import UserError
from demos.datasets.types import ImageClassification, ImageSplit, Labelled

Part = TypeVar("Part", bound=Labelled)
MOST_LABELS = 1_000  # More values are probably texts or numbers, not labels.


def label_indices(
    labels: Sequence[str], where: str
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Returns the names of the labels, sorted, and the index of each label.

    Args:
        labels: Name of the label of each example.
        where: Name of the data for the error.

    Raises:
        UserError: If there are fewer than two different labels, or too many.
    """
    names = sorted(set(labels))
    if not 2 <= len(names) <= MOST_LABELS:
        received = f"{names[0]!r} only" if len(names) == 1 else len(names)
        raise UserError(
            f"Expected two to {MOST_LABELS:,} different labels in {where}. "
            f"Received: {received or 'none'}"
        )
    index = {name: i for i, name in enumerate(names)}
    return tuple(names), tuple(index[label] for label in labels)


def stratified(
    examples: Part,
    fractions: Sequence[float],
    label_names: Sequence[str],
    name: str,
    unit: str,
    in_order: bool = False,
    seed: int | None = None,
) -> list[Part]:
    """Splits examples so that each split has the same fraction of each label.

    Args:
        examples: All examples.
        fractions: Fraction of the examples in each split; they sum to 1.
        label_names: Name of each label, for the error.
        name: Name of the data for the error.
        unit: Name of the examples in the plural, for the error.
        in_order: Whether the examples of a split keep their order; otherwise
            they are shuffled.
        seed: Seed of a random split; by default the split is fixed.

    Raises:
        UserError: If a label has too few examples for every split.
    """
    counts = Counter(examples.labels)
    fewest = min(range(len(label_names)), key=lambda label: counts[label])
    needed = round(1 / min(fractions))
    smallest = round(len(examples) * min(fractions))
    if counts[fewest] >= needed and smallest < len(label_names):
        needed = math.ceil(1 / min(fractions))
    if counts[fewest] < needed:
        raise UserError(
            f"Expected at least {needed} different {unit} of each label in "
            f"{name}. Received: {counts[fewest]} of {label_names[fewest]!r}"
        )
    rest = list(range(len(examples)))
    left = 1.0
    splits = []
    for fraction in fractions[:-1]:
        chosen, rest = train_test_split(
            rest,
            train_size=round(len(rest) * fraction / left),
            stratify=[examples.labels[i] for i in rest],
            random_state=seed or 0,
        )
        splits.append(chosen)
        left -= fraction
    return [
        examples.take(sorted(rows) if in_order else rows)
        for rows in (*splits, rest)
    ]


def split_images(
    name: str,
    pixels: np.ndarray,
    labels: Sequence[int],
    label_names: Sequence[str],
    notes: tuple[str, ...] = (),
    seed: int | None = None,
) -> ImageClassification:
    """Splits images by label: 70% training, 10% validation, 20% test.

    Args:
        name: Name of the dataset.
        pixels: Shape `(images, height, width, channels)`.
        labels: Index of the label of each image.
        label_names: Name of each label.
        notes: Notes on the data.
        seed: Seed of a random split; by default the split is fixed.

    Raises:
        UserError: If a label has too few images for every split.
    """
    validation, test, train = stratified(
        ImageSplit(pixels, tuple(map(int, labels))),
        (0.1, 0.2, 0.7),
        label_names,
        name,
        "images",
        in_order=True,
        seed=seed,
    )
    return ImageClassification(
        name, tuple(label_names), train, validation, test, notes
    )


def evenly_by_label(labels: Sequence[int], most: int) -> list[int]:
    """Selects rows, evenly spaced within each label.

    Args:
        labels: Index of the label of each row.
        most: Approximate number of rows; at least one of each label is taken.

    Returns:
        Indices of the rows, with the same fraction of each label.

    Example:

    >>> evenly_by_label([0, 1, 0, 1, 0, 0], 3)
    [0, 1, 4]
    """
    rows: list[int] = []
    for label in sorted(set(labels)):
        own = [i for i, known in enumerate(labels) if known == label]
        share = max(1, most * len(own) // len(labels))
        rows += own[:: max(1, -(-len(own) // share))]
    return sorted(rows)


def position(text: str, seed: int | None = None) -> float:
    """Returns the position of a text in [0, 1), a hash that never changes.

    It is the first 32 bits of the SHA-256 of the text, or of seed and text. A
    split by position is pseudorandom and fixed.
    """
    if seed is not None:
        text = f"{seed}:{text}"
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32

"""What the sources of data return: examples in three splits."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, NamedTuple, Self, TypeVar

import numpy as np

# What the first and the second post of a pair are called.
SLOTS = ("premise", "hypothesis")

# Pixels of an image, uint8 `(side, side, 3)`, from the image and its side.
Read = Callable[[Any, int], np.ndarray]


class Examples:
    """Columns of equal length: entry i of each belongs to example i."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))

    def take(self, rows: Sequence[int]) -> Self:
        """Returns some of the examples, in the order of `rows`."""

        def chosen(column: Any) -> Any:
            if isinstance(column, np.ndarray):
                return column[list(rows)]
            return tuple(column[row] for row in rows)

        return type(self)(
            **{name: chosen(column) for name, column in vars(self).items()}
        )


class Labelled(Examples):
    """Examples of which each has the index of its label."""

    labels: tuple[int, ...]


@dataclass(frozen=True)
class Split(Labelled):
    """Texts with labels."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Pairs(Examples):
    """Sentences and their translations."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Gathers (sentence, translation) pairs."""
        pairs = list(pairs)
        return cls(tuple(s for s, _ in pairs), tuple(t for _, t in pairs))


@dataclass(frozen=True)
class Post:
    """A text and an image, as people post them.

    Attributes:
        text: "" where there is none.
        picture: What `Entailment.read` turns into pixels; None where there is
            none.
    """

    text: str
    picture: Any


@dataclass(frozen=True)
class PostPairs(Labelled):
    """Pairs of posts with labels."""

    premises: tuple[Post, ...]
    hypotheses: tuple[Post, ...]
    labels: tuple[int, ...]

    def posts(self, slot: str) -> tuple[Post, ...]:
        """Returns one side of the pairs: that of a name in `SLOTS`."""
        return dict(zip(SLOTS, (self.premises, self.hypotheses), strict=True))[
            slot
        ]


@dataclass(frozen=True)
class ImageSplit(Labelled):
    """Images of one size with labels.

    Attributes:
        pixels: uint8, shape `(images, height, width, channels)`, with 1
            channel (grey) or 3 (red, green and blue).
        labels: Index of the label of each.
    """

    pixels: np.ndarray = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)


class Box(NamedTuple):
    """A bounding box; lengths are fractions of the image's width or height.

    Attributes:
        label: Index of the name of the object.
        left: From the left edge of the image.
        top: From the upper edge of the image.
        width: Of the box.
        height: Of the box.
        crowd: Whether it surrounds a group of objects (COCO's `iscrowd`).
    """

    label: int
    left: float
    top: float
    width: float
    height: float
    crowd: bool = False


@dataclass(frozen=True)
class BoxedPictures(Examples):
    """Images, which `Detection.read` turns into pixels, and their boxes."""

    pictures: tuple[Any, ...]
    boxes: tuple[tuple[Box, ...], ...]


Part = TypeVar("Part", bound=Examples)


@dataclass(frozen=True)
class Dataset(Generic[Part]):
    """Labelled examples in three splits.

    Attributes:
        name: Name of the dataset; it becomes the name of a folder.
        label_names: Name of each label, at its index.
        train: What a model learns from.
        validation: What chooses between epochs and between models.
        test: What is scored once, at the end.
        notes: What a reader should know (rows left out and why), a line each.
    """

    name: str
    label_names: tuple[str, ...]
    train: Part
    validation: Part
    test: Part
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Returns the SHA-256 of labels and splits."""
        return _digest(asdict(self))


@dataclass(frozen=True)
class TextClassification(Dataset[Split]):
    """Labelled texts; no text is in two splits."""


@dataclass(frozen=True)
class ImageClassification(Dataset[ImageSplit]):
    """Labelled images of one size."""

    def digest(self) -> str:
        """Returns the SHA-256 of labels and splits."""
        digest = hashlib.sha256(json.dumps(self.label_names).encode())
        for part in (self.train, self.validation, self.test):
            about = [part.pixels.shape, part.labels]
            digest.update(json.dumps(about).encode())
            digest.update(part.pixels.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Entailment(Dataset[PostPairs]):
    """Labelled pairs of posts."""

    read: Read = field(repr=False, kw_only=True)


@dataclass(frozen=True)
class Detection(Dataset[BoxedPictures]):
    """Images with boxes, whose labels are the kinds of objects."""

    read: Read = field(repr=False, kw_only=True)


@dataclass(frozen=True)
class Translation:
    """Sentence pairs in three splits; no source is in two of them.

    Attributes:
        name: Name of the dataset; it becomes the name of a folder.
        source: Language translated from, such as `"en"`.
        target: Language translated to, such as `"de"`.
        train: What a model learns from.
        validation: What chooses between epochs and between models.
        test: What is scored once, at the end.
        further_tests: By name, what is scored besides.
        notes: What a reader should know (lines left out and why), a line each.
    """

    name: str
    source: str
    target: str
    train: Pairs
    validation: Pairs
    test: Pairs
    further_tests: Mapping[str, Pairs] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Returns the SHA-256 of languages and splits."""
        return _digest(asdict(self))


def _digest(content: dict[str, Any]) -> str:
    """Hashes a dataset; records name it, so field names must not change."""
    data = {k: v for k, v in content.items() if k not in ("notes", "read")}
    return hashlib.sha256(json.dumps(data).encode()).hexdigest()

"""Types of datasets: examples in three splits."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, NamedTuple, Self, TypeVar

import numpy as np

# Names of the first and the second post of a pair.
SLOTS = ("premise", "hypothesis")

# Function from an image and a side to pixels, uint8 `(side, side, 3)`.
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
    """Examples, each with the index of its label."""

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
        """Creates it from (sentence, translation) pairs."""
        pairs = list(pairs)
        return cls(tuple(s for s, _ in pairs), tuple(t for _, t in pairs))


@dataclass(frozen=True)
class Post:
    """A post with a text and an image.

    Attributes:
        text: The text; "" without a text.
        picture: The input of `Entailment.read`, which returns pixels; None
            without an image.
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
        """Returns the posts of one of `SLOTS`."""
        return self.premises if slot == SLOTS[0] else self.hypotheses


@dataclass(frozen=True)
class ImageSplit(Labelled):
    """Images of one size with labels.

    Attributes:
        pixels: uint8 array of shape `(images, height, width, channels)`, with 1
            channel (grey) or 3 (RGB).
        labels: Index of the label of each image.
    """

    pixels: np.ndarray = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)


class Box(NamedTuple):
    """A bounding box; lengths are fractions of the image's width or height.

    Attributes:
        label: Index of the label.
        left: Distance from the left edge of the image.
        top: Distance from the top edge of the image.
        width: Width of the box.
        height: Height of the box.
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
    """Images, the inputs of `Detection.read`, and their boxes."""

    pictures: tuple[Any, ...]
    boxes: tuple[tuple[Box, ...], ...]


Part = TypeVar("Part", bound=Examples)


@dataclass(frozen=True)
class Hashed:
    """A dataset with a digest."""

    def digest(self) -> str:
        """Returns the SHA-256 of all fields but the notes.

        Records store it, so the names of the fields must not change.
        """
        content = asdict(self)
        data = {k: v for k, v in content.items() if k not in ("notes", "read")}
        return hashlib.sha256(json.dumps(data).encode()).hexdigest()


@dataclass(frozen=True)
class Dataset(Hashed, Generic[Part]):
    """Labelled examples in three splits.

    Attributes:
        name: Name of the dataset, also used as a folder name.
        label_names: Names of the labels, by index.
        train: Training split.
        validation: Validation split, which selects epochs and models.
        test: Test split, which is scored once at the end.
        notes: Notes on the data, such as skipped rows, one per line.
    """

    name: str
    label_names: tuple[str, ...]
    train: Part
    validation: Part
    test: Part
    notes: tuple[str, ...] = ()


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
    """Images with labelled boxes."""

    read: Read = field(repr=False, kw_only=True)


@dataclass(frozen=True)
class Translation(Hashed):
    """Sentence pairs in three splits; no source is in two of them.

    Attributes:
        source: Source language, such as `"en"`.
        target: Target language, such as `"de"`.
        further_tests: Additional test splits, by name.

    The other attributes are those of `Dataset`.
    """

    name: str
    source: str
    target: str
    train: Pairs
    validation: Pairs
    test: Pairs
    further_tests: Mapping[str, Pairs] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

"""Sources of data, one a file; each yields plain Python and knows no model."""

import hashlib
import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

from demos.common.errors import UserError

if TYPE_CHECKING:
    import numpy as np

# Pictures that `keras.datasets` downloads.
KERAS_IMAGES = ("mnist", "fashion_mnist", "cifar10", "cifar100")
# Languages written without spaces: a character takes the place of a word.
UNSPACED = ("ja", "zh")


def base_language(language: str) -> str:
    """Returns a language without its region or script.

    Args:
        language: Such as `"zh-TW"` or `"pt_BR"`.

    Returns:
        Such as `"zh"` or `"pt"`.
    """
    return language.replace("_", "-").partition("-")[0].lower()


@dataclass(frozen=True)
class Split:
    """Texts and, for each of them, the index of its label."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class TextClassification:
    """Labelled texts in three splits; no text stands in two of them.

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
    train: Split
    validation: Split
    test: Split
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Returns the SHA-256 of labels and splits: it changes with the data.

        Returns:
            64 hexadecimal digits.
        """
        return _digest(self)


@dataclass(frozen=True)
class Pairs:
    """Sentences and, for each of them, its translation."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class Translation:
    """Sentence pairs in three splits; no source stands in two of them.

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
        """Returns the SHA-256 of languages and splits.

        Returns:
            64 hexadecimal digits; they change with the data.
        """
        return _digest(self)


# What the first and the second post of a pair are called.
SLOTS = ("premise", "hypothesis")


@dataclass(frozen=True)
class Post:
    """A text and a picture, as people post them.

    Attributes:
        text: "" where there is none.
        picture: What `Entailment.read` turns into pixels; None where there is
            none.
    """

    text: str
    picture: Any


@dataclass(frozen=True)
class PostPairs:
    """Pairs of posts and, for each of them, the index of its label."""

    premises: tuple[Post, ...]
    hypotheses: tuple[Post, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def posts(self, slot: str) -> tuple[Post, ...]:
        """Returns one side of the pairs.

        Args:
            slot: `"premise"` or `"hypothesis"`.

        Returns:
            The posts, in their order.
        """
        return dict(zip(SLOTS, (self.premises, self.hypotheses), strict=True))[
            slot
        ]

    def take(self, rows: Sequence[int]) -> "PostPairs":
        """Returns some of the pairs.

        Args:
            rows: Indices of those to take, in the order wanted.

        Returns:
            The pairs.
        """
        return PostPairs(
            tuple(self.premises[i] for i in rows),
            tuple(self.hypotheses[i] for i in rows),
            tuple(self.labels[i] for i in rows),
        )


@dataclass(frozen=True)
class Entailment:
    """Labelled pairs of posts in three splits.

    Attributes:
        name: Name of the dataset; it becomes the name of a folder.
        label_names: Name of each label, at its index.
        train: What a model learns from.
        validation: What chooses between epochs and between models.
        test: What is scored once, at the end.
        read: Turns a post's picture, and the pixels wanted of a side, into
            uint8 `(side, side, 3)`.
        notes: What a reader should know (rows left out and why), a line each.
    """

    name: str
    label_names: tuple[str, ...]
    train: PostPairs
    validation: PostPairs
    test: PostPairs
    read: Callable[[Any, int], "np.ndarray"] = field(repr=False)
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Returns the SHA-256 of labels and splits: it changes with the data.

        Returns:
            64 hexadecimal digits.
        """
        return _digest(self)


@dataclass(frozen=True)
class ImageSplit:
    """Pictures of one size and, for each of them, the index of its label.

    Attributes:
        pixels: uint8, shape `(pictures, height, width, channels)`, with 1
            channel (grey) or 3 (red, green and blue).
        labels: The indices.
    """

    pixels: "np.ndarray" = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int]) -> "ImageSplit":
        """Returns some of the pictures.

        Args:
            rows: Indices of those to take, in the order wanted.

        Returns:
            The pictures.
        """
        return ImageSplit(
            self.pixels[list(rows)], tuple(self.labels[i] for i in rows)
        )


@dataclass(frozen=True)
class ImageClassification:
    """Labelled pictures in three splits.

    Attributes:
        name: Name of the dataset; it becomes the name of a folder.
        label_names: Name of each label, at its index.
        train: What a model learns from.
        validation: What chooses between epochs and between models.
        test: What is scored once, at the end.
        notes: What a reader should know (pictures left out and why), a line
            each.
    """

    name: str
    label_names: tuple[str, ...]
    train: ImageSplit
    validation: ImageSplit
    test: ImageSplit
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Returns the SHA-256 of labels and splits: it changes with the data.

        Returns:
            64 hexadecimal digits.
        """
        found = hashlib.sha256(json.dumps(self.label_names).encode())
        for part in (self.train, self.validation, self.test):
            about = [part.pixels.shape, part.labels]
            found.update(json.dumps(about).encode())
            found.update(part.pixels.tobytes())
        return found.hexdigest()


class Box(NamedTuple):
    """Where a thing is in a picture, measured in sides of the picture.

    Attributes:
        label: Index of the name of the thing.
        left: From the left edge of the picture to the box, in its width.
        top: From the upper edge of the picture to the box, in its height.
        width: Of the box, in the picture's width.
        height: Of the box, in the picture's height.
        crowd: Whether it is around many things of a kind, not told apart
            (COCO's `iscrowd`).
    """

    label: int
    left: float
    top: float
    width: float
    height: float
    crowd: bool = False


@dataclass(frozen=True)
class BoxedPictures:
    """Pictures and, for each of them, the boxes around the things in it.

    Attributes:
        pictures: What `Detection.read` turns into pixels.
        boxes: Of each picture, none or more.
    """

    pictures: tuple[Any, ...]
    boxes: tuple[tuple[Box, ...], ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: Sequence[int]) -> "BoxedPictures":
        """Returns some of the pictures.

        Args:
            rows: Indices of those to take, in the order wanted.

        Returns:
            The pictures.
        """
        return BoxedPictures(
            tuple(self.pictures[i] for i in rows),
            tuple(self.boxes[i] for i in rows),
        )


@dataclass(frozen=True)
class Detection:
    """Pictures with boxes in three splits.

    Attributes:
        name: Name of the dataset; it becomes the name of a folder.
        label_names: Name of each kind of thing, at its index.
        train: What a model learns from.
        validation: What chooses between epochs and between models.
        test: What is scored once, at the end.
        read: Turns a picture, and the pixels wanted of a side, into uint8
            `(side, side, 3)`.
        notes: What a reader should know (boxes left out and why), a line each.
    """

    name: str
    label_names: tuple[str, ...]
    train: BoxedPictures
    validation: BoxedPictures
    test: BoxedPictures
    read: Callable[[Any, int], "np.ndarray"] = field(repr=False)
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Returns the SHA-256 of labels and splits: it changes with the data.

        Returns:
            64 hexadecimal digits.
        """
        return _digest(self)


def load(
    dataset: str,
    text_column: str = "text",
    label_column: str = "label",
    data_dir: Path | None = None,
) -> TextClassification:
    """Loads a dataset by its name, or the user's own file.

    Args:
        dataset: `"rotten_tomatoes"`, `"imdb"`, or the path of a `.csv` or
            `.tsv` file.
        text_column: Column of the texts in the user's own file.
        label_column: Column of the labels in the user's own file.
        data_dir: Folder where the IMDB archive, or what it unpacks to, was
            placed by hand.

    Returns:
        The dataset, split.

    Raises:
        UserError: The dataset is unknown, missing, or cannot be used.
    """
    if dataset == "rotten_tomatoes":
        from demos.datasets import rotten_tomatoes

        return rotten_tomatoes.load()
    if dataset == "imdb":
        from demos.datasets import imdb

        return imdb.load(data_dir)
    if Path(dataset).suffix.lower() in (".csv", ".tsv"):
        from demos.datasets import delimited

        return delimited.load(Path(dataset), text_column, label_column)
    raise UserError(
        "Expected --dataset to be rotten_tomatoes, imdb or the path of a .csv "
        f"or .tsv file. Received: {dataset!r}"
    )


def load_translation(
    dataset: str,
    source: str | None = None,
    target: str | None = None,
    data_dir: Path | None = None,
) -> Translation:
    """Loads sentence pairs by the dataset's name, or the user's own file.

    Args:
        dataset: `"emoji"`, `"multi30k"`, or the path of a `.tsv` file.
        source: Language translated from; by default the dataset's own: English
            of emoji, German of Multi30k.
        target: Language translated to; by default German of emoji, English of
            Multi30k.
        data_dir: Folder where the files of Multi30k were placed by hand.

    Returns:
        The dataset, split.

    Raises:
        UserError: The dataset is unknown, missing, or cannot be used.
    """
    if dataset == "emoji":
        from demos.datasets import emoji

        return emoji.load(source or "en", target or "de")
    if dataset == "multi30k":
        from demos.datasets import multi30k

        return multi30k.load(source or "de", target or "en", data_dir)
    if Path(dataset).suffix.lower() == ".tsv":
        from demos.datasets import pairs

        return pairs.load(Path(dataset), source or "source", target or "target")
    raise UserError(
        "Expected --dataset to be emoji, multi30k or the path of a .tsv file. "
        f"Received: {dataset!r}"
    )


def load_entailment(dataset: str, data_dir: Path | None = None) -> Entailment:
    """Loads pairs of posts by the dataset's name, or the user's own file.

    Args:
        dataset: `"scenes"`, `"tweets"`, or the path of a `.csv` or `.tsv` file.
        data_dir: Folder where the files of tweets were placed by hand.

    Returns:
        The dataset, split.

    Raises:
        UserError: The dataset is unknown, missing, or cannot be used.
    """
    if dataset == "scenes":
        from demos.datasets import scenes

        return scenes.load()
    if dataset == "tweets":
        from demos.datasets import tweets

        return tweets.load(data_dir)
    if Path(dataset).suffix.lower() in (".csv", ".tsv"):
        from demos.datasets import posts

        return posts.load(Path(dataset))
    raise UserError(
        "Expected --dataset to be scenes, tweets or the path of a .csv or .tsv "
        f"file. Received: {dataset!r}"
    )


def load_images(dataset: str, side: int | None = None) -> ImageClassification:
    """Loads labelled pictures by the dataset's name, or the user's own folder.

    Args:
        dataset: `"mnist_5k"`, `"digits"`, `"mnist"`, `"fashion_mnist"`,
            `"cifar10"`, `"cifar100"`, or the path of a folder that has a folder
            of pictures for each label.
        side: Pixels of a side that the pictures of a folder are resized to; by
            default 64. The pictures of the others have their own size.

    Returns:
        The dataset, split.

    Raises:
        UserError: The dataset is unknown, missing, or cannot be used.
    """
    if dataset == "mnist_5k":
        from demos.datasets import mnist_5k

        return mnist_5k.load()
    if dataset == "digits":
        from demos.datasets import digits

        return digits.load()
    if dataset in KERAS_IMAGES:
        from demos.datasets import keras_images

        return keras_images.load(dataset)
    if Path(dataset).is_dir():
        from demos.datasets import image_folder

        return image_folder.load(Path(dataset), side)
    raise UserError(
        f"Expected --dataset to be mnist_5k, digits, {', '.join(KERAS_IMAGES)} "
        "or the path of a folder with a folder of pictures for each label. "
        f"Received: {dataset!r}"
    )


def load_detection(dataset: str) -> Detection:
    """Loads pictures with boxes by the dataset's name, or the user's folder.

    Args:
        dataset: `"animals"`, or the path of a folder in COCO's format.

    Returns:
        The dataset, split.

    Raises:
        UserError: The dataset is unknown, missing, or cannot be used.
    """
    if dataset == "animals":
        from demos.datasets import animals

        return animals.load()
    if Path(dataset).is_dir():
        from demos.datasets import coco

        return coco.load(Path(dataset))
    raise UserError(
        "Expected --dataset to be animals or the path of a folder in COCO's "
        f"format. Received: {dataset!r}"
    )


def split_images(
    name: str,
    pixels: "np.ndarray",
    labels: Sequence[int],
    label_names: Sequence[str],
    notes: tuple[str, ...] = (),
) -> ImageClassification:
    """Splits pictures: 70% training, 10% validation, 20% test, by label.

    Args:
        name: Of the dataset.
        pixels: Shape `(pictures, height, width, channels)`.
        labels: Index of the label of each.
        label_names: Name of each label.
        notes: What a reader should know.

    Returns:
        The dataset: the same always.

    Raises:
        UserError: A label has too few pictures to stand in every split.
    """
    every = ImageSplit(pixels, tuple(int(label) for label in labels))
    validation, test, train = (
        every.take(sorted(rows))
        for rows in stratified_rows(
            name, "pictures", every.labels, label_names, (0.1, 0.2, 0.7)
        )
    )
    return ImageClassification(
        name, tuple(label_names), train, validation, test, notes
    )


def stratified_split(
    name: str,
    texts: Sequence[str],
    labels: Sequence[int],
    label_names: Sequence[str],
    fractions: Sequence[float],
    seed: int = 0,
) -> list[Split]:
    """Splits unique texts so that each split has the labels' proportions.

    Args:
        name: Names the data in errors.
        texts: The texts, each of them once.
        labels: Index of the label of each text.
        label_names: Name of each label, for errors.
        fractions: Fraction of the texts in each split; they sum to 1.
        seed: Seed of the draw; fixed, so that the split is the same always.

    Returns:
        One split for each fraction.

    Raises:
        UserError: A label has too few texts to stand in every split.
    """
    return [
        take(texts, labels, rows)
        for rows in stratified_rows(
            name, "texts", labels, label_names, fractions, seed
        )
    ]


def stratified_rows(
    name: str,
    what: str,
    labels: Sequence[int],
    label_names: Sequence[str],
    fractions: Sequence[float],
    seed: int = 0,
) -> list[list[int]]:
    """Splits rows so that each split has the labels' proportions.

    Args:
        name: Names the data in errors.
        what: Names the rows in errors, in the plural.
        labels: Index of the label of each row.
        label_names: Name of each label, for errors.
        fractions: Fraction of the rows in each split; they sum to 1.
        seed: Seed of the draw; fixed, so that the split is the same always.

    Returns:
        The indices of the rows of each split.

    Raises:
        UserError: A label has too few rows to stand in every split.
    """
    from sklearn.model_selection import train_test_split

    fewest = min(range(len(label_names)), key=list(labels).count)
    count = list(labels).count(fewest)
    needed = round(1 / min(fractions))
    if count < needed:
        raise UserError(
            f"Expected at least {needed} different {what} of each label in "
            f"{name}. Received: {count} of {label_names[fewest]!r}"
        )
    rest = list(range(len(labels)))
    left = 1.0
    splits = []
    for fraction in fractions[:-1]:
        chosen, rest = (
            list(part)
            for part in train_test_split(
                rest,
                train_size=round(len(rest) * fraction / left),
                stratify=[labels[i] for i in rest],
                random_state=seed,
            )
        )
        splits.append(chosen)
        left -= fraction
    return [*splits, rest]


def evenly_by_label(labels: Sequence[int], most: int) -> list[int]:
    """Chooses rows, evenly spaced among those of a label.

    Args:
        labels: Index of the label of each row.
        most: How many to take, about; at least one of each label.

    Returns:
        Their indices, each label as often as its share of the rows has it.

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


def take(
    texts: Sequence[str], labels: Sequence[int], rows: Sequence[int]
) -> Split:
    """Gathers rows into a split.

    Args:
        texts: All texts.
        labels: All labels.
        rows: Indices of those to take, in the order wanted.

    Returns:
        The split.
    """
    return Split(
        tuple(texts[i] for i in rows), tuple(int(labels[i]) for i in rows)
    )


def check_languages(source: str, target: str, choices: Sequence[str]) -> None:
    """Refuses languages that a dataset does not have.

    Args:
        source: Language translated from.
        target: Language translated to.
        choices: Languages of the dataset.

    Raises:
        UserError: A language is unknown, or both are the same.
    """
    for flag, language in (("source", source), ("target", target)):
        if language not in choices:
            raise UserError(
                f"Expected --{flag} to be one of {', '.join(choices)}. "
                f"Received: {language!r}"
            )
    if source == target:
        raise UserError(
            f"Expected --source and --target to be two of {', '.join(choices)}."
            f" Received: {source!r} for both"
        )


def gather(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """Gathers sentences and their translations into a split.

    Args:
        pairs: Each a sentence and its translation, in the order wanted.

    Returns:
        The split.
    """
    pairs = list(pairs)
    return Pairs(
        tuple(source for source, _ in pairs),
        tuple(target for _, target in pairs),
    )


def position(text: str) -> float:
    """Returns where a text stands in [0, 1): a fixed function of the text.

    It is the first 32 bits of the text's SHA-256. Splits are drawn by it: it
    looks random, is the same always, and has no seed to choose.

    Args:
        text: Any text.

    Returns:
        The position.
    """
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def _digest(
    dataset: TextClassification | Translation | Entailment | Detection,
) -> str:
    content = asdict(dataset)
    del content["notes"]
    content.pop("read", None)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()

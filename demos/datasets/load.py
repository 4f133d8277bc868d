"""Loads datasets by name, or from the user's own files.

Each function raises a `UserError` if the dataset is unknown, missing or
unusable.
"""

import os
from pathlib import Path

from demos.common.errors import UserError
from demos.datasets import (
    animals,
    coco,
    delimited,
    digits,
    emoji,
    image_folder,
    imdb,
    keras_images,
    mnist_5k,
    multi30k,
    pairs,
    posts,
    rotten_tomatoes,
    scenes,
    tweets,
)
from demos.datasets.types import (
    Detection,
    Entailment,
    ImageClassification,
    TextClassification,
    Translation,
)


def load_texts(
    dataset: str,
    text_column: str = "text",
    label_column: str = "label",
    data_dir: Path | None = None,
    split_seed: int | None = None,
) -> TextClassification:
    """Loads labelled texts: rotten_tomatoes, imdb or a `.csv` or `.tsv` file.

    Args:
        dataset: Name or path.
        text_column: Column of the texts in the file.
        label_column: Column of the labels in the file.
        data_dir: Folder with a manual download of the IMDB archive, or with its
            unpacked folder.
        split_seed: Seed of a random split; by default the split is fixed.
    """
    if dataset == "rotten_tomatoes":
        return rotten_tomatoes.load(split_seed)
    if dataset == "imdb":
        _check_fixed(dataset, split_seed)
        return imdb.load(data_dir)
    if dataset.lower().endswith((".csv", ".tsv")):
        return delimited.load(
            Path(dataset), text_column, label_column, split_seed
        )
    raise _unknown(
        dataset, "rotten_tomatoes, imdb or the path of a .csv or .tsv file"
    )


def load_translation(
    dataset: str,
    source: str | None = None,
    target: str | None = None,
    data_dir: Path | None = None,
) -> Translation:
    """Loads sentence pairs: emoji, multi30k or a `.tsv` file.

    Args:
        dataset: Name or path.
        source: Source language; by default English for emoji and German for
            Multi30k.
        target: Target language; by default German for emoji and English for
            Multi30k.
        data_dir: Folder with a manual download of Multi30k.
    """
    if dataset == "emoji":
        return emoji.load(source or "en", target or "de")
    if dataset == "multi30k":
        return multi30k.load(source or "de", target or "en", data_dir)
    if dataset.lower().endswith(".tsv"):
        return pairs.load(Path(dataset), source or "source", target or "target")
    raise _unknown(dataset, "emoji, multi30k or the path of a .tsv file")


def load_entailment(
    dataset: str, data_dir: Path | None = None, allow_outside: bool = False
) -> Entailment:
    """Loads pairs of posts: scenes, tweets or a `.csv` or `.tsv` file.

    Args:
        dataset: Name or path.
        data_dir: Folder with a manual download of tweets.
        allow_outside: Whether images may be outside the folder of the file.
    """
    if dataset == "scenes":
        return scenes.load()
    if dataset == "tweets":
        return tweets.load(data_dir)
    if dataset.lower().endswith((".csv", ".tsv")):
        return posts.load(Path(dataset), allow_outside)
    raise _unknown(dataset, "scenes, tweets or the path of a .csv or .tsv file")


def load_images(
    dataset: str, side: int | None = None, split_seed: int | None = None
) -> ImageClassification:
    """Loads labelled images.

    Args:
        dataset: mnist_5k, digits, one of `keras_images.NAMES`, or the path of
            a folder with a subfolder of images for each label.
        side: The images of a folder are resized to this size in pixels; by
            default 64. The images of the other datasets keep their size.
        split_seed: Seed of a random split; by default the split is fixed.
    """
    if dataset == "mnist_5k":
        return mnist_5k.load(split_seed)
    if dataset == "digits":
        return digits.load(split_seed)
    if dataset in keras_images.NAMES:
        _check_fixed(dataset, split_seed)
        return keras_images.load(dataset)
    if os.path.isdir(dataset):
        return image_folder.load(Path(dataset), side, split_seed)
    raise _unknown(
        dataset,
        f"mnist_5k, digits, {', '.join(keras_images.NAMES)} or the path of a "
        "folder with a subfolder of images for each label",
    )


def load_detection(dataset: str, allow_outside: bool = False) -> Detection:
    """Loads images with boxes: `"animals"`, or a folder in COCO format.

    Args:
        dataset: Name or path.
        allow_outside: Whether images may be outside the folder.
    """
    if dataset == "animals":
        return animals.load()
    if os.path.isdir(dataset):
        return coco.load(Path(dataset), allow_outside)
    raise _unknown(dataset, "animals or the path of a folder in COCO format")


def _check_fixed(dataset: str, split_seed: int | None) -> None:
    if split_seed is not None:
        raise UserError(
            f"--resplit is not possible: {dataset} has its own test split"
        )


def _unknown(dataset: str, choices: str) -> UserError:
    return UserError(
        f"Expected --dataset to be {choices}. Received: {dataset!r}"
    )

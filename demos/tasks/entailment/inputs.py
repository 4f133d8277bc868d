"""Multimodal entailment: converts posts to the arrays of the model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from demos.datasets.images import Pictures, read_all
from demos.datasets.types import SLOTS, Entailment, PostPairs
from demos.tasks import word_tokenizer
from demos.tasks.entailment.options import ModelConfig
from demos.tasks.entailment.presets import preset_text_inputs
from demos.tasks.task import SPLITS

Arrays = dict[str, np.ndarray]
NO_IMAGE = {"shown": 0}


class TextReader:
    """Converts texts to the input arrays of a text encoder, one row per text.

    The word `tokenizer` is None for a pretrained encoder. `empty` has the
    arrays of an empty text.
    """

    def __init__(
        self,
        read: Callable[[list[str]], dict[str, Any]],
        sequence_length: int,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        self.read = read
        self.sequence_length = sequence_length
        self.tokenizer = tokenizer
        self.empty = {name: row[0] for name, row in read([""]).items()}

    @classmethod
    def learn(cls, texts: Sequence[str], sizes: ModelConfig) -> "TextReader":
        """Learns the vocabulary and the length of the training texts."""
        length = sizes.sequence_length
        if sizes.text_preset:
            if length is None:  # In its own tokens, including start and end.
                whole = cls.of_preset(sizes.text_preset, word_tokenizer.LONGEST)
                masks = whole.read(list(texts))["padding_mask"]
                length = word_tokenizer.covering(masks.sum(axis=1).tolist())
            return cls.of_preset(sizes.text_preset, length)
        tokenizer = word_tokenizer.learn(texts, sizes.vocabulary_size)
        length = length or word_tokenizer.length_for(tokenizer, texts)
        return cls.of_words(tokenizer, length)

    @classmethod
    def of_words(
        cls, tokenizer: Tokenizer, sequence_length: int
    ) -> "TextReader":
        """Creates a reader for the encoder that is trained from scratch."""
        return cls(
            lambda texts: {
                "tokens": word_tokenizer.encode(
                    tokenizer, texts, sequence_length
                )
            },
            sequence_length,
            tokenizer,
        )

    @classmethod
    def of_preset(cls, preset: str, sequence_length: int) -> "TextReader":
        """Creates a reader for a pretrained encoder."""
        return cls(preset_text_inputs(preset, sequence_length), sequence_length)


def read_posts(
    dataset: Entailment, reader: TextReader, image_size: int
) -> tuple[Entailment, dict[str, Arrays], tuple[str, ...]]:
    """Reads the posts of all splits.

    Returns:
        The dataset, without pairs in which a post has neither text nor a
        readable image; the arrays of each split by the names of the model's
        inputs; and notes.
    """
    arrays: dict[str, Arrays] = {}
    seconds = 0.0
    count = empty = 0
    damaged: set[Any] = set()
    for name in SPLITS:
        part: PostPairs = getattr(dataset, name)
        arrays[name] = {}
        kept = np.ones(len(part), bool)
        for slot in SLOTS:
            posts = part.posts(slot)
            images = read_all(
                [post.picture for post in posts],
                dataset.read,
                image_size,
                f"{name} images",
            )
            seconds += images.seconds
            count += sum(post.picture is not None for post in posts)
            damaged |= images.damaged
            texts = [post.text for post in posts]
            kept &= np.array([*map(bool, texts)]) | (images.shown[:, 0] > 0)
            arrays[name] |= post_arrays(slot, reader, texts, images)
        if not kept.all():  # A post had only a damaged image.
            rows = np.flatnonzero(kept)
            empty += len(part) - len(rows)
            arrays[name] = {k: v[rows] for k, v in arrays[name].items()}
            change: Any = {name: part.take(rows.tolist())}
            dataset = replace(dataset, **change)
    notes = []
    if count:
        speed = f"{count / seconds:,.0f} per second"
        notes.append(f"{count} images read, {speed}")
    if damaged:
        such = min(str(getattr(image, "path", image)) for image in damaged)
        notes.append(f"{len(damaged)} damaged images, such as {such}")
    if empty:
        notes.append(f"{empty} pairs skipped because a post is empty")
    return dataset, arrays, tuple(notes)


def post_arrays(
    slot: str, reader: TextReader, texts: list[str], images: Pictures
) -> Arrays:
    """Returns the arrays of the posts of a slot, one row per post.

    The arrays have the names of the model's inputs.
    """
    return {
        **{f"{slot}_{k}": array for k, array in reader.read(texts).items()},
        f"{slot}_pixels": images.pixels,
        f"{slot}_shown": images.shown,
    }


def hide(
    arrays: Arrays,
    slot: str,
    empty: Mapping[str, Any],
    rows: Any = slice(None),
) -> None:
    """Replaces texts or images of a slot by copies in which some are hidden.

    `empty` has the replacements by name, `NO_IMAGE` for images. `rows` selects
    the posts; by default all.
    """
    for name, row in empty.items():
        hidden = arrays[f"{slot}_{name}"].copy()
        hidden[rows] = row
        arrays[f"{slot}_{name}"] = hidden


def hide_modalities(
    served: Mapping[str, np.ndarray],
    generator: np.random.Generator,
    rate: float,
    empty: Mapping[str, np.ndarray],
) -> Arrays:
    """Hides random texts and images of a batch, never both of a post.

    `rate` is the fraction of the texts, and of the images, that are hidden.
    """
    arrays = dict(served)
    for slot in SLOTS:
        drawn = generator.random(len(arrays[f"{slot}_shown"]))
        shown = arrays[f"{slot}_shown"][:, 0] > 0
        told = np.any(
            [
                (arrays[f"{slot}_{name}"] != row).any(axis=1)
                for name, row in empty.items()
            ],
            axis=0,
        )
        hide(arrays, slot, empty, shown & (drawn < rate))
        hide(arrays, slot, NO_IMAGE, told & (drawn > 1 - rate))
    return arrays

"""Multimodal entailment: options of the command. Nothing here imports Keras."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from demos.common.cli import (
    OptionalInt,
    OptionalPath,
    OptionalStr,
    option_value,
)
from demos.common.errors import UserError
from demos.common.files import is_regular
from demos.tasks.demo import Demo
from demos.tasks.options import (
    Optimizer,
    PredictOptions,
    StudyOptions,
    check_heads,
    check_numbers,
    check_texts,
    check_vocabulary,
)


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the model."""

    embedding_dim: int = 32
    """Width of embeddings, of the last convolution and of the projections."""
    feedforward_dim: int = 64
    """Width of the dense layer inside a text encoder; it has the activation."""
    hidden_dim: int = 128
    """Width of the first dense layer of the classifier, which has the
    activation; the second is half as wide."""
    layers: int = 0
    """Number of Transformer encoders of a text; with 0, it is a bag of
    words."""
    heads: int = 4
    """Number of heads of each attention; must divide --embedding-dim."""
    channels: int = 16
    """Channels of the first convolution; each further one has twice as many, up
    to --embedding-dim."""
    image_size: int = 32
    """Height and width that images are resized to, in pixels: 16, 32, 64, ...;
    any with --image-preset."""
    vocabulary_size: int = 10000
    """Maximum number of words: the most frequent ones of the training texts."""
    sequence_length: OptionalInt = None
    """Number of tokens read of a text; by default enough for 95% of the
    training texts, and at most 256."""
    initializer: str = "glorot_uniform"
    """Initializer of the weights of encoders, heads and classifier, by its
    Keras name, such as he_normal or serf_normal."""
    fusion: Literal["cross_attention", "concatenation"] = "cross_attention"
    """How texts and images are combined: compared by cross-attention, or
    concatenated."""
    text_preset: OptionalStr = None
    """Pretrained text encoder: the name of a KerasHub preset, or its folder."""
    image_preset: OptionalStr = None
    """Pretrained image encoder: the name of a KerasHub preset, or its
    folder."""
    finetune: bool = False
    """Trains the pretrained encoders too."""


@dataclass(frozen=True)
class TrainingConfig:
    """Training, the same for every activation."""

    epochs: int = 4
    """Number of epochs; the weights of the epoch with the best validation
    macro-F1 are kept."""
    batch_size: int = 32
    """Batch size, in pairs."""
    optimizer: Optimizer = "adamw"
    """Optimizer; sgd has Nesterov momentum 0.9."""
    learning_rate: float = 0.002
    """Peak learning rate; linear warm-up, cosine decay."""
    warmup_epochs: float = 0.5
    """Length of the warm-up, in epochs."""
    weight_decay: float = 0.001
    """Decoupled weight decay."""
    dropout: float = 0.0
    """Dropout rate in encoders, heads and classifier."""
    modality_dropout: float = 0.0
    """Fraction of the texts, and of the images, hidden in training, so that
    posts may lack one."""
    class_weights: bool = False
    """Weights each label by the inverse of its frequency in training."""
    focal_gamma: float = 0.0
    """Above 0, focal loss with this gamma: well classified pairs count
    less."""


@dataclass(frozen=True)
class EntailmentOptions(StudyOptions):
    """Trains a small multimodal model with each activation, and compares them.

    As baselines, models of the same size that see only the texts, only the
    images or only the hypothesis.
    """

    dataset: str = "scenes"
    """scenes (composed of OpenMoji drawings, no download), tweets (1,400 pairs
    with images, download) or the path of your own .csv or .tsv file with the
    columns text_1, image_1, text_2, image_2, label."""
    data_dir: OptionalPath = None
    """Folder that holds your own download of tweets.csv and
    tweet_images.tar.gz."""
    allow_outside: bool = False
    """Reads images that are not in the folder of your own file."""
    unimodal_baselines: bool = True
    """Trains the models that see only a part too, one trial each;
    --no-unimodal-baselines leaves them out."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class EntailmentPredictOptions(PredictOptions):
    """Prints whether the first of two posts entails the second, and the
    probabilities.
    """  # noqa: D205 - it is the help text, a sentence.

    text_1: str = ""
    """Text of the first post, the premise."""
    image_1: OptionalPath = None
    """Image of the first post."""
    text_2: str = ""
    """Text of the second post, the hypothesis."""
    image_2: OptionalPath = None
    """Image of the second post."""

    def posts(self) -> list[tuple[str, Path | None]]:
        """Returns text and image of each post."""
        pairs = ((self.text_1, self.image_1), (self.text_2, self.image_2))
        # Of --image-1 "".
        return [(t.strip(), None if i == Path() else i) for t, i in pairs]

    def check(self) -> None:
        """Raises UserError where a post is empty, or its image missing."""
        for number, (text, image) in enumerate(self.posts(), 1):
            if not (text or image):
                raise UserError(
                    f"predict needs --text-{number} or --image-{number}, or "
                    'both: predict --text-1 "a text" --image-1 a.png --text-2 '
                    "..."
                )
            if image and not is_regular(image):
                raise UserError(f"{image} is not found, or no regular file")
        check_texts([self.text_1, self.text_2])


def presets(arguments: Sequence[str]) -> EntailmentOptions | None:
    """Returns the defaults of the `--dataset` of a command line."""
    if option_value(arguments, "--dataset") in ("scenes", None):
        return None
    # Other data have fewer pairs, and images of more things.
    return EntailmentOptions(
        model=ModelConfig(image_size=64, channels=32, embedding_dim=64),
        training=TrainingConfig(
            epochs=20, learning_rate=0.001, dropout=0.3, modality_dropout=0.1
        ),
    )


def check(options: Any) -> None:
    """Raises UserError where sizes or training are invalid."""
    model, training = options.model, options.training
    check_numbers(
        [model, training],
        fractions=("dropout", "modality_dropout"),
        may_be_zero=("weight_decay", "layers", "focal_gamma", "warmup_epochs"),
    )
    check_heads(model.embedding_dim, model.heads)
    check_vocabulary(model.vocabulary_size, model.sequence_length)
    power = model.image_size.bit_length() - 1
    if not model.image_preset and (power < 4 or model.image_size != 2**power):
        raise UserError(
            f"--image-size must be 16, 32, 64, ... Received: {model.image_size}"
        )
    if training.modality_dropout > 0.5:
        raise UserError(
            "--modality-dropout must be at most 0.5, so that each post keeps "
            f"its text or its image. Received: {training.modality_dropout}"
        )


DEMO = Demo(
    "entailment",
    EntailmentOptions,
    EntailmentPredictOptions,
    check,
    presets,
    notes="The defaults of the numbers are those of scenes; other data have "
    "their own: give --dataset before --help to see them.",
    example="predict --text-1 TEXT --image-1 FILE ...",
)

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
    """Width of the feed-forward layer of an encoder, which uses the
    activation."""
    hidden_dim: int = 128
    """Width of the first dense layer of the classifier, which uses the
    activation. The second layer is half as wide."""
    layers: int = 0
    """Number of Transformer encoders for texts. With 0, a text is a bag of
    words."""
    heads: int = 4
    """Number of attention heads. It must divide --embedding-dim."""
    channels: int = 16
    """Channels of the first convolution. Each further convolution doubles them,
    up to --embedding-dim."""
    image_size: int = 32
    """Images are resized to this height and width, in pixels: 16, 32, 64, ...,
    or any number with --image-preset."""
    vocabulary_size: int = 10000
    """Maximum vocabulary size: the most frequent words of the training
    texts."""
    sequence_length: OptionalInt = None
    """Texts are truncated to this number of tokens. The default covers 95% of
    the training texts, up to 256 tokens."""
    initializer: str = "glorot_uniform"
    """Keras name of the initializer of encoders, heads and classifier, such as
    he_normal or serf_normal."""
    fusion: Literal["cross_attention", "concatenation"] = "cross_attention"
    """Combines texts and images by cross-attention or by concatenation."""
    text_preset: OptionalStr = None
    """Pretrained text encoder: name or folder of a KerasHub preset."""
    image_preset: OptionalStr = None
    """Pretrained image encoder: name or folder of a KerasHub preset."""
    finetune: bool = False
    """Also trains the pretrained encoders."""


@dataclass(frozen=True)
class TrainingConfig:
    """Training, the same for every activation."""

    epochs: int = 4
    """Number of epochs. The model keeps the weights of the epoch with the best
    validation macro-F1."""
    batch_size: int = 32
    """Batch size, in pairs."""
    optimizer: Optimizer = "adamw"
    """Optimizer. sgd uses Nesterov momentum 0.9."""
    learning_rate: float = 0.002
    """Peak learning rate; linear warm-up, cosine decay."""
    warmup_epochs: float = 0.5
    """Length of the warm-up, in epochs."""
    weight_decay: float = 0.001
    """Decoupled weight decay."""
    dropout: float = 0.0
    """Dropout rate in encoders, heads and classifier."""
    modality_dropout: float = 0.0
    """Fraction of texts, and of images, hidden in training, so that the model
    learns to handle posts without one of them."""
    class_weights: bool = False
    """Weights each label by the inverse of its training frequency."""
    focal_gamma: float = 0.0
    """Gamma of the focal loss, which gives less weight to well-classified
    pairs. 0 is cross-entropy."""


@dataclass(frozen=True)
class EntailmentOptions(StudyOptions):
    """Trains a small multimodal model with each activation, and compares them.

    Baselines of the same size see only the texts, only the images or only the
    hypothesis.
    """

    dataset: str = "scenes"
    """scenes (composed of OpenMoji drawings, no download), tweets (1,400 pairs
    with images, download), or the path of your own .csv or .tsv file with the
    columns text_1, image_1, text_2, image_2, label."""
    data_dir: OptionalPath = None
    """Folder with tweets.csv and tweet_images.tar.gz, if you have downloaded
    them."""
    allow_outside: bool = False
    """Allows images outside the folder of your own file."""
    unimodal_baselines: bool = True
    """Also trains the baselines that see only a part, one trial each;
    --no-unimodal-baselines skips them."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class EntailmentPredictOptions(PredictOptions):
    """Prints whether the first post entails the second, with the
    probabilities.
    """  # noqa: D205 - the help text is one sentence.

    text_1: str = ""
    """Text of the first post, the premise."""
    image_1: OptionalPath = None
    """Image of the first post."""
    text_2: str = ""
    """Text of the second post, the hypothesis."""
    image_2: OptionalPath = None
    """Image of the second post."""

    def posts(self) -> list[tuple[str, Path | None]]:
        """Returns the text and the image of each post."""
        pairs = ((self.text_1, self.image_1), (self.text_2, self.image_2))
        # --image-1 "" gives Path(), which means no image.
        return [(t.strip(), None if i == Path() else i) for t, i in pairs]

    def check(self) -> None:
        """Raises UserError if a post is empty or its image does not exist."""
        for number, (text, image) in enumerate(self.posts(), 1):
            if not (text or image):
                raise UserError(
                    f"predict needs --text-{number} or --image-{number}, or "
                    'both: predict --text-1 "a text" --image-1 a.png --text-2 '
                    "..."
                )
            if image and not is_regular(image):
                raise UserError(f"{image} does not exist or is not a file")
        check_texts([self.text_1, self.text_2])


def presets(arguments: Sequence[str]) -> EntailmentOptions | None:
    """Returns the default options for the `--dataset` of a command line."""
    if option_value(arguments, "--dataset") in ("scenes", None):
        return None
    # Other data have fewer pairs, and more varied images.
    return EntailmentOptions(
        model=ModelConfig(image_size=64, channels=32, embedding_dim=64),
        training=TrainingConfig(
            epochs=20, learning_rate=0.001, dropout=0.3, modality_dropout=0.1
        ),
    )


def check(options: Any) -> None:
    """Raises UserError if model or training options are invalid."""
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
    notes="The default numbers below are for scenes. To see those of other "
    "data, give --dataset before --help.",
    example="predict --text-1 TEXT --image-1 FILE ...",
)

"""Sentiment: options of the command. Nothing here imports Keras."""

from dataclasses import dataclass, field
from typing import Any

from demos.common.cli import OptionalInt, OptionalPath
from demos.tasks.demo import Demo
from demos.tasks.options import (
    Optimizer,
    PredictTextOptions,
    StudyOptions,
    check_heads,
    check_numbers,
    check_vocabulary,
)


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the model."""

    embedding_dim: int = 32
    """Width of the embeddings and of the encoders."""
    feedforward_dim: int = 64
    """Width of the feed-forward layer of an encoder, which uses the
    activation."""
    head_dim: int = 64
    """Width of the dense layer before the output, which uses the activation."""
    layers: int = 1
    """Number of Transformer encoders."""
    heads: int = 4
    """Number of attention heads. It must divide --embedding-dim."""
    initializer: str = "glorot_uniform"
    """Keras name of the initializer of encoders and head, such as he_normal or
    serf_normal."""
    vocabulary_size: int = 10000
    """Maximum vocabulary size: the most frequent words of the training
    texts."""
    sequence_length: OptionalInt = None
    """Texts are truncated to this number of words. The default covers 95% of
    the training texts, up to 256 words."""


@dataclass(frozen=True)
class TrainingConfig:
    """Training, the same for every activation."""

    epochs: int = 7
    """Number of epochs. The model keeps the weights of the epoch with the best
    validation accuracy."""
    batch_size: int = 128
    """Batch size, in texts."""
    optimizer: Optimizer = "adamw"
    """Optimizer. sgd uses Nesterov momentum 0.9."""
    learning_rate: float = 0.003
    """Learning rate."""
    weight_decay: float = 0.01
    """Decoupled weight decay."""
    label_smoothing: float = 0.2
    """Label smoothing of the cross-entropy."""
    word_dropout: float = 0.3
    """Fraction of training words that are replaced by "unknown"."""
    embedding_dropout: float = 0.5
    """Dropout rate of the embeddings."""
    encoder_dropout: float = 0.1
    """Dropout rate in the encoders."""
    head_dropout: float = 0.3
    """Dropout rate before and after the dense layer of the head."""
    averaging: float = 0.6
    """Time constant of the exponential moving average of the weights, in
    epochs. 0 disables the average."""


@dataclass(frozen=True)
class SentimentOptions(StudyOptions):
    """Trains a small Transformer with each activation, and compares them."""

    dataset: str = "rotten_tomatoes"
    """rotten_tomatoes (12,752 short reviews, no download), imdb (50,000 long
    reviews, 80 MB download), or the path of your own .csv or .tsv file in
    UTF-8."""
    text_column: str = "text"
    """Name of the text column in your own file."""
    label_column: str = "label"
    """Name of the label column in your own file, with at least two labels."""
    data_dir: OptionalPath = None
    """Folder with aclImdb_v1.tar.gz (imdb), if you have downloaded it."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class SentimentPredictOptions(PredictTextOptions):
    """Prints each text with its label and probability."""


def check(options: Any) -> None:
    """Raises UserError if model or training options are invalid."""
    model = options.model
    check_numbers(
        [model, options.training],
        fractions=(
            "label_smoothing",
            "word_dropout",
            "embedding_dropout",
            "encoder_dropout",
            "head_dropout",
        ),
        may_be_zero=("weight_decay", "averaging"),
    )
    check_heads(model.embedding_dim, model.heads)
    check_vocabulary(model.vocabulary_size, model.sequence_length)


DEMO = Demo(
    "sentiment",
    SentimentOptions,
    SentimentPredictOptions,
    check,
    resplits=True,
)

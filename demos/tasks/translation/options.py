"""Translation: options of the command. Nothing here imports Keras."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from demos.common.cli import (
    OptionalFloat,
    OptionalInt,
    OptionalPath,
    OptionalStr,
    option_value,
    optional,
)
from demos.common.errors import UserError
from demos.tasks.demo import Demo
from demos.tasks.options import (
    Optimizer,
    PredictTextOptions,
    StudyOptions,
    check_heads,
    check_numbers,
)

SMALLEST_VOCABULARY = 256 + 3  # Bytes, and padding, start and end.

Size = Literal["tiny", "small", "paper"]
OptionalSize = Annotated[Size | None, optional("{tiny,small,paper}")]


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the model."""

    layers: int = 2
    """Number of encoders, and of decoders."""
    embedding_dim: int = 128
    """Width of embeddings, encoders and decoders."""
    feedforward_dim: int = 256
    """Width of the feed-forward layers, which use the activation."""
    heads: int = 4
    """Number of attention heads. It must divide --embedding-dim."""
    initializer: str = "glorot_uniform"
    """Keras name of the initializer of encoders and decoders, such as he_normal
    or serf_normal."""
    vocabulary: Literal["shared", "separate"] = "shared"
    """Uses one vocabulary and embedding for source and target, or two."""
    vocabulary_size: int = 2000
    """Maximum number of subwords of each vocabulary, at least 259: 256 bytes,
    padding, start and end."""
    longest: int = 100
    """Maximum number of subwords of a sentence. Longer pairs are dropped from
    the training split; longer sentences of other splits are truncated."""


@dataclass(frozen=True)
class TrainingConfig:
    """Training, the same for every activation."""

    epochs: int = 15
    """Maximum number of epochs. The model keeps the weights of the epoch with
    the lowest validation loss."""
    patience: int = 3
    """Training stops after this number of epochs without a lower validation
    loss."""
    batch_tokens: int = 2048
    """Batch size in subwords, of source and of target, including padding."""
    buckets: int = 8
    """Maximum number of different padded lengths. Each is compiled once."""
    optimizer: Optimizer = "adam"
    """Optimizer. adam uses beta_2 = 0.98, sgd uses Nesterov momentum 0.9."""
    learning_rate: float = 0.003
    """Peak learning rate; linear warm-up, cosine decay."""
    warmup_epochs: float = 1.0
    """Length of the warm-up, in epochs."""
    weight_decay: float = 0.01
    """Decoupled weight decay, as in AdamW. 0 disables it."""
    clip_norm: float = 1.0
    """Maximum norm of the gradient of all weights."""
    label_smoothing: float = 0.1
    """Label smoothing of the cross-entropy."""
    dropout: float = 0.1
    """Dropout rate of embeddings, attention and the outputs of each layer."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Dtype policy of the layers. The weights are always float32."""


@dataclass(frozen=True)
class DecodingConfig:
    """Decoding of the test split."""

    beam_width: int = 5
    """Beam width. 1 is greedy search."""
    length_penalty: float = 1.0
    """Log-probabilities are divided by the length to this power."""


SIZES: Mapping[str, tuple[ModelConfig, TrainingConfig]] = {
    "tiny": (
        ModelConfig(
            layers=1, embedding_dim=64, feedforward_dim=128, vocabulary_size=800
        ),
        TrainingConfig(
            epochs=7,
            patience=7,
            batch_tokens=512,
            buckets=4,
            learning_rate=0.005,
            weight_decay=0.0,
        ),
    ),
    "small": (ModelConfig(), TrainingConfig()),
    "paper": (
        ModelConfig(
            layers=3,
            embedding_dim=256,
            feedforward_dim=512,
            heads=8,
            vocabulary_size=6000,
        ),
        TrainingConfig(epochs=30, patience=5, learning_rate=0.001, dropout=0.2),
    ),
}


@dataclass(frozen=True)
class TranslationOptions(StudyOptions):
    """Trains a small Transformer with each activation, and compares them."""

    dataset: str = "emoji"
    """emoji (names of emoji in 14 languages, no download), multi30k (29,000
    image captions in en, de, fr and cs, 1.4 MB download), or the path of your
    own .tsv file in UTF-8: source, tab, target, without a header."""
    source: OptionalStr = None
    """Source language. The default is en for emoji and de for multi30k."""
    target: OptionalStr = None
    """Target language. The default is de for emoji and en for multi30k. For zh
    and ja, sacreBLEU scores characters instead of words."""
    data_dir: OptionalPath = None
    """Folder with the files of Multi30k, if you have downloaded them."""
    size: OptionalSize = None
    """Preset of the model and training options below: tiny (default for emoji),
    small (default for other data), or paper (needs a GPU)."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)


@dataclass(frozen=True)
class TranslationPredictOptions(PredictTextOptions):
    """Prints the translation of each text."""

    beam_width: OptionalInt = None
    """Beam width. The default is that of the study."""
    length_penalty: OptionalFloat = None
    """Log-probabilities are divided by the length to this power. The default is
    that of the study."""


def presets(arguments: Sequence[str]) -> TranslationOptions:
    """Returns the default options for the `--size` of a command line."""
    emoji = option_value(arguments, "--dataset") in ("emoji", None)
    size = option_value(arguments, "--size") or ("tiny" if emoji else "small")
    # The parser rejects an unknown size.
    model, training = SIZES.get(size, SIZES["small"])
    return TranslationOptions(model=model, training=training)


def check(options: Any) -> None:
    """Raises UserError if an option is invalid."""
    model = options.model
    check_numbers(
        [model, options.training],
        fractions=("label_smoothing", "dropout"),
        may_be_zero=("weight_decay", "warmup_epochs"),
    )
    check_decoding(options.decoding)
    check_heads(model.embedding_dim, model.heads)
    if model.vocabulary_size < SMALLEST_VOCABULARY:
        raise UserError(
            f"--vocabulary-size must be at least {SMALLEST_VOCABULARY}: 256 "
            f"bytes, padding, start and end. Received: {model.vocabulary_size}"
        )
    if model.longest < 2:
        raise UserError(
            "--longest must be at least 2: one subword and the end. "
            f"Received: {model.longest}"
        )


def check_decoding(decoding: DecodingConfig) -> None:
    """Raises UserError if a decoding option is invalid."""
    check_numbers([decoding], may_be_zero=("length_penalty",))
    if decoding.beam_width > 100:
        raise UserError(
            f"--beam-width must be at most 100. Received: {decoding.beam_width}"
        )


DEMO = Demo(
    "translation",
    TranslationOptions,
    TranslationPredictOptions,
    check,
    presets,
    notes="The default numbers below depend on --size. To see those of another "
    "size, give --size before --help.",
)

"""Command-line options that the tasks share, and checks that need no Keras."""

import importlib.util
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from demos.common.cli import (
    OptionalFloat,
    OptionalInt,
    OptionalPath,
    OptionalStr,
    optional,
)
from demos.common.errors import UserError
from demos.common.files import check_writable, is_regular

Backend = Annotated[
    Literal["tensorflow", "jax", "torch"] | None,
    optional("{tensorflow,jax,torch}"),
]
MOST_IMAGE_SIZE = 1024  # Pixels; a batch of larger ones fills the memory.
Optimizer = Literal["adamw", "adam", "nadam", "lion", "rmsprop", "sgd"]
Values = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(metavar="NAME=VALUE,...", help_behavior_hint=""),
]


@dataclass(frozen=True)
class StudyOptions:
    """Options of every command that compares activations."""

    activations: tuple[str, ...] = ("relu", "silu", "serf")
    """Activations to compare: serf, and any name that Keras knows, such as
    relu, gelu, silu and mish."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Random seeds. Each activation is trained once with each seed."""
    reference: str = "serf"
    """The activation that is compared with each of the others."""
    margin: OptionalFloat = None
    """The smallest difference that matters, in points of a score in percent, or
    in BLEU. Smaller differences count as equivalent. The default is 1."""
    tune: Values = ()
    """Tunes a model or training option on the validation split, separately for
    each activation: --tune learning_rate=0.001,0.003,0.01."""
    tune_seeds: tuple[int, ...] = (1000, 1001, 1002)
    """Random seeds of the tuning trials."""
    resplit: bool = False
    """Draws a new split of the data for each seed, so that the intervals also
    cover the choice of the data."""
    out: OptionalPath = None
    """Output folder. The default is in runs/, named after the task and the
    dataset. Run the same command again to resume the study."""
    backend: Backend = None
    """Keras backend. The default is the value of KERAS_BACKEND."""
    vary: Values = ()
    """Runs the study for each value of a model or training option. Repeat it
    for all combinations: --vary layers=1,2,4 --vary optimizer=adam,sgd."""
    jobs: OptionalInt = None
    """Number of parallel training processes, which share the cores. The default
    is 1, or 1 for each node of a Ray cluster."""
    engine: Literal["local", "ray"] = "local"
    """Trains on this machine, or on a Ray cluster whose machines share the
    output folder."""
    address: OptionalStr = None
    """Address of the Ray head node, such as 10.0.0.1:6379. The default is the
    cluster on this machine, or a new one."""
    tensorboard: bool = False
    """Writes TensorBoard logs: tensorboard --logdir FOLDER/tensorboard."""
    quick: bool = False
    """Runs a smoke test: little data, 1 epoch, at most 3 seeds and 2
    activations. The scores are not meaningful."""


@dataclass(frozen=True)
class PredictOptions:
    """Options of every command that uses a trained model."""

    activation: OptionalStr = None
    """Uses the model with this activation. The default is the model with the
    best validation score."""
    out: OptionalPath = None
    """Folder of the study. The default is the latest study of this task in
    runs/ that has a model."""
    backend: Backend = None
    """Keras backend. It may differ from the one that trained the model."""

    def check(self) -> None:
        """Raises UserError if the input is missing or invalid."""


@dataclass(frozen=True)
class PredictTextOptions(PredictOptions):
    """Options of every command that uses a trained model on texts."""

    texts: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="TEXT [TEXT ...]", help_behavior_hint=""),
    ] = ()
    """The input texts."""

    def check(self) -> None:
        """Raises UserError if there is no text."""
        if not self.texts:
            raise UserError('predict needs at least one text: predict "a text"')
        check_texts(self.texts)


@dataclass(frozen=True)
class PredictImageOptions(PredictOptions):
    """Options of every command that uses a trained model on images."""

    images: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="IMAGE [IMAGE ...]", help_behavior_hint=""),
    ] = ()
    """The image files."""

    def check(self) -> None:
        """Raises UserError if no image is given, or one does not exist."""
        if not self.images:
            raise UserError("predict needs at least one image: predict a.png")
        for path in self.images:
            if not is_regular(path):
                raise UserError(f"{path} does not exist or is not a file")


def check_texts(texts: Sequence[str]) -> None:
    """Raises UserError if a text has bytes that are not UTF-8."""
    for number, text in enumerate(texts, 1):
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise UserError(
                f"text {number} is not UTF-8: {text}; if your locale is not "
                "UTF-8, set PYTHONUTF8=1"
            )


def check_study(options: StudyOptions, runs: Path) -> None:
    """Raises UserError if the options or the output folder are invalid."""
    for name in ("activations", "seeds"):
        check_unique(f"--{name}", getattr(options, name))
    for name in ("seeds", "tune_seeds"):
        seeds = getattr(options, name)
        if not all(0 <= seed < 2**32 for seed in seeds):
            raise UserError(
                f"--{name.replace('_', '-')} must be from 0 to 4294967295. "
                f"Received: {' '.join(map(str, seeds))}"
            )
    # If serf is not among them, the first activation is the reference.
    if options.reference not in ("serf", *options.activations):
        raise UserError(
            "--reference must be one of --activations. Received: "
            f"{options.reference}"
        )
    if options.margin is not None and not 0 < options.margin < math.inf:
        raise UserError(f"--margin must be above 0. Received: {options.margin}")
    if options.tune:
        check_unique("--tune-seeds", options.tune_seeds)
        if again := set(options.seeds) & set(options.tune_seeds):
            raise UserError(
                "--tune-seeds and --seeds must not have seeds in common. "
                f"Received in both: {' '.join(map(str, sorted(again)))}"
            )
    if options.jobs is not None and options.jobs < 1:
        raise UserError(f"--jobs must be at least 1. Received: {options.jobs}")
    if options.engine == "local" and options.address is not None:
        raise UserError("--address needs --engine ray")
    if options.tensorboard and not importlib.util.find_spec("tensorboard"):
        raise UserError(
            "--tensorboard needs TensorBoard; install it with: "
            "pip install tensorboard"
        )
    check_writable(options.out or runs)


def check_unique(name: str, values: Sequence[Any]) -> None:
    """Raises UserError if an option has no value, or has one twice."""
    if not values or len(set(values)) < len(values):
        raise UserError(
            f"{name} needs at least one value, without repeats. "
            f"Received: {' '.join(map(str, values)) or 'none'}"
        )


def check_numbers(
    configs: Sequence[Any],
    fractions: Collection[str] = (),
    may_be_zero: Collection[str] = (),
) -> None:
    """Raises UserError if a number in the fields of dataclasses is invalid.

    Fields in `fractions` must be in [0, 1). All others must be finite and
    above 0, or at least 0 for those in `may_be_zero`.
    """
    for config in configs:
        for name, value in vars(config).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            valid, needed = 0 < value < math.inf, "above 0"
            if name in fractions:
                valid, needed = 0 <= value < 1, "at least 0 and below 1"
            elif name == "image_size" and value > MOST_IMAGE_SIZE:
                valid, needed = False, f"at most {MOST_IMAGE_SIZE}"
            if not valid and not (value == 0 and name in may_be_zero):
                raise UserError(
                    f"--{name.replace('_', '-')} must be {needed}. "
                    f"Received: {value}"
                )


def check_heads(embedding_dim: int, heads: int) -> None:
    """Raises UserError if the number of heads does not divide the width."""
    if embedding_dim % heads:
        raise UserError(
            f"--heads must divide --embedding-dim. Received: {heads} and "
            f"{embedding_dim}"
        )


def check_vocabulary(vocabulary_size: int, sequence_length: int | None) -> None:
    """Raises UserError if a vocabulary or a sequence is too short."""
    if vocabulary_size < 3:
        raise UserError(
            "--vocabulary-size must be at least 3: padding, unknown and one "
            f"word. Received: {vocabulary_size}"
        )
    # Attention over one token has nothing to choose from.
    if sequence_length is not None and sequence_length < 2:
        raise UserError(
            f"--sequence-length must be at least 2. Received: {sequence_length}"
        )

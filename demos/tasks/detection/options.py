"""Detection: options of the command. Nothing here imports Keras."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demos.common.cli import option_value
from demos.common.errors import UserError
from demos.tasks.demo import Demo
from demos.tasks.options import (
    Optimizer,
    PredictImageOptions,
    StudyOptions,
    check_numbers,
)


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the model."""

    image_size: int = 64
    """Images are resized to this height and width, in pixels. It must be a
    multiple of 16."""
    channels: int = 16
    """Channels of the first convolution. Each convolution that halves the
    resolution doubles the channels."""
    layers: int = 1
    """Number of residual blocks at each of the three resolutions."""
    initializer: str = "he_normal"
    """Keras name of the initializer of the convolutions, such as glorot_uniform
    or serf_normal."""


@dataclass(frozen=True)
class TrainingConfig:
    """Training, the same for every activation."""

    epochs: int = 5
    """Number of epochs. The model keeps the weights of the epoch with the best
    validation mAP."""
    batch_size: int = 32
    """Batch size, in images."""
    optimizer: Optimizer = "adamw"
    """Optimizer. sgd uses Nesterov momentum 0.9."""
    learning_rate: float = 0.02
    """Peak learning rate; linear warm-up, cosine decay."""
    warmup_epochs: float = 0.5
    """Length of the warm-up, in epochs."""
    weight_decay: float = 0.001
    """Decoupled weight decay."""
    flip: bool = False
    """Flips half of the training images horizontally."""


@dataclass(frozen=True)
class DetectionOptions(StudyOptions):
    """Trains a small detector with each activation, and compares them."""

    dataset: str = "animals"
    """animals (images composed of OpenMoji drawings, no download), or the path
    of your own folder in COCO format, with the images and
    annotations/instances_train*.json or train/_annotations.coco.json."""
    allow_outside: bool = False
    """Allows images outside that folder."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class DetectionPredictOptions(PredictImageOptions):
    """Prints one line for each object in the images: score, label and box
    (left, top, right and bottom, in pixels).
    """  # noqa: D205 - the help text is one sentence.

    score: float = 0.3
    """Minimum score of a box."""
    save: Path = Path("detections")
    """Folder for copies of the images with the boxes drawn."""

    def check(self) -> None:
        """Raises UserError if an image or the score is invalid."""
        super().check()
        if not 0 <= self.score <= 1:
            raise UserError(
                f"--score must be from 0 to 1. Received: {self.score}"
            )


def presets(arguments: Sequence[str]) -> DetectionOptions | None:
    """Returns the default options for the `--dataset` of a command line."""
    if option_value(arguments, "--dataset") in ("animals", None):
        return None
    # Other data have fewer and larger images, with more classes.
    return DetectionOptions(
        model=ModelConfig(image_size=128, channels=32),
        training=TrainingConfig(
            epochs=50, batch_size=16, learning_rate=0.005, flip=True
        ),
    )


def check(options: Any) -> None:
    """Raises UserError if model or training options are invalid."""
    check_numbers(
        [options.model, options.training],
        may_be_zero=("weight_decay", "layers", "warmup_epochs"),
    )
    if options.model.image_size % 16:
        raise UserError(
            "--image-size must be a multiple of 16. Received: "
            f"{options.model.image_size}"
        )


DEMO = Demo(
    "detection",
    DetectionOptions,
    DetectionPredictOptions,
    check,
    presets,
    notes="The default numbers below are for animals. To see those of other "
    "data, give --dataset before --help.",
    example="predict IMAGE ...",
)

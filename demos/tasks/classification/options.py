"""Classification: options of the command. Nothing here imports Keras."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from demos.common.cli import (
    OptionalFloat,
    OptionalInt,
    option_value,
)
from demos.tasks.demo import Demo
from demos.tasks.options import (
    Optimizer,
    PredictImageOptions,
    StudyOptions,
    check_numbers,
)


@dataclass(frozen=True)
class ModelConfig:
    """Network and sizes."""

    network: str = "cnn"
    """cnn (convolutional network), mlp (only dense layers) or a network of
    Keras Applications with random initial weights, such as resnet50v2 or
    mobilenetv2."""
    layers: int = 3
    """Number of hidden layers: convolutions for cnn, dense layers for mlp."""
    width: OptionalInt = None
    """For mlp, units of each hidden layer (default 128). For cnn, channels of
    the first convolution (default 16); each pooling doubles the channels."""
    initializer: str = "he_normal"
    """Keras name of the initializer of the hidden layers of cnn and mlp, such
    as glorot_uniform or serf_normal."""
    unit_variance: bool = False
    """Scales the initial weights of cnn and mlp so that the outputs of each
    hidden layer have variance 1 for every activation."""
    batch_normalization: bool = False
    """Adds batch normalization before each activation of cnn and mlp."""
    image_size: OptionalInt = None
    """Images are resized to this height and width, in pixels. By default,
    images in a folder become 64 x 64, and small images become 32 x 32 for Keras
    Applications; other images keep their size."""

    def __post_init__(self) -> None:
        # Keras writes ResNet50V2; the config of a trial has lower case.
        object.__setattr__(self, "network", self.network.lower())


@dataclass(frozen=True)
class TrainingConfig:
    """Training, the same for every activation."""

    epochs: int = 10
    """Number of epochs. The model keeps the weights of the epoch with the best
    validation accuracy."""
    batch_size: int = 32
    """Batch size, in images."""
    optimizer: Optimizer = "adam"
    """Optimizer. sgd uses Nesterov momentum 0.9."""
    learning_rate: OptionalFloat = None
    """Initial learning rate; cosine decay to 0. The default is the optimizer's
    default in Keras: 0.01 for sgd, 0.001 for the others."""
    weight_decay: float = 0.0
    """Decoupled weight decay."""
    dropout: float = 0.0
    """Dropout rate, after each hidden layer of mlp and before the last layer of
    cnn."""
    shift: int = 0
    """Maximum random shift of training images in each direction, in pixels."""
    flip: bool = False
    """Flips half of the training images horizontally."""


# The defaults of each dataset. CIFAR uses the standard augmentation: He et al.,
# "Deep residual learning", 2016, section 4.2.
DATASETS: Mapping[str, tuple[ModelConfig, TrainingConfig]] = {
    "digits": (ModelConfig(), TrainingConfig(epochs=20)),
    "mnist": (ModelConfig(), TrainingConfig(batch_size=128)),
    "fashion_mnist": (ModelConfig(width=32), TrainingConfig(batch_size=128)),
    **dict.fromkeys(
        ("cifar10", "cifar100"),
        (
            ModelConfig(layers=6, width=32, batch_normalization=True),
            TrainingConfig(
                epochs=20, batch_size=128, dropout=0.2, shift=4, flip=True
            ),
        ),
    ),
}


@dataclass(frozen=True)
class ClassificationOptions(StudyOptions):
    """Trains an image classifier with each activation, and compares them."""

    dataset: str = "mnist_5k"
    """mnist_5k (5,000 handwritten digits, no download), digits (1,797 smaller
    digits, no download), mnist, fashion_mnist, cifar10, cifar100 (downloaded),
    or the path of your own folder, with one subfolder of images per label."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class ClassificationPredictOptions(PredictImageOptions):
    """Prints the label, probability and path of each image."""


def presets(arguments: Sequence[str]) -> ClassificationOptions | None:
    """Returns the default options for the `--dataset` of a command line."""
    name = option_value(arguments, "--dataset")
    if name is None or name not in DATASETS:
        return None
    model, training = DATASETS[name]
    return ClassificationOptions(model=model, training=training)


def check(options: Any) -> None:
    """Raises UserError if model or training options are invalid."""
    check_numbers(
        [options.model, options.training],
        fractions=("dropout",),
        may_be_zero=("weight_decay", "shift"),
    )


DEMO = Demo(
    "classification",
    ClassificationOptions,
    ClassificationPredictOptions,
    check,
    presets,
    resplits=True,
    notes="The default numbers below are for mnist_5k. To see those of other "
    "data, give --dataset before --help.",
    example="predict IMAGE ...",
)

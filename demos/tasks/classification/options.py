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
    """The network and its sizes."""

    network: str = "cnn"
    """cnn (a few convolutions), mlp (dense layers alone, any number) or a
    network of Keras Applications, such as resnet50v2 or mobilenetv2, with
    random initial weights."""
    layers: int = 3
    """Number of hidden layers: convolutions of cnn, dense layers of mlp."""
    width: OptionalInt = None
    """Units of a hidden layer of mlp, by default 128; channels of the first
    convolution of cnn, by default 16, which double with each pooling."""
    initializer: str = "he_normal"
    """Initializer of the hidden layers of cnn and mlp, by its Keras name, such
    as glorot_uniform or serf_normal."""
    unit_variance: bool = False
    """Scales the initial weights of cnn and mlp so that the outputs of each
    hidden layer have a variance of 1, whatever the activation."""
    batch_normalization: bool = False
    """Batch normalization before each activation of cnn and mlp."""
    image_size: OptionalInt = None
    """Height and width that images are resized to, in pixels. By default those
    of a folder become 64 x 64, small ones 32 x 32 for Keras Applications, and
    others keep their size."""

    def __post_init__(self) -> None:
        # Keras has other capitals, ResNet50V2; a trial's config does not.
        object.__setattr__(self, "network", self.network.lower())


@dataclass(frozen=True)
class TrainingConfig:
    """Training, the same for every activation."""

    epochs: int = 10
    """Number of epochs; the weights of the epoch with the best validation
    accuracy are kept."""
    batch_size: int = 32
    """Batch size, in images."""
    optimizer: Optimizer = "adam"
    """Optimizer; sgd has Nesterov momentum 0.9."""
    learning_rate: OptionalFloat = None
    """Initial learning rate, with cosine decay to 0; by default Keras' default
    of the optimizer: 0.01 for sgd, 0.001 for the others."""
    weight_decay: float = 0.0
    """Decoupled weight decay."""
    dropout: float = 0.0
    """Dropout rate after each hidden layer of mlp, and before the last layer of
    cnn."""
    shift: int = 0
    """Maximum random shift of training images in each direction, in pixels."""
    flip: bool = False
    """Flips half of the training images horizontally."""


# The defaults of each dataset. The augmentation of CIFAR is the usual one: He
# et al., "Deep residual learning", 2016, section 4.2.
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
    """Trains a network with each activation on images, and compares them."""

    dataset: str = "mnist_5k"
    """mnist_5k (5,000 handwritten digits, no download), digits (1,797 smaller
    ones, no download), mnist, fashion_mnist, cifar10, cifar100 (downloaded) or
    the path of your own folder, with a folder of images for each label."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class ClassificationPredictOptions(PredictImageOptions):
    """Prints label, probability and path for each image."""


def presets(arguments: Sequence[str]) -> ClassificationOptions | None:
    """Returns the defaults of the `--dataset` of a command line."""
    name = option_value(arguments, "--dataset")
    if name is None or name not in DATASETS:
        return None
    model, training = DATASETS[name]
    return ClassificationOptions(model=model, training=training)


def check(options: Any) -> None:
    """Raises UserError where sizes or training are invalid."""
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
    notes="The defaults of the numbers are those of mnist_5k; other data have "
    "their own: give --dataset before --help to see them.",
    example="predict IMAGE ...",
)

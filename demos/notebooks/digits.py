"""Networks of any depth that read handwritten digits, trained in seconds.

The data are the 1,797 pictures of 8 x 8 pixels that scikit-learn carries:
Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998 (https://doi.org/10.24432/C50P49).
"""

from dataclasses import dataclass

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from demos.training.dead_units import DeadUnits

TEST_SHARE = 0.2
BATCH_SIZE = 32


@dataclass(frozen=True)
class Digits:
    """Pictures and what they show.

    Attributes:
        x: float32, shape `(pictures, 64)`: the pixels, from 0 to 1.
        y: int32, shape `(pictures,)`: the digit, from 0 to 9.
    """

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Trained:
    """What one training has left.

    Attributes:
        model: The network, compiled; its loss is a mean over the pictures.
        accuracy: On the test, after each epoch.
        dead: Share of dead units, before training and after each epoch; see
            `DeadUnits`.
    """

    model: keras.Model
    accuracy: list[float]
    dead: list[float]


def load() -> tuple[Digits, Digits]:
    """Loads the digits.

    Returns:
        1,437 pictures to train on and 360 to test, with the same share of
        each digit in both.

    Example:

    >>> train, test = load()
    >>> train.x.shape, test.x.shape
    ((1437, 64), (360, 64))
    """
    x, y = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        (x / 16).astype("float32"),
        y.astype("int32"),
        test_size=TEST_SHARE,
        stratify=y,
        random_state=0,
    )
    return Digits(train_x, train_y), Digits(test_x, test_y)


def build(activation: str, depth: int, width: int) -> keras.Model:
    """Builds a network of dense layers, its weights drawn by Keras' seed.

    Args:
        activation: Of the hidden layers.
        depth: How many hidden layers there are.
        width: Units of each.

    Returns:
        A model of `(batch, 64)` to logits `(batch, 10)`.

    Example:

    >>> build("relu", depth=3, width=16).output_shape
    (None, 10)
    """
    hidden = [
        keras.layers.Dense(width, activation, kernel_initializer="he_normal")
        for _ in range(depth)
    ]
    return keras.Sequential(
        [keras.Input((64,)), *hidden, keras.layers.Dense(10)]
    )


def train(
    activation: str,
    *,
    depth: int,
    width: int,
    learning_rate: float,
    epochs: int = 10,
    seed: int = 0,
) -> Trained:
    """Trains a network by Adam.

    At the same seed, initial weights and the order of the data are the same
    for every activation.

    Args:
        activation: Of the hidden layers.
        depth: How many hidden layers there are.
        width: Units of each.
        learning_rate: Of Adam.
        epochs: Passes over the training pictures.
        seed: Decides initial weights and the order of the data.

    Returns:
        The network and its curves.

    Example:

    >>> found = train(
    ...     "relu", depth=1, width=8, learning_rate=0.01, epochs=2
    ... )
    >>> len(found.accuracy), len(found.dead)
    (2, 3)
    """
    keras.utils.set_random_seed(seed)
    digits, test = load()
    model = build(activation, depth, width)
    model.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    dead = DeadUnits(digits.x)
    history = model.fit(
        digits.x,
        digits.y,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=(test.x, test.y),
        verbose=0,
        callbacks=[dead],
    ).history
    return Trained(model, history["val_accuracy"], dead.totals)

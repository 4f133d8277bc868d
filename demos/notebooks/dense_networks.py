"""Dense networks of any depth that read handwritten digits, in seconds."""

from dataclasses import dataclass

import keras

from demos.datasets.digits import load_arrays
from demos.training.dead_units import DeadUnits

BATCH_SIZE = 32


@dataclass(frozen=True)
class Trained:
    """A trained network and its curves.

    Attributes:
        model: The network, compiled; its loss is a mean over the images.
        accuracy: Test accuracy after each epoch.
        dead: Share of dead units, before training and after each epoch; see
            `DeadUnits`.
    """

    model: keras.Model
    accuracy: list[float]
    dead: list[float]


def build(activation: str, layers: int, width: int) -> keras.Model:
    """Builds a network with so many hidden layers of so many units.

    Returns:
        A model of `(batch, 64)` to logits `(batch, 10)`.

    Example:

    >>> build("relu", layers=3, width=16).output_shape
    (None, 10)
    """
    hidden = [
        keras.layers.Dense(width, activation, kernel_initializer="he_normal")
        for _ in range(layers)
    ]
    return keras.Sequential(
        [keras.Input((64,)), *hidden, keras.layers.Dense(10)]
    )


def train(
    activation: str,
    *,
    layers: int,
    width: int,
    learning_rate: float,
    epochs: int = 10,
    seed: int = 0,
) -> Trained:
    """Trains a network with Adam.

    At the same seed, initial weights and the order of the data are the same
    for every activation.

    Args:
        activation: Activation of the hidden layers.
        layers: Number of hidden layers.
        width: Units of each.
        learning_rate: Learning rate of Adam.
        epochs: Passes over the training images.
        seed: Decides initial weights and the order of the data.

    Example:

    >>> trained = train(
    ...     "relu", layers=1, width=8, learning_rate=0.01, epochs=2
    ... )
    >>> len(trained.accuracy), len(trained.dead)
    (2, 3)
    """
    keras.utils.set_random_seed(seed)
    train_x, train_y, test_x, test_y = load_arrays()
    model = build(activation, layers, width)
    model.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    dead = DeadUnits(train_x)
    history = model.fit(
        train_x,
        train_y,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=(test_x, test_y),
        verbose=0,
        callbacks=[dead],
    ).history
    return Trained(model, history["val_accuracy"], dead.totals)

"""Labelled pictures that Keras downloads: MNIST, Fashion-MNIST and CIFAR.

Sources: https://keras.io/api/datasets/, which checks the archives' digests and
keeps them in its cache.
"""

import contextlib
import sys

import numpy as np

from demos.common.backend import start_keras
from demos.common.errors import UserError
from demos.datasets import ImageClassification
from demos.datasets import ImageSplit
from demos.datasets import stratified_rows

VALIDATION = 0.1  # Of what Keras calls the training pictures.
# Of which Keras knows the numbers alone; the names are those of the sources.
LABEL_NAMES = {
    "fashion_mnist": "T-shirt, trouser, pullover, dress, coat, sandal, shirt, "
    "sneaker, bag, ankle boot",
    "cifar10": "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, "
    "truck",
}


def load(name: str) -> ImageClassification:
    """Loads a dataset of `keras.datasets`.

    Args:
        name: `"mnist"`, `"fashion_mnist"`, `"cifar10"` or `"cifar100"`.

    Returns:
        The dataset: Keras' test, and its training pictures, of which 10%, by
        label, are the validation.

    Raises:
        UserError: It could not be downloaded or read.
    """
    start_keras()
    import keras

    try:
        # Keras tells of its progress there, where results alone go.
        with contextlib.redirect_stdout(sys.stderr):
            (x, y), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception on any failure.
        raise UserError(
            f"{name} could not be downloaded ({error}); mnist_5k and digits "
            "need no download"
        ) from None
    train, test = _split(x, y), _split(x_test, y_test)
    count = max(train.labels) + 1
    known = LABEL_NAMES.get(name)
    label_names = (
        tuple(known.split(", "))
        if known
        else tuple(str(label) for label in range(count))
    )
    validation, rest = stratified_rows(
        name,
        "pictures",
        train.labels,
        label_names,
        (VALIDATION, 1 - VALIDATION),
    )
    return ImageClassification(
        name,
        label_names,
        train.take(sorted(rest)),
        train.take(sorted(validation)),
        test,
    )


def _split(x: np.ndarray, y: np.ndarray) -> ImageSplit:
    """Gives grey pictures a channel, and labels one dimension."""
    pixels = x if x.ndim == 4 else x[..., np.newaxis]
    return ImageSplit(pixels.astype("uint8"), tuple(y.ravel().tolist()))

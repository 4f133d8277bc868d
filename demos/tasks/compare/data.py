"""`compare`: the user's data, split into training, validation and test."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from demos.common.errors import UserError
from demos.tasks.task import SPLITS

# Fractions of unsplit data for validation and for testing.
HELD_OUT = 0.15

Arrays = tuple[Any, Any]  # Inputs and targets: arrays or structures of arrays.


def split(data: Any, seed: int | None = None) -> dict[str, Arrays]:
    """Splits the data of `compare` into training, validation and test.

    A seed draws a random split. By default, the split is fixed.

    Example:

    >>> import numpy as np
    >>> parts = split((np.zeros((100, 3)), np.zeros(100)))
    >>> {name: len(y) for name, (x, y) in parts.items()}
    {'train': 70, 'validation': 15, 'test': 15}
    """
    if isinstance(data, Mapping):
        if set(data) != set(SPLITS):
            raise UserError(
                f"data must have the keys {', '.join(SPLITS)}. "
                f"Received: {', '.join(map(str, data))}"
            )
        parts = [data[name] for name in SPLITS]
    elif isinstance(data, tuple) and all(map(_is_pair, data)):
        parts = list(data)
    else:
        parts = [data]
    if not 1 <= len(parts) <= 3 or not all(map(_is_pair, parts)):
        raise UserError(
            "data must be (x, y), or two or three such pairs, or a dictionary "
            f"of {', '.join(SPLITS)}. Received: {type(data).__name__}"
        )
    if seed is not None and len(parts) > 1:
        raise UserError(
            "resplit needs data without splits, (x, y). Received: "
            f"{len(parts)} splits"
        )
    parts = [_arrays(part) for part in parts]
    if len(parts) == 1:
        rest, test = _divide(parts[0], HELD_OUT, seed or 0)
        parts = [*_divide(rest, HELD_OUT / (1 - HELD_OUT), seed or 0), test]
    elif len(parts) == 2:
        parts = [*_divide(parts[0], HELD_OUT, 0), parts[1]]
    return dict(zip(SPLITS, parts, strict=True))


def rows_of(part: Any, rows: Any) -> Any:
    """Returns some rows of arrays, or of structures of arrays."""
    return keras.tree.map_structure(lambda array: array[rows], part)


def count_rows(part: Arrays) -> int:
    """Returns the number of rows of inputs and targets."""
    return len(keras.tree.flatten(part)[0])


def _is_pair(part: Any) -> bool:
    return isinstance(part, tuple) and len(part) == 2


def _arrays(part: Arrays) -> Arrays:
    """Converts to NumPy arrays; checks that the numbers of rows agree."""

    def plain(each: Any) -> Any:
        # Either a list of inputs, or the rows of one input.
        if isinstance(each, list) and not all(
            hasattr(e, "shape") for e in each
        ):
            return np.asarray(each)
        return each

    arrays = keras.tree.map_structure(
        lambda array: np.asarray(keras.ops.convert_to_numpy(array)),
        tuple(map(plain, part)),
    )
    counts = [
        array.shape[0] if array.ndim else 0
        for array in keras.tree.flatten(arrays)
    ]
    if len(set(counts)) != 1 or counts[0] < 1:
        raise UserError(
            "x and y must have the same number of rows, at least 1. "
            f"Received: {', '.join(map(str, counts)) or 'none'}"
        )
    return arrays


def _divide(part: Arrays, fraction: float, seed: int) -> tuple[Arrays, Arrays]:
    """Splits off a random fraction of the rows."""
    count = count_rows(part)
    held_out = round(fraction * count)
    if not 0 < held_out < count:
        raise UserError(f"data has too few rows to split. Received: {count}")
    order = np.random.default_rng(seed).permutation(count)
    kept, away = order[held_out:], order[:held_out]
    return rows_of(part, kept), rows_of(part, away)

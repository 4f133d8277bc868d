"""Batches of array rows; the training order depends on seed and epoch.

All batches have the same shape, so that one step is compiled.
"""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def predict(
    model: keras.Model, inputs: np.ndarray, batch_size: int
) -> np.ndarray:
    """Returns a model's outputs, computed in batches of the same shape.

    Args:
        model: A model with one input and one output.
        inputs: Shape `(rows, ...)`.
        batch_size: Maximum number of rows of a batch.
    """
    batch_size = min(batch_size, len(inputs))
    missing = -len(inputs) % batch_size
    # Only rows are padded, with copies of the last row.
    edges = [(0, missing)] + [(0, 0)] * (inputs.ndim - 1)
    filled = np.pad(inputs, edges, mode="edge") if missing else inputs
    answers = model.predict(filled, batch_size=batch_size, verbose=0)
    return answers[: len(inputs)]


class ArrayBatches(keras.utils.PyDataset):
    """Batches of array rows for `keras.Model.fit`, shuffled in each epoch.

    NumPy draws the order, so it depends only on the seed and the epoch, not on
    backend, activation or model.

    Args:
        inputs: An array, or a structure of arrays, with the same number of rows
            as `targets`.
        targets: An array, or a structure of arrays.
        batch_size: Number of rows of a batch. Remaining rows at the end of an
            epoch are dropped, so that all batches have the same shape.
        seed: Random seed.
        change: Function that gets the inputs of a batch and a random generator
            for that batch, and returns the inputs to use.

    Attributes:
        seconds: Time spent on preparing batches.
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any,
        batch_size: int,
        seed: int,
        change: Callable[[Any, np.random.Generator], Any] | None = None,
    ) -> None:
        super().__init__()
        self.seconds = 0.0
        self._arrays = inputs, targets
        self._rows = len(keras.tree.flatten(targets)[0])
        self._batch_size = min(batch_size, self._rows)
        self._seed = seed
        self._change = change
        self._start(0)

    def __len__(self) -> int:
        return self._rows // self._batch_size

    def __getitem__(self, index: int):
        began = time.perf_counter()
        first = index * self._batch_size
        rows = self._order[first : first + self._batch_size]
        inputs, targets = keras.tree.map_structure(
            lambda array: array[rows], self._arrays
        )
        if self._change is not None:
            # Seeded by the batch, so the order of access does not matter.
            draw = np.random.default_rng([self._seed, self._epoch, index])
            inputs = self._change(inputs, draw)
        self.seconds += time.perf_counter() - began
        return inputs, targets

    def on_epoch_end(self) -> None:
        """Draws the order of the next epoch."""
        self._start(self._epoch + 1)

    def _start(self, epoch: int) -> None:
        self._epoch = epoch
        draw = np.random.default_rng([self._seed, epoch])
        self._order = draw.permutation(self._rows)

"""`compare`: trivial baselines, the best constant predictions."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from demos.tasks.compare.data import Arrays

# Minimum distance of probabilities from 0 and 1, to take logarithms.
EPSILON = 1e-7


def trivial_baseline(
    model: keras.Model,
    train: Arrays,
    test: Arrays,
    metric: str,
    higher_is_better: bool,
) -> dict[str, dict[str, float]]:
    """Scores the best prediction that does not depend on the inputs.

    For labels, it is the class frequencies, that is, the majority class; for
    numbers, the mean or the median of the training targets. Probabilities and
    logits are tried, and the one with the better `metric` is used.

    Returns:
        The model's metrics by the name of the baseline; empty if the model has
        several outputs, or metrics that cannot be computed without it.
    """
    targets, truth = train[1], test[1]
    shape = model.output_shape
    if not isinstance(targets, np.ndarray) or isinstance(shape, list | dict):
        return {}
    scores = {}
    for name, constant in _constants(targets, shape):
        constant_model = _ConstantModel(constant.astype("float32"))
        try:
            constant_model.compile_from_config(model.get_compile_config())
            found = constant_model.evaluate(
                np.zeros((len(truth), 1), "float32"),
                truth,
                verbose=0,
                return_dict=True,
            )
        except Exception:  # A user's metric may raise anything.
            continue
        if np.isfinite(found.get(metric, np.nan)):
            scores[name] = {k: float(v) for k, v in found.items()}
    if not scores:
        return {}
    sign = 1 if higher_is_better else -1
    best = max(  # The lower loss decides a tie, for example of accuracies.
        scores,
        key=lambda name: (sign * scores[name][metric], -scores[name]["loss"]),
    )
    return {best.partition(",")[0]: scores[best]}


def _constants(
    targets: np.ndarray, output_shape: tuple[int | None, ...]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields names and values of constant predictions for one example."""
    units = output_shape[-1]
    flat = targets.reshape(len(targets), -1)
    whole = np.issubdtype(targets.dtype, np.integer) or (
        np.issubdtype(targets.dtype, np.floating)
        and np.array_equal(flat, np.rint(flat))
    )
    if whole and flat.shape[1] == 1 and units and units > 1:
        if flat.min() < 0 or flat.max() >= units:
            return
        counts = np.bincount(flat[:, 0].astype(int), minlength=units)
        frequencies = counts / counts.sum()
        yield "majority class", frequencies
        yield "majority class, logits", np.log(frequencies + EPSILON)
        return
    mean = targets.mean(axis=0)
    name = "mean of the targets"
    if targets.min() >= 0 and targets.max() <= 1:
        inside = np.clip(mean, EPSILON, 1 - EPSILON)
        one_hot = targets.ndim > 1 and np.allclose(flat.sum(axis=1), 1)
        if whole:
            name = "majority class"
        yield (
            f"{name}, logits",
            (np.log(inside) if one_hot else np.log(inside / (1 - inside))),
        )
    yield name, mean
    if not whole:
        yield "median of the targets", np.median(targets, axis=0)


class _ConstantModel(keras.Model):
    """Predicts one value for every input."""

    def __init__(self, value: np.ndarray) -> None:
        super().__init__()
        self.value = value

    def call(self, inputs: Any) -> Any:
        """Returns the value for each row of the inputs."""
        value = keras.ops.convert_to_tensor(self.value)
        if value.ndim == 0:  # A model with one unit returns a column.
            value = keras.ops.reshape(value, (1,))
        rows = keras.ops.shape(inputs)[0]
        return keras.ops.tile(value[None], (rows, *[1] * value.ndim))

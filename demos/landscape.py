"""How smooth is what a network computes, and what it is trained on?

Two landscapes over a plane, as papers on activations draw them: the output of a
network of random weights over two inputs, and the loss of a trained one along
two random directions of its weights.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

Array = NDArray[Any]


def outputs(
    activation: str,
    *,
    layers: int = 5,
    units: int = 64,
    span: float = 3.0,
    side: int = 101,
    seed: int = 0,
) -> Array:
    """Computes the output of a random network at each point of a square.

    At the same seed the weights are the same for every activation.

    Args:
        activation: Of the hidden layers.
        layers: How many there are.
        units: Of each.
        span: The square goes from -span to span.
        side: Points of a side.
        seed: Decides the weights: He's normal ones.

    Returns:
        float64, shape `(side, side)`.

    Example:

    >>> outputs("relu", side=5).shape
    (5, 5)
    """
    initializer = keras.initializers.HeNormal
    network = keras.Sequential(
        [
            keras.Input((2,)),
            *(
                keras.layers.Dense(
                    units,
                    activation,
                    kernel_initializer=initializer(seed * 1000 + number),
                )
                for number in range(layers)
            ),
            keras.layers.Dense(
                1, kernel_initializer=initializer(seed * 1000 + layers)
            ),
        ]
    )
    line = np.linspace(-span, span, side)
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    found = ops.convert_to_numpy(network(points.astype("float32")))
    return found.reshape(side, side).astype("float64")


def losses(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    span: float = 1.0,
    side: int = 21,
    seed: int = 0,
) -> Array:
    """Computes the loss around a model's weights, in two random directions.

    Each direction is as long as the weights, unit by unit: Li et al.,
    "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018, section 4
    (https://arxiv.org/abs/1712.09913). Vectors, such as biases, stay. The
    weights are put back.

    Args:
        model: Compiled; its loss is a mean over the examples.
        x: Inputs.
        y: Targets.
        span: Steps go from -span to span of the directions.
        side: Points of a side; odd, so that the model itself is in the middle.
        seed: Decides the directions.

    Returns:
        float64, shape `(side, side)`.

    Raises:
        ValueError: `side` is even.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> losses(model, np.ones((4, 2)), np.ones((4, 1)), side=3).shape
    (3, 3)
    """
    if side % 2 == 0:
        raise ValueError(f"Expected side to be odd. Received: side={side}")
    draw = np.random.default_rng(seed)
    weights = [
        ops.convert_to_numpy(variable) for variable in model.trainable_variables
    ]
    first, second = (
        [_like(weight, draw) for weight in weights] for _ in range(2)
    )
    steps = np.linspace(-span, span, side)
    found = np.empty((side, side))
    try:
        for i, one in enumerate(steps):
            for j, other in enumerate(steps):
                for variable, *parts in zip(
                    model.trainable_variables,
                    *(weights, first, second),
                    strict=True,
                ):
                    weight, a, b = parts
                    variable.assign(weight + one * a + other * b)
                found[i, j] = model.evaluate(
                    x, y, batch_size=len(y), verbose=0, return_dict=True
                )["loss"]
    finally:
        for variable, weight in zip(
            model.trainable_variables, weights, strict=True
        ):
            variable.assign(weight)
    return found


def _like(weight: Array, draw: np.random.Generator) -> Array:
    """Draws a direction of which each unit is as long as that of a weight."""
    if weight.ndim < 2:
        return np.zeros_like(weight)
    axes = tuple(range(weight.ndim - 1))
    direction = draw.standard_normal(weight.shape)
    lengths, ours = (
        np.sqrt((array**2).sum(axis=axes)) for array in (weight, direction)
    )
    return (direction * (lengths / ours)).astype(weight.dtype)


def roughness(landscape: Array) -> float:
    """Measures how much a landscape bends, whatever its scale.

    Args:
        landscape: Heights at the points of a square grid.

    Returns:
        Mean size of the second differences along both axes, in standard
        deviations of the heights: 0 for a plane.

    Example:

    >>> roughness(np.add.outer(np.arange(5.0), np.arange(5.0)))
    0.0
    """
    bends = [np.abs(np.diff(landscape, 2, axis)).mean() for axis in (0, 1)]
    return float(np.mean(bends) / landscape.std())

"""Landscapes over a plane, as papers on activations draw them.

The output of a network with random weights over two inputs, and the loss of a
trained one along two random directions of its weights.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure
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
        activation: Activation of the hidden layers.
        layers: Number of hidden layers.
        units: Units of each.
        span: The square goes from -span to span.
        side: Number of points along a side.
        seed: Decides the weights, which are He normal.

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
    heights = ops.convert_to_numpy(network(points.astype("float32")))
    return heights.reshape(side, side).astype("float64")


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

    Each direction has the norm of the weights, unit by unit: Li et al.,
    "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018, section 4
    (https://arxiv.org/abs/1712.09913). Vectors, such as biases, do not change.
    The weights are restored.

    Args:
        model: Compiled; its loss is a mean over the examples.
        x: Inputs.
        y: Targets.
        span: Steps go from -span to span of the directions.
        side: Number of points along a side; odd, so that the model itself is
            in the middle.
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
    heights = np.empty((side, side))
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
                model.reset_metrics()  # Its loss is a mean over the calls.
                logs = model.test_on_batch(x, y, return_dict=True)
                heights[i, j] = logs["loss"]
    finally:
        for variable, weight in zip(
            model.trainable_variables, weights, strict=True
        ):
            variable.assign(weight)
    return heights


def _like(weight: Array, draw: np.random.Generator) -> Array:
    """Draws a direction of which each unit has the norm of the weight's."""
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
        Mean absolute second difference along both axes, in standard deviations
        of the heights: 0 for a plane.

    Example:

    >>> roughness(np.add.outer(np.arange(5.0), np.arange(5.0)))
    0.0
    """
    bends = [np.abs(np.diff(landscape, 2, axis)).mean() for axis in (0, 1)]
    return float(np.mean(bends) / landscape.std())


def draw(
    landscapes: Mapping[str, Array], span: float, what: str, labels: str
) -> Figure:
    """Draws landscapes side by side, as maps with contours.

    Heights are drawn in standard deviations from their mean, so that all share
    a scale.

    Args:
        landscapes: Heights at the points of a square grid, by their titles.
        span: The square goes from -span to span.
        what: Name of the heights.
        labels: Name of the axes, after "first" and "second".
    """
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = figure.subplots(1, len(landscapes), squeeze=False)[0]
    place = {"extent": [-span, span] * 2, "origin": "lower"}
    shade = {"cmap": "cividis", "vmin": -2.5, "vmax": 2.5}
    for axes, (title, heights) in zip(panels, landscapes.items(), strict=True):
        scaled = (heights - heights.mean()) / heights.std()
        image = axes.imshow(scaled, interpolation="bilinear", **shade, **place)
        axes.contour(
            scaled,
            levels=np.linspace(-2.5, 2.5, 11),
            colors="white",
            linewidths=0.5,
            **place,
        )
        axes.set(title=title, xlabel=f"first {labels}")
    panels[0].set_ylabel(f"second {labels}")
    figure.colorbar(
        image,
        ax=panels,
        label=f"{what}, std. dev. from mean",
        shrink=0.8,
        extend="both",
    )
    return figure

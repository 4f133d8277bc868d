"""Counts units that have stopped to answer, as a callback of any training.

A ReLU whose input is below 0 for every example passes no gradient, so it may
never learn again: it is dead (Lu et al., "Dying ReLU and Initialization", 2019,
https://arxiv.org/abs/1903.06733). Smooth activations keep a gradient below 0.
"""

import operator
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Largest minus smallest output over the examples, below which a unit is dead.
NEGLIGIBLE = 1e-6


class DeadUnits(keras.callbacks.Callback):
    """Measures, before training and after each epoch, what share is dead.

    A unit is a feature of the output of a hidden layer that has an activation:
    a channel of a convolution counts once, for all of its places. It is dead if
    its output is the same for all examples, to within 1e-6.

    Args:
        inputs: Examples: an array, or arrays as the model takes them; a few
            hundred will do.
        batch_size: Examples computed at a time.

    Attributes:
        shares: Share of dead units, from 0 to 1, of each hidden layer, by
            its name: a list with one entry before training and one an epoch.
        totals: The same of all those layers together.

    Raises:
        ValueError: If the model has no hidden layer with an activation.

    Example:

    >>> import keras, numpy as np
    >>> x, y = np.ones((8, 3)), np.zeros((8, 1))
    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((3,)),
    ...         keras.layers.Dense(
    ...             4, "relu", bias_initializer=keras.initializers.Constant(-9)
    ...         ),
    ...         keras.layers.Dense(1),
    ...     ]
    ... )
    >>> model.compile("sgd", "mse")
    >>> dead = DeadUnits(x)
    >>> _ = model.fit(x, y, epochs=2, verbose=0, callbacks=[dead])
    >>> dead.totals
    [1.0, 1.0, 1.0]
    """

    def __init__(self, inputs: Any, batch_size: int = 256) -> None:
        super().__init__()
        self._inputs = inputs
        self._batch_size = batch_size
        self._probe: Any = None
        self.shares: dict[str, list[float]] = {}
        self.totals: list[float] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Measures the model as it is before training."""
        layers = list(hidden_layers(self.model))
        if not layers:
            raise ValueError(
                "Expected a model with a hidden layer that has an activation. "
                f"Received: model={self.model.name}"
            )
        inputs = self.model.inputs  # Sequential has no `input`.
        self._probe = keras.Model(
            inputs[0] if len(inputs) == 1 else self.model.input,
            {layer.name: layer.output for layer in layers},
        )
        self.shares = {layer.name: [] for layer in layers}
        self.totals = []
        self._measure()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Measures the model after an epoch."""
        self._measure()

    def _measure(self) -> None:
        count = len(keras.tree.flatten(self._inputs)[0])
        outputs: dict[str, list[np.ndarray]] = {
            name: [] for name in self.shares
        }
        for start in range(0, count, self._batch_size):
            rows = slice(start, start + self._batch_size)
            examples = keras.tree.map_structure(
                operator.itemgetter(rows), self._inputs
            )
            # Not `predict`, which would compile the probe in each training.
            for name, output in self._probe(examples, training=False).items():
                outputs[name].append(keras.ops.convert_to_numpy(output))
        found = {
            name: dead(np.concatenate(parts)) for name, parts in outputs.items()
        }
        for name, is_dead in found.items():
            self.shares[name].append(float(is_dead.mean()))
        self.totals.append(float(np.concatenate([*found.values()]).mean()))


def hidden_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yields the layers whose units can die.

    Args:
        model: Sequential or functional.

    Yields:
        Its layers with an activation other than linear, but for the outputs.

    Example:

    >>> dense = keras.layers.Dense
    >>> model = keras.Sequential(
    ...     [keras.Input((3,)), dense(4, "relu", name="a"), dense(2, "softmax")]
    ... )
    >>> [layer.name for layer in hidden_layers(model)]
    ['a']
    """
    outputs = {id(output) for output in model.outputs}
    for layer in model.layers:
        activation = getattr(layer, "activation", None)
        acts = isinstance(
            layer, (keras.layers.ReLU, keras.layers.LeakyReLU)
        ) or activation not in (None, keras.activations.linear)
        if acts and id(layer.output) not in outputs:
            yield layer


def dead(outputs: np.ndarray) -> np.ndarray:
    """Says which units answer all examples alike.

    Args:
        outputs: Shape `(examples, ..., units)`.

    Returns:
        bool, shape `(units,)`.

    Example:

    >>> dead(np.array([[0.0, 1.0], [0.0, 2.0]])).tolist()
    [True, False]
    """
    flat = outputs.reshape(-1, outputs.shape[-1])
    return np.ptp(flat, axis=0) < NEGLIGIBLE


def draw(
    panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
) -> "Figure":
    """Draws the share of dead units over the epochs.

    Args:
        panels: By its title, what a panel shows: by activation, the `totals`
            of `DeadUnits` of each seed.

    Returns:
        The figure: means of the seeds, with bands from the lowest seed to the
        highest.

    Example:

    >>> figure = draw({"a net": {"relu": [[0.1, 0.3], [0.1, 0.5]]}})
    >>> figure.axes[0].lines[0].get_ydata().round(3).tolist()
    [0.1, 0.4]
    """
    from matplotlib.figure import Figure

    from demos.charts import draw_band

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, groups) in zip(every, panels.items(), strict=True):
        for number, (name, curves) in enumerate(groups.items()):
            shares = np.array(curves)
            draw_band(
                axes,
                np.arange(shares.shape[1]),
                shares,
                number,
                # Later ones do not hide the earlier where both are 0.
                markersize=max(3, 11 - 3 * number),
                fillstyle="none",
                label=name,
            )
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
    every[0].set_ylabel("share of dead units")
    every[0].legend()
    figure.suptitle("Mean of the seeds; band: lowest to highest seed")
    return figure

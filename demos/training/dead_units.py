"""Counts dead units during any training, as a Keras callback.

A ReLU whose input is below 0 for every example passes no gradient, so it may
never learn again: it is dead (Lu et al., "Dying ReLU and Initialization", 2019,
https://arxiv.org/abs/1903.06733). Smooth activations keep a gradient below 0.
"""

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from demos.report.figures.curves import MEAN_AND_BAND, draw_band
from demos.report.trials import activations_of, finished, level_name
from demos.report.types import Chart
from demos.study.trial import TrialRecord

# A unit is dead if the range of its outputs is less than this fraction of the
# largest range in its layer (the outputs of a whole layer may be small).
NEGLIGIBLE = 1e-6
LOG = "dead_units"  # Name of the fraction in the logs of an epoch.
AT_FIRST = "dead_units_at_first"  # Metric: the fraction before training.
MOST_PANELS = 5  # Maximum number of panels in a row.


class DeadUnits(keras.callbacks.Callback):
    """Measures the fraction of dead units, before training and at each epoch.

    A unit is a feature of the output of a hidden layer with an activation; a
    channel of a convolution counts as one unit for all positions. It is dead if
    its output is the same for all examples, to within a millionth of the
    largest range in its layer.

    The fraction is also the log `dead_units` of each epoch, for the history
    that `fit` returns and for later callbacks.

    Args:
        inputs: Example inputs of the model, an array or several; a few hundred
            examples are enough.
        batch_size: Number of examples computed at a time.

    Attributes:
        shares: Fraction of dead units, from 0 to 1, before training and after
            each epoch, by the name of the hidden layer.
        totals: The same for all these layers together.

    Raises:
        ValueError: If the model has no hidden layer with an activation.

    Example:

    >>> x, y = np.ones((8, 3)), np.zeros((8, 1))
    >>> bias = keras.initializers.Constant(-9)
    >>> hidden = keras.layers.Dense(4, "relu", bias_initializer=bias)
    >>> model = keras.Sequential(
    ...     [keras.Input((3,)), hidden, keras.layers.Dense(1)]
    ... )
    >>> model.compile("sgd", "mse")
    >>> dead = DeadUnits(x)
    >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[dead]).history
    >>> dead.totals, history["dead_units"]
    ([1.0, 1.0, 1.0], [1.0, 1.0])
    """

    def __init__(self, inputs: Any, batch_size: int = 256) -> None:
        super().__init__()
        self._inputs = inputs
        self._batch_size = batch_size
        self._probe: Any = None
        self.shares: dict[str, list[float]] = {}
        self.totals: list[float] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Measures the model before training."""
        self._probe = _probe(self.model)
        self.shares = {}
        self.totals = []
        self._measure()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Measures the model after an epoch."""
        self._measure()
        if logs is not None:
            logs[LOG] = self.totals[-1]

    def _measure(self) -> None:
        dead = _dead_units(self._probe, self._inputs, self._batch_size)
        for name, units in dead.items():
            self.shares.setdefault(name, []).append(float(units.mean()))
        self.totals.append(_total(dead))


def share(model: keras.Model, inputs: Any, batch_size: int = 256) -> float:
    """Returns the fraction of dead units of a sequential or functional model.

    It is that of all hidden layers together; see `DeadUnits`.

    Example:

    >>> dense = keras.layers.Dense
    >>> model = keras.Sequential(
    ...     [keras.Input((3,)), dense(4, "relu"), dense(2, "softmax")]
    ... )
    >>> share(model, np.zeros((8, 3)))  # The same output for all: dead.
    1.0
    """
    return _total(_dead_units(_probe(model), inputs, batch_size))


def hidden_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yields the layers of a sequential or functional model that can die.

    These are layers with an activation other than linear, and activation
    layers, except the outputs.
    """
    outputs = {id(output) for output in model.outputs}
    for layer in model.layers:
        activation = getattr(layer, "activation", None)
        acts = isinstance(
            layer,
            keras.layers.Activation
            | keras.layers.ReLU
            | keras.layers.LeakyReLU,
        ) or activation not in (None, keras.activations.linear)
        if acts and id(layer.output) not in outputs:
            yield layer


def _probe(model: keras.Model) -> keras.Model:
    """Returns a model from the same inputs to the outputs of hidden layers."""
    layers = list(hidden_layers(model))
    if not layers:
        raise ValueError(
            "Expected a model with a hidden layer that has an activation. "
            f"Received: model={model.name}"
        )
    inputs = model.inputs  # Sequential has no `input`.
    return keras.Model(
        inputs[0] if len(inputs) == 1 else model.input,
        {layer.name: layer.output for layer in layers},
    )


def _dead_units(
    probe: keras.Model, inputs: Any, batch_size: int
) -> dict[str, np.ndarray]:
    """Returns whether each unit of each layer is dead, shape `(units,)`."""
    count = len(keras.tree.flatten(inputs)[0])
    ends: dict[str, list[np.ndarray]] = {}  # Minima and maxima of batches.
    for start in range(0, count, batch_size):
        rows = operator.itemgetter(slice(start, start + batch_size))
        examples = keras.tree.map_structure(rows, inputs)
        # `predict` would compile the probe in each training.
        for name, output in probe(examples, training=False).items():
            values = keras.ops.convert_to_numpy(output)
            flat = values.reshape(-1, values.shape[-1])
            ends.setdefault(name, []).extend(
                (flat.min(axis=0), flat.max(axis=0))
            )
    spans = {name: np.ptp(rows, axis=0) for name, rows in ends.items()}
    return {
        name: span <= NEGLIGIBLE * span.max() for name, span in spans.items()
    }


def _total(dead: Mapping[str, np.ndarray]) -> float:
    return float(np.concatenate([*dead.values()]).mean())


def chart(records: Sequence[TrialRecord]) -> Chart | None:
    """Draws the fraction of dead units over the epochs of a study's trials.

    Args:
        records: Records of all trials, with `dead_units` in the history and
            `dead_units_at_first` in the metrics; failed ones are not drawn.

    Returns:
        The chart, with one panel for each level of the varied settings; None if
        there are too many levels.
    """
    done = finished(records)
    panels: dict[str, dict[str, list[list[float]]]] = {}
    for record in done:
        level = {k: v for k, v in record.settings.items() if k != "activation"}
        curve = [record.metrics[AT_FIRST], *record.history[LOG]]
        panel = panels.setdefault(level_name(level), {})
        panel.setdefault(record.settings["activation"], []).append(curve)
    if len(panels) > MOST_PANELS:
        return None
    return Chart(
        "dead_units.png",
        "Dead units",
        "Fraction of dead units before training and after each epoch, for "
        f"{', '.join(activations_of(done))}.",
        draw(panels),
    )


def draw(
    panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
) -> Figure:
    """Draws the fraction of dead units over the epochs.

    Args:
        panels: `DeadUnits.totals` of each seed, by panel title and activation.

    Returns:
        The figure: means over the seeds, with bands of the interquartile range.

    Example:

    >>> figure = draw({"a net": {"relu": [[0.1, 0.3], [0.1, 0.5]]}})
    >>> figure.axes[0].lines[0].get_ydata().round(3).tolist()
    [0.1, 0.4]
    """
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, groups) in zip(every, panels.items(), strict=True):
        for number, (name, curves) in enumerate(groups.items()):
            shares = np.array(curves)
            draw_band(
                axes,
                np.arange(shares.shape[1]),
                shares,
                name,
                # Later lines do not hide earlier ones where both are 0.
                markersize=max(3, 11 - 3 * number),
                fillstyle="none",
                label=name,
            )
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
    every[0].set_ylabel("fraction of dead units")
    every[0].legend()
    figure.suptitle(MEAN_AND_BAND)
    return figure

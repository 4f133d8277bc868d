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

    from demos.report.types import Chart
    from demos.study.trial import TrialRecord

# A unit whose largest output over the examples is no further from its smallest
# is dead; as a part of that distance in the liveliest unit of the layer, for a
# whole layer may answer faintly.
NEGLIGIBLE = 1e-6
LOG = "dead_units"  # Name of the share among the logs of an epoch.
AT_FIRST = "dead_units_at_first"  # The same before training, among metrics.
MOST_PANELS = 5  # Side by side.


class DeadUnits(keras.callbacks.Callback):
    """Measures, before training and after each epoch, what share is dead.

    A unit is a feature of the output of a hidden layer that has an activation:
    a channel of a convolution counts once, for all of its places. It is dead if
    its output is the same for all examples: to within a millionth of what the
    liveliest unit of its layer ranges over.

    The share after an epoch is also its log `dead_units`, and so in the history
    that `fit` returns, and for callbacks that come after this one.

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
        """Measures the model as it is before training."""
        self._probe = probe(self.model)
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
        found = dead_of(self._probe, self._inputs, self._batch_size)
        for name, is_dead in found.items():
            self.shares.setdefault(name, []).append(float(is_dead.mean()))
        self.totals.append(total(found))


def share(model: keras.Model, inputs: Any, batch_size: int = 256) -> float:
    """Returns the share of dead units of a model as it is.

    Args:
        model: Sequential or functional.
        inputs: Examples, as of `DeadUnits`.
        batch_size: Examples computed at a time.

    Returns:
        From 0 to 1, of all hidden layers together.

    Raises:
        ValueError: If the model has no hidden layer with an activation.

    Example:

    >>> dense = keras.layers.Dense
    >>> model = keras.Sequential(
    ...     [keras.Input((3,)), dense(4, "relu"), dense(2, "softmax")]
    ... )
    >>> share(model, np.zeros((8, 3)))  # Always the same answer: dead.
    1.0
    """
    return total(dead_of(probe(model), inputs, batch_size))


def probe(model: keras.Model) -> keras.Model:
    """Builds a model that shows the outputs of hidden layers.

    Args:
        model: Sequential or functional.

    Returns:
        A model of the same inputs to those outputs, by the layer's name.

    Raises:
        ValueError: If the model has no hidden layer with an activation.
    """
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


def dead_of(
    probe: keras.Model, inputs: Any, batch_size: int
) -> dict[str, np.ndarray]:
    """Says which units of each layer answer all examples alike.

    Args:
        probe: What `probe` returns.
        inputs: Examples, as of `DeadUnits`.
        batch_size: Examples computed at a time.

    Returns:
        By the layer's name bool, shape `(units,)`.
    """
    count = len(keras.tree.flatten(inputs)[0])
    ranges: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for start in range(0, count, batch_size):
        rows = slice(start, start + batch_size)
        examples = keras.tree.map_structure(operator.itemgetter(rows), inputs)
        # Not `predict`, which would compile the probe in each training.
        for name, output in probe(examples, training=False).items():
            values = keras.ops.convert_to_numpy(output)
            flat = values.reshape(-1, values.shape[-1])
            low, high = flat.min(axis=0), flat.max(axis=0)
            if name in ranges:
                low = np.minimum(low, ranges[name][0])
                high = np.maximum(high, ranges[name][1])
            ranges[name] = low, high
    spans = {name: high - low for name, (low, high) in ranges.items()}
    return {
        name: span <= NEGLIGIBLE * span.max() for name, span in spans.items()
    }


def total(found: Mapping[str, np.ndarray]) -> float:
    """Returns the share of dead units of all layers together.

    Args:
        found: What `dead_of` returns.

    Returns:
        From 0 to 1.

    Example:

    >>> total({"a": np.array([True]), "b": np.array([False, False, False])})
    0.25
    """
    return float(np.concatenate([*found.values()]).mean())


def hidden_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yields the layers whose units can die.

    Args:
        model: Sequential or functional.

    Yields:
        Its layers with an activation other than linear, and those that are
        nothing but an activation; not the outputs.

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
            layer,
            keras.layers.Activation
            | keras.layers.ReLU
            | keras.layers.LeakyReLU,
        ) or activation not in (None, keras.activations.linear)
        if acts and id(layer.output) not in outputs:
            yield layer


def chart(results: Sequence["TrialRecord"]) -> "Chart | None":
    """Draws the share of dead units over the epochs of a study's trials.

    Args:
        results: Of all trials, whose history has the log `dead_units` and whose
            metrics have `dead_units_at_first`; failed ones are not drawn.

    Returns:
        The chart, a panel for each level of what was varied; None where there
        are more than can be told apart.
    """
    from demos.report.trials import activations_of
    from demos.report.trials import finished
    from demos.report.trials import level_name
    from demos.report.types import Chart

    done = finished(results)
    panels: dict[str, dict[str, list[list[float]]]] = {}
    for result in done:
        level = {k: v for k, v in result.settings.items() if k != "activation"}
        curve = [result.metrics[AT_FIRST], *result.history[LOG]]
        panel = panels.setdefault(level_name(level), {})
        panel.setdefault(result.settings["activation"], []).append(curve)
    if len(panels) > MOST_PANELS:
        return None
    return Chart(
        "dead_units.png",
        "Dead units",
        "Share of dead units before training and after each epoch, a line for "
        f"each of {', '.join(activations_of(done))}.",
        draw(panels),
    )


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

    from demos.report.figures.curves import draw_band

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

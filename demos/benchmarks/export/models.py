"""Small models, with at least 1024 weights, which LiteRT quantizes."""

from typing import Any

import keras
import keras_hub
import numpy as np
from keras import layers
from numpy.typing import NDArray

from demos.benchmarks.export.trials import RANGES

BATCH = 4
WORDS, STEPS = 50, 3
SHAPES: dict[str, tuple[int, ...]] = {
    "dense": (32,),
    "cnn": (12, 12, 3),
    "lstm": (STEPS, 32),
    "transformer": (STEPS,),
    **dict.fromkeys(RANGES, (256,)),
}


def inputs(model: str) -> NDArray[Any]:
    """Returns `BATCH` inputs of a model, the same in every call."""
    draw = np.random.default_rng(0)
    shape = BATCH, *SHAPES[model]
    if model == "transformer":
        return draw.integers(0, WORDS, shape, dtype="int32")
    if model in RANGES:
        ends = -RANGES[model], RANGES[model]
        return np.linspace(*ends, 1024, dtype="float32").reshape(shape)
    # The range includes both tails.
    return draw.normal(0, 2, shape).astype("float32")


def build(
    model: str, activation: str, batch: int | None, unroll: bool = False
) -> keras.Model:
    """Builds a model for a fixed or dynamic batch size."""
    dtype = "int32" if model == "transformer" else "float32"
    x = start = keras.Input(SHAPES[model], batch, dtype=dtype)
    for layer in _layers(model, activation, unroll):
        x = layer(x)
    return keras.Model(start, x)


def _layers(model: str, activation: str, unroll: bool) -> list[Any]:
    if model in RANGES:
        return [layers.Activation(activation)]
    end = layers.Dense(4)
    if model == "dense":
        return [*(layers.Dense(64, activation) for _ in range(2)), end]
    if model == "lstm":
        gates = {"recurrent_activation": activation, "unroll": unroll}
        return [layers.LSTM(24, activation, **gates), end]
    if model == "transformer":
        hub: Any = keras_hub.layers  # Its defaults mislead the type checker.
        return [
            hub.TokenAndPositionEmbedding(WORDS, STEPS, 32),
            hub.TransformerEncoder(64, num_heads=2, activation=activation),
            *(layers.GlobalAveragePooling1D(), end),
        ]
    return [
        layers.Conv2D(32, 3, activation=activation),
        layers.SeparableConv2D(48, 3, activation=activation),
        layers.Conv2D(48, 3, strides=2),
        layers.BatchNormalization(),
        layers.Activation(activation),
        *(layers.GlobalAveragePooling2D(), end),
    ]

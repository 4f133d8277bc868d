"""The models: small, but with weights that LiteRT quantizes, 1024 at least."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import keras_hub
import numpy as np
from keras import layers
from numpy.typing import NDArray

from demos.benchmarks.export.trials import RANGES

BATCH = 4
STEPS, FEATURES, PIXELS, WORDS = 3, 32, 12, 50


def inputs(model: str) -> NDArray[Any]:
    """Draws `BATCH` inputs of a model, always the same."""
    draw = np.random.default_rng(0)
    if model == "transformer":
        return draw.integers(0, WORDS, (BATCH, STEPS), dtype="int32")
    if model in RANGES:
        span = RANGES[model]
        return np.linspace(-span, span, 1024, dtype="float32").reshape(
            BATCH, -1
        )
    shape = {
        "dense": (BATCH, FEATURES),
        "cnn": (BATCH, PIXELS, PIXELS, 3),
        "lstm": (BATCH, STEPS, FEATURES),
    }[model]
    # Wide enough to reach both tails.
    return draw.normal(0, 2, shape).astype("float32")


def _dense(activation: str, batch: int | None, unroll: bool) -> keras.Model:
    x = start = keras.Input((FEATURES,), batch)
    for _ in range(2):
        x = layers.Dense(64, activation=activation)(x)
    return keras.Model(start, layers.Dense(4)(x))


def _cnn(activation: str, batch: int | None, unroll: bool) -> keras.Model:
    x = start = keras.Input((PIXELS, PIXELS, 3), batch)
    x = layers.Conv2D(32, 3, activation=activation)(x)
    x = layers.SeparableConv2D(48, 3, activation=activation)(x)
    x = layers.Conv2D(48, 3, strides=2)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation(activation)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(start, layers.Dense(4)(x))


def _lstm(activation: str, batch: int | None, unroll: bool) -> keras.Model:
    x = start = keras.Input((STEPS, FEATURES), batch)
    x = layers.LSTM(
        24,
        activation=activation,
        recurrent_activation=activation,
        unroll=unroll,
    )(x)
    return keras.Model(start, layers.Dense(4)(x))


def _transformer(
    activation: str, batch: int | None, unroll: bool
) -> keras.Model:
    hub: Any = keras_hub.layers  # Its defaults mislead the type checker.
    x = start = keras.Input((STEPS,), batch, dtype="int32")
    x = hub.TokenAndPositionEmbedding(WORDS, STEPS, 32)(x)
    x = hub.TransformerEncoder(64, num_heads=2, activation=activation)(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(start, layers.Dense(4)(x))


def _alone(activation: str, batch: int | None, unroll: bool) -> keras.Model:
    x = keras.Input((1024 // BATCH,), batch)
    return keras.Model(x, layers.Activation(activation)(x))


# Of activation, batch size, and whether to unroll loops.
MODELS: Mapping[str, Callable[[str, int | None, bool], keras.Model]] = {
    "dense": _dense,
    "cnn": _cnn,
    "lstm": _lstm,
    "transformer": _transformer,
    **dict.fromkeys(RANGES, _alone),
}

"""Small Keras models whose training steps are timed."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from keras_hub.layers import TransformerEncoder

from demos.benchmarks import names
from demos.benchmarks.frameworks.base import normal


def transformer(activation: str) -> keras.Model:
    """Builds two Transformer encoders and a classifier."""
    inputs = keras.Input((64, 64))
    h = inputs
    for _ in range(2):
        h = TransformerEncoder(
            256, num_heads=4, activation=_in_keras(activation)
        )(h)
    h = layers.GlobalAveragePooling1D()(h)
    return keras.Model(inputs, layers.Dense(2)(h))


def cnn(activation: str) -> keras.Model:
    """Builds three convolutions and a classifier."""
    inputs = keras.Input((32, 32, 3))
    h = inputs
    for filters in (32, 64, 128):
        h = layers.Conv2D(
            filters, 3, padding="same", activation=_in_keras(activation)
        )(h)
        h = layers.MaxPooling2D()(h)
    h = layers.GlobalAveragePooling2D()(h)
    return keras.Model(inputs, layers.Dense(2)(h))


def training_step(
    model: keras.Model, batch: int, seed: int, jit_compile: bool | str
) -> Callable[[], Any]:
    """Returns a call that trains on one batch and waits for it."""
    shape = (batch, *model.input_shape[1:])
    x = normal(math.prod(shape), seed).reshape(shape)
    y = np.arange(batch) % 2
    model.compile(
        keras.optimizers.Adam(1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile,
    )
    # It returns the loss as a number, so it waits.
    return lambda: model.train_on_batch(x, y)


def _in_keras(activation: str) -> Any:
    """Returns the activation of a layer, by the name that we measure it by."""
    return {names.GELU: "gelu", names.COMPOSED: _composed}.get(
        activation, activation
    )


def _composed(x: Any) -> Any:
    return x * ops.erf(ops.softplus(x))

"""Small Keras models for timing training steps and predictions."""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from keras_hub.layers import TransformerEncoder

from demos.benchmarks import names
from demos.benchmarks.frameworks.base import normal


def transformer(activation: str) -> keras.Model:
    """Builds two Transformer encoders and a classifier."""
    h = inputs = keras.Input((64, 64))
    for _ in range(2):
        function = _in_keras(activation)
        h = TransformerEncoder(256, num_heads=4, activation=function)(h)
    h = layers.GlobalAveragePooling1D()(h)
    return keras.Model(inputs, layers.Dense(2)(h))


def cnn(activation: str) -> keras.Model:
    """Builds three convolutions and a classifier."""
    h = inputs = keras.Input((32, 32, 3))
    for filters in (32, 64, 128):
        function = _in_keras(activation)
        h = layers.Conv2D(filters, 3, padding="same", activation=function)(h)
        h = layers.MaxPooling2D()(h)
    h = layers.GlobalAveragePooling2D()(h)
    return keras.Model(inputs, layers.Dense(2)(h))


def perceptron(activation: str, depth: int) -> keras.Model:
    """Builds dense layers and a classifier."""
    h = inputs = keras.Input((64,))
    for _ in range(depth):
        h = layers.Dense(64, activation=_in_keras(activation))(h)
    return keras.Model(inputs, layers.Dense(2)(h))


def compiled(model: keras.Model, mode: str) -> keras.Model:
    """Compiles a classifier with Keras' default or with `jit_compile`."""
    model.compile(
        keras.optimizers.Adam(1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True if mode == names.COMPILED else "auto",
    )
    return model


def batch(model: keras.Model, size: int) -> tuple[Any, Any]:
    """Returns random inputs and labels for a classifier."""
    shape = (size, *model.input_shape[1:])
    return normal(math.prod(shape), 0).reshape(shape), np.arange(size) % 2


def _in_keras(activation: str) -> Any:
    """Returns the activation for a layer, by its name in the benchmark."""
    return {
        names.GELU: "gelu",
        names.COMPOSED: lambda x: x * ops.erf(ops.softplus(x)),
    }.get(activation, activation)

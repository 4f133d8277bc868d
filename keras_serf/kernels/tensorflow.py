"""Serf in TensorFlow: each derivative is a `custom_gradient` in closed form."""

from types import ModuleType

import tensorflow as tf

from keras_serf.kernels import composed
from keras_serf.kernels import rational
from keras_serf.kernels.math import Math

_MATH = Math(
    exp=tf.exp,
    log1p=tf.math.log1p,
    erf=tf.math.erf,
    clip=tf.clip_by_value,
    where=tf.where,
)


@tf.custom_gradient
def serf(x: tf.Tensor):
    """Returns `x * erf(softplus(x))` in the shape and dtype of `x`."""

    def gradient(upstream):
        return tf.cast(_slope(_widen(x)) * _widen(upstream), x.dtype)

    wide = _widen(x)
    return tf.cast(_formulas(wide).value(wide, _MATH), x.dtype), gradient


@tf.custom_gradient
def _slope(x: tf.Tensor):
    def gradient(upstream):
        return composed.curvature(x, _MATH) * upstream

    return _formulas(x).slope(x, _MATH), gradient


def _formulas(x: tf.Tensor) -> ModuleType:
    return composed if x.dtype == tf.float64 else rational


def _widen(x: tf.Tensor) -> tf.Tensor:
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)

"""Serf in TensorFlow: each derivative is a `custom_gradient` in closed form."""

import tensorflow as tf

from keras_serf.kernels import composed
from keras_serf.kernels import polynomial
from keras_serf.kernels.math import Formulas
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
        return tf.cast(_derivative(x) * _widen(upstream), x.dtype)

    value = _formulas(x.dtype).value(_unrecorded(x), _MATH)
    return tf.cast(value, x.dtype), gradient


def implementation(x: tf.Tensor) -> str:
    """Returns how `serf(x)` computes."""
    return "polynomials, operation by operation unless jit_compile=True"


@tf.custom_gradient
def _derivative(x: tf.Tensor):
    # In float32 or wider.
    def gradient(upstream):
        return tf.cast(
            composed.second_derivative(_widen(x), _MATH) * upstream, x.dtype
        )

    return _formulas(x.dtype).derivative(_unrecorded(x), _MATH), gradient


def _formulas(dtype: tf.DType) -> Formulas:
    if dtype == tf.float64:
        return composed
    return polynomial.SINGLE if dtype == tf.float32 else polynomial.HALF


def _widen(x: tf.Tensor) -> tf.Tensor:
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)


def _unrecorded(x: tf.Tensor) -> tf.Tensor:
    # A tape that is watching would keep every step of the formula, besides `x`.
    return tf.stop_gradient(_widen(x))

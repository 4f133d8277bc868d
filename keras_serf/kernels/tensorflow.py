"""Serf in TensorFlow: a traced function, whose gradient is another.

Without compilation, the formulas would need about forty passes over memory, so
they request XLA compilation wherever they run. Eager code and graphs call the
same few functions, so XLA compiles each once for a network of any depth.
"""

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_serf.kernels import composed, polynomial
from keras_serf.kernels.math import Formulas, Math

try:
    from tensorflow.python.eager import forwardprop_util
except ImportError:
    forwardprop_util = None

_MATH = Math(
    exp=tf.exp,
    log1p=tf.math.log1p,
    erf=tf.math.erf,
    clip=tf.clip_by_value,
    where=tf.where,
)


def serf(x: tf.Tensor) -> tf.Tensor:
    """Returns `x * erf(softplus(x))` in the shape and dtype of `x`."""
    y = _taylor(x) if _has_tangent(x) else _value(x.dtype)(x)
    y.set_shape(x.shape)
    return y


def implementation(x: tf.Tensor) -> str:
    """Returns how `serf(x)` computes."""
    return "polynomials, compiled by XLA where TensorFlow has it"


@functools.cache
def _value(dtype: tf.DType) -> Any:
    """Returns the traced function of an `x` of any shape."""

    @_traced(dtype, 1)
    @tf.custom_gradient
    def serf(x):
        def gradient(upstream):
            return derivative_times(x, upstream)

        # Saving finds the gradients only of functions that are known here, not
        # of those that first appear in a gradient.
        derivative_times = _derivative_times(dtype)
        derivative_times.get_concrete_function().add_to_graph()
        with _compiled():
            return tf.cast(_formula(_widen(x), dtype), dtype), gradient

    return serf


# This is a traced function with the argument `x`, so that a tape outside the
# containing function finds `x`, and not a tensor of another graph.
@functools.cache
def _derivative_times(dtype: tf.DType) -> Any:
    """Returns the traced function of `x` and `t` that computes f'(x) t."""

    def product(x, t):
        return _formulas(dtype).derivative(_widen(x), _MATH) * _widen(t)

    @_traced(dtype, 2)
    @tf.custom_gradient
    def serf_derivative_times(x, t):
        def gradient(upstream):
            with _compiled():
                by_x = composed.second_derivative(_widen(x), _MATH) * _widen(t)
                by_x = tf.cast(by_x * _widen(upstream), dtype)
                # It does not call itself: a SavedModel allows no recursion.
                return by_x, tf.cast(product(x, upstream), dtype)

        with _compiled():
            return tf.cast(product(x, t), dtype), gradient

    return serf_derivative_times


def _taylor(x: tf.Tensor) -> tf.Tensor:
    # For ForwardAccumulator: TensorFlow loses the gradient of a tangent that is
    # the result of a traced function. Here the tangent is that of a Taylor
    # polynomial around `x` in plain operations. The step is 0, but not a
    # constant for autodiff.
    wide = _widen(x)
    at = tf.stop_gradient(wide)
    step = tf.where(tf.math.is_inf(at), tf.zeros_like(at), wide - at)
    derivative = _derivative_times(at.dtype)(at, tf.ones_like(at))
    second = composed.second_derivative(at, _MATH)
    y = _value(at.dtype)(at) + step * (derivative + step * (second / 2))
    return tf.cast(tf.where(at == math.inf, wide, y), x.dtype)


def _has_tangent(x: tf.Tensor) -> bool:
    # TensorFlow has no public function for this.
    return forwardprop_util is not None and bool(
        forwardprop_util.pack_tangents([x]).tangents
    )


def _traced(dtype: tf.DType, count: int) -> Callable[[Any], Any]:
    """Traces a function of `count` tensors of any shape."""
    trace = functools.partial(
        tf.function,
        input_signature=[tf.TensorSpec(None, dtype)] * count,
        autograph=False,
    )
    # The members of an implementation group are not inlined at run time, so
    # they are not compiled again for each layer. Converters do inline them:
    # LiteRT rejects calls of functions that are marked as not to be inlined.
    group = {"api_implements": f"keras_serf_{dtype.name}_{count}"}

    def decorate(function: Any) -> Any:
        try:
            return trace(function, experimental_attributes=group)
        except (TypeError, ValueError):  # TensorFlow lacks this attribute.
            return trace(function)

    return decorate


def _compiled() -> contextlib.AbstractContextManager[None]:
    """Requests XLA compilation of the operations inside, if XLA is available.

    It is for code in a traced function. `tf.config.run_functions_eagerly` runs
    such code eagerly, where TensorFlow rejects the request.
    """
    jit_scope = getattr(tf.xla.experimental, "jit_scope", None)
    if jit_scope is None or tf.executing_eagerly():
        return contextlib.nullcontext()
    return jit_scope()


def _formulas(dtype: tf.DType) -> Formulas:
    if dtype == tf.float64:
        return composed
    return polynomial.SINGLE if dtype == tf.float32 else polynomial.HALF


def _formula(x: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns f(x) with the accuracy of `dtype`, for a wide `x`.

    The polynomials of `polynomial.Polynomials.value` are arranged for the int8
    quantizer of LiteRT, which gives both operands of a minimum, a maximum or a
    select the narrower range. Therefore there is no select, and every clip
    works on a multiple of `x`, by -1 or a power of two, with its own range.
    """
    formulas = _formulas(dtype)
    if not isinstance(formulas, polynomial.Polynomials):
        return formulas.value(x, _MATH)
    f = formulas.f
    # Each is 0 on the other side. f(4) = 4, and e^-200 = 0. At 0, only `left`
    # has a derivative; `vectorized_map` differentiates this code.
    right = 8 * tf.maximum(0.0, tf.minimum(x / 8, 0.5))
    left = tf.clip_by_value(-2 * x, 0.0, 400.0) / 2
    positive = -1.0 * tf.minimum(0.0, -1.0 * x)  # x / 2 would underflow.
    z = tf.exp(right * polynomial.horner(f.exponent, right) - left)
    above = positive * (1 + z * polynomial.horner(f.above, right))
    y = left * z
    return above - (polynomial.BASE * y + y * polynomial.horner(f.below, z))


def _widen(x: tf.Tensor) -> tf.Tensor:
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)

"""Serf in JAX: each derivative is a `custom_jvp` with a closed formula.

The formulas are compiled, like those of `jax.nn`: eager code runs each as one
kernel, and a model that uses Serf in many layers traces it once.
"""

import functools

import jax
import jax.numpy as jnp

from keras_serf.kernels import composed, polynomial
from keras_serf.kernels.math import Formulas, Math

_MATH = Math(
    exp=jnp.exp,
    log1p=jnp.log1p,
    erf=jax.lax.erf,
    clip=jnp.clip,
    where=jnp.where,
)


@jax.custom_jvp
def serf(x: jax.Array) -> jax.Array:
    """Returns `x * erf(softplus(x))` in the shape and dtype of `x`."""
    # Inside jax.grad, a number does not have the methods of an array.
    return _value(jnp.asarray(x))


def implementation(x: jax.Array) -> str:
    """Returns how `serf(x)` computes."""
    return "polynomials, compiled by XLA"


@jax.jit
def _value(x: jax.Array) -> jax.Array:
    return _formulas(x.dtype).value(_widen(x), _MATH).astype(x.dtype)


@serf.defjvp
def _serf_jvp(primals, tangents):
    x, t = jnp.asarray(primals[0]), jnp.asarray(tangents[0])
    return serf(x), _times_derivative(x, t)


# Reverse mode would store the derivative as well as `x`. With a checkpoint, it
# stores only `x` and computes the derivative in the backward pass.
@jax.jit
@jax.checkpoint
def _times_derivative(x: jax.Array, t: jax.Array) -> jax.Array:
    return (_derivative(x.dtype, _widen(x)) * _widen(t)).astype(t.dtype)


# The derivative at `x` in float32 or wider, with the accuracy of `dtype`.
@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _derivative(dtype: jnp.dtype, x: jax.Array) -> jax.Array:
    return _formulas(dtype).derivative(x, _MATH)


@_derivative.defjvp
def _derivative_jvp(dtype, primals, tangents):
    (x,), (t,) = primals, tangents
    return _derivative(dtype, x), composed.second_derivative(x, _MATH) * t


def _formulas(dtype: jnp.dtype) -> Formulas:
    if dtype == jnp.float64:
        return composed
    return polynomial.SINGLE if dtype == jnp.float32 else polynomial.HALF


def _widen(x: jax.Array) -> jax.Array:
    # Strict dtype promotion does not allow jnp.promote_types.
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)

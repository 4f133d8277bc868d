"""Serf in JAX: each derivative is a `custom_jvp` with a closed formula."""

from types import ModuleType

import jax
import jax.numpy as jnp

from keras_serf.kernels import composed
from keras_serf.kernels import rational
from keras_serf.kernels.math import Math

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
    wide = _widen(x)
    return _formulas(wide).value(wide, _MATH).astype(x.dtype)


@serf.defjvp
def _serf_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return serf(x), _times_slope(x, t)


# Reverse mode would keep the slope besides `x`; a checkpoint makes it keep `x`
# alone and compute the slope on the way back.
@jax.checkpoint
def _times_slope(x: jax.Array, t: jax.Array) -> jax.Array:
    return (_slope(_widen(x)) * t).astype(t.dtype)


@jax.custom_jvp
def _slope(x: jax.Array) -> jax.Array:
    return _formulas(x).slope(x, _MATH)


@_slope.defjvp
def _slope_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return _slope(x), composed.curvature(x, _MATH) * t


def _formulas(x: jax.Array) -> ModuleType:
    return composed if x.dtype == jnp.float64 else rational


def _widen(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))

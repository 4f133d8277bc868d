"""JAX, eager and compiled by `jax.jit`."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from demos.benchmarks import names
from demos.benchmarks.frameworks.base import (
    Array,
    Function,
    Kept,
    TrainingFramework,
)


class _Jax(TrainingFramework):
    def evaluate(
        self, functions: Sequence[Function], x: Array, dtype: str
    ) -> list[Array]:
        with jax.enable_x64(dtype == "float64"):
            return super().evaluate(functions, x, dtype)

    def array(self, values: Array, dtype: str) -> Any:
        return jnp.asarray(values).astype(dtype)

    def in_mode(self, function: Function, mode: str) -> Function:
        return jax.jit(function) if mode == names.COMPILED else function

    def derivative(self, function: Function) -> Function:
        return jax.grad(lambda x: function(x).sum())

    def pullback(self, function: Function) -> Function:
        def value_and_gradient(x: Any, w: Any) -> Any:
            y, backward = jax.vjp(function, x)
            return y, backward(w)

        return value_and_gradient

    def wait(self, result: Any) -> object:
        return jax.block_until_ready(result)

    def kept(self, function: Function, x: Any) -> Kept:
        # The function that vjp returns is a pytree of the stored arrays.
        y, backward = jax.vjp(function, x)
        buffers = {
            leaf.unsafe_buffer_pointer(): leaf.nbytes
            for leaf in jax.tree_util.tree_leaves(backward)
            if isinstance(leaf, jax.Array)
        }
        return buffers, {x.unsafe_buffer_pointer(), y.unsafe_buffer_pointer()}

    def forget(self) -> None:
        jax.clear_caches()


FRAMEWORK = _Jax

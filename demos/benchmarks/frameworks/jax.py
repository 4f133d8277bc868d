"""JAX, eager and compiled by `jax.jit`."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from demos.benchmarks import names
from demos.benchmarks.frameworks.base import (
    Array,
    Call,
    Function,
    Kept,
    TrainingFramework,
)


class _Jax(TrainingFramework):
    modes = (names.EAGER, names.COMPILED)
    kept_modes = (names.EAGER,)

    def __init__(self) -> None:
        self.device = jax.devices()[0].platform

    def activations(self) -> dict[str, Function]:
        return super().activations() | {
            names.COMPOSED: lambda x: x * jax.lax.erf(jax.nn.softplus(x)),
            names.RELU: jax.nn.relu,
            names.SILU: jax.nn.silu,
            names.GELU: lambda x: jax.nn.gelu(x, approximate=False),
            "gelu (tanh)": lambda x: jax.nn.gelu(x, approximate=True),
            names.MISH: jax.nn.mish,
        }

    def derivatives(self, function: Function, mode: str) -> list[Function]:
        first = _derivative(function)
        functions = [function, first, _derivative(first)]
        return (
            [jax.jit(f) for f in functions]
            if mode == names.COMPILED
            else functions
        )

    def evaluate(
        self, functions: Sequence[Function], x: Array, dtype: str
    ) -> list[Array]:
        with jax.enable_x64(dtype == "float64"):
            return super().evaluate(functions, x, dtype)

    def array(self, values: Array, dtype: str) -> Any:
        return jnp.asarray(values).astype(dtype)

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        # The lambda is new each time: jax.jit caches by function.
        run = (
            jax.jit(lambda x: function(x))
            if mode == names.COMPILED
            else function
        )
        return lambda: jax.block_until_ready(run(x))

    def forward_backward(
        self, function: Function, mode: str, x: Any, w: Any
    ) -> Call:
        def value_and_gradient(x: Any, w: Any) -> Any:
            y, backward = jax.vjp(function, x)
            return y, backward(w)

        compiled = jax.jit(value_and_gradient)
        run = compiled if mode == names.COMPILED else value_and_gradient
        return lambda: jax.block_until_ready(run(x, w))

    def kept(self, function: Function, mode: str, x: Any) -> Kept:
        # The function that vjp returns is a pytree of what it keeps.
        y, backward = jax.vjp(function, x)
        buffers = {
            leaf.unsafe_buffer_pointer(): leaf.nbytes
            for leaf in jax.tree_util.tree_leaves(backward)
            if isinstance(leaf, jax.Array)
        }
        return buffers, {x.unsafe_buffer_pointer(), y.unsafe_buffer_pointer()}

    def compile_stack(
        self, function: Function, weights: Sequence[Any], h: Any
    ) -> None:
        def loss(weights: Sequence[Any], h: Any) -> Any:
            for weight in weights:
                h = function(h @ weight)
            return h.sum()

        jax.block_until_ready(jax.jit(jax.grad(loss))(weights, h))

    def forget(self) -> None:
        jax.clear_caches()


def _derivative(function: Function) -> Function:
    return jax.grad(lambda x: function(x).sum())


FRAMEWORK = _Jax

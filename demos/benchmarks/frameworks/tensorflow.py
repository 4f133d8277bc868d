"""TensorFlow: eager, as a graph without XLA, and compiled by XLA."""

import gc
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from demos.benchmarks import names
from demos.benchmarks.frameworks.base import (
    Array,
    Call,
    Function,
    Kept,
    TrainingFramework,
)

Run = Callable[..., Any]


class _TensorFlow(TrainingFramework):
    modes = (names.EAGER, names.GRAPH, names.COMPILED)
    kept_modes = (names.EAGER,)

    def __init__(self) -> None:
        gpus = tf.config.list_logical_devices("GPU")
        self.device = "gpu" if gpus else "cpu"

    def activations(self) -> dict[str, Function]:
        return super().activations() | {
            names.COMPOSED: lambda x: x * tf.math.erf(tf.math.softplus(x)),
            names.RELU: tf.nn.relu,
            names.SILU: tf.nn.silu,
            names.GELU: lambda x: tf.nn.gelu(x, approximate=False),
            "gelu (tanh)": lambda x: tf.nn.gelu(x, approximate=True),
            # TensorFlow has no Mish; Keras composes it likewise.
            names.MISH: lambda x: x * tf.math.tanh(tf.math.softplus(x)),
        }

    def derivatives(self, function: Function, mode: str) -> list[Function]:
        first = _derivative(function)
        functions = [function, first, _derivative(first)]
        return [_in_mode(f, mode) for f in functions]

    def array(self, values: Array, dtype: str) -> Any:
        return tf.cast(tf.constant(values), dtype)

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        return self._waiting(_in_mode(lambda x: function(x), mode), x)

    def forward_backward(
        self, function: Function, mode: str, x: Any, w: Any
    ) -> Call:
        def value_and_gradient(x: Any, w: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return y, tape.gradient(y, x, output_gradients=w)

        return self._waiting(_in_mode(value_and_gradient, mode), x, w)

    def kept(self, function: Function, mode: str, x: Any) -> Kept:
        def alive() -> list[Any]:
            gc.collect()
            return [
                o
                for o in gc.get_objects()
                if isinstance(o, tf.Tensor) and not tf.is_symbolic_tensor(o)
            ]

        def address(tensor: Any) -> int:
            return np.asarray(memoryview(tensor)).__array_interface__["data"][0]

        function(x)  # Creates the constants that it keeps for ever.
        before = {id(tensor) for tensor in alive()}
        inside = tf.identity(x)
        with tf.GradientTape() as tape:
            tape.watch(inside)
            y = function(inside)
        ends = {address(inside), address(y)}
        del inside, y
        # Only the tape holds those that are still alive.
        buffers = {
            address(tensor): tensor.dtype.size * math.prod(tensor.shape)
            for tensor in alive()
            if id(tensor) not in before
        }
        del tape
        return buffers, ends

    def compile_stack(
        self, function: Function, weights: Sequence[Any], h: Any
    ) -> None:
        def gradient(weights: Sequence[Any], h: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(weights)
                for weight in weights:
                    h = function(h @ weight)
                loss = tf.reduce_sum(h)
            return tape.gradient(loss, weights)

        self._waiting(_in_mode(gradient, names.COMPILED), list(weights), h)()

    def _waiting(self, run: Run, *arrays: Any) -> Call:
        if self.device == "cpu":  # There a call returns when all is done.
            return lambda: run(*arrays)

        def call() -> None:
            run(*arrays)
            tf.test.experimental.sync_devices()

        return call


def _in_mode(run: Run, mode: str) -> Run:
    if mode == names.EAGER:
        return run
    return tf.function(run, jit_compile=mode == names.COMPILED, autograph=False)


def _derivative(function: Function) -> Function:
    def derivative(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    return derivative


FRAMEWORK = _TensorFlow

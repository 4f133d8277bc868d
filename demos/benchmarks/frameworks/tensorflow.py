"""TensorFlow: eager, as a graph without XLA, and compiled by XLA."""

import gc
import math
from typing import Any

import numpy as np
import tensorflow as tf

from demos.benchmarks import names
from demos.benchmarks.frameworks.base import (
    Array,
    Function,
    Kept,
    TrainingFramework,
)


class _TensorFlow(TrainingFramework):
    def __init__(self) -> None:
        self.has_gpu = bool(tf.config.list_logical_devices("GPU"))

    def array(self, values: Array, dtype: str) -> Any:
        return tf.cast(tf.constant(values), dtype)

    def in_mode(self, function: Function, mode: str) -> Function:
        if mode == names.EAGER:
            return function
        xla = mode == names.COMPILED
        return tf.function(function, jit_compile=xla, autograph=False)

    def derivative(self, function: Function) -> Function:
        def derivative(x: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return tape.gradient(y, x)

        return derivative

    def pullback(self, function: Function) -> Function:
        def value_and_gradient(x: Any, w: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return y, tape.gradient(y, x, output_gradients=w)

        return value_and_gradient

    def wait(self, result: Any) -> object:
        if self.has_gpu:  # On a CPU, calls are synchronous.
            tf.test.experimental.sync_devices()
        return result

    def kept(self, function: Function, x: Any) -> Kept:
        def alive() -> list[Any]:
            gc.collect()
            return [
                o
                for o in gc.get_objects()
                if issubclass(type(o), tf.Tensor)
                and not tf.is_symbolic_tensor(o)
            ]

        def address(tensor: Any) -> int:
            return np.asarray(memoryview(tensor)).__array_interface__["data"][0]

        function(x)  # Creates the constants that it keeps permanently.
        before = {id(tensor) for tensor in alive()}
        inside = tf.identity(x)
        with tf.GradientTape() as tape:
            tape.watch(inside)
            y = function(inside)
        ends = {address(inside), address(y)}
        del inside, y
        # Only the tape holds the tensors that are still alive.
        buffers = {
            address(tensor): tensor.dtype.size * math.prod(tensor.shape)
            for tensor in alive()
            if id(tensor) not in before
        }
        del tape
        return buffers, ends


FRAMEWORK = _TensorFlow

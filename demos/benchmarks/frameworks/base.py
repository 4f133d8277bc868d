"""The interface of a framework, and evaluation with only Keras."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

import keras_serf
from demos.benchmarks import names
from demos.common.backend import TRAINING

Array = NDArray[Any]
Function = Callable[..., Any]
Call = Callable[[], object]
Kept = tuple[dict[int, int], set[int]]


class Framework:
    """A backend that only evaluates functions, such as NumPy and OpenVINO."""

    def activations(self) -> dict[str, Function]:
        """Returns Serf, its composition, and other activations of Keras."""
        others = keras.activations
        return {
            names.SERF: keras_serf.serf,
            names.COMPOSED: lambda x: x * ops.erf(ops.softplus(x)),
            names.RELU: others.relu,
            names.SILU: others.silu,
            names.GELU: others.gelu,
            "gelu (tanh)": lambda x: others.gelu(x, approximate=True),
            names.MISH: others.mish,
        }

    def derivatives(self, function: Function, mode: str) -> list[Function]:
        """Returns f, f' and f'' in a mode, as many as there are."""
        return [function]

    def evaluate(
        self, functions: Sequence[Function], x: Array, dtype: str
    ) -> list[Array]:
        """Applies functions of tensors to an array."""
        tensor = ops.convert_to_tensor(x, dtype)
        return [ops.convert_to_numpy(f(tensor)) for f in functions]


class TrainingFramework(Framework):
    """A backend that differentiates and can be timed."""

    array: Callable[[Array, str], Any]  # Array on the device, of a dtype.
    in_mode: Callable[[Function, str], Function]  # Compiled if necessary.
    derivative: Callable[[Function], Function]
    # From x and w to f(x) and the gradient of sum(w f(x)).
    pullback: Callable[[Function], Function]
    wait: Callable[[Any], object]  # Waits until the argument is computed.
    # The buffers of f(x) stored for the backward pass: the bytes of each by its
    # address, and the addresses of input and output.
    kept: Callable[[Function, Any], Kept]

    def derivatives(self, function: Function, mode: str) -> list[Function]:
        """Returns f, f' and f'' in a mode, as many as there are."""
        first = self.derivative(function)
        functions = [function, first, self.derivative(first)]
        return [self.in_mode(f, mode) for f in functions]

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        """Returns a call that computes f(x) and waits for it."""
        # A new lambda each time, because compilers cache by function.
        run = self.in_mode(lambda x: function(x), mode)
        return lambda: self.wait(run(x))

    def forward_backward(
        self, function: Function, mode: str, x: Any, w: Any
    ) -> Call:
        """Returns a call that computes f(x) and the gradient of sum(w f(x))."""
        run = self.in_mode(self.pullback(function), mode)
        return lambda: self.wait(run(x, w))

    def forget(self) -> None:
        """Clears compiled code, so that caches and limits have no effect."""


def active_framework() -> Framework:
    """Returns the framework of the active Keras backend."""
    backend = keras.backend.backend()
    if backend not in TRAINING:
        return Framework()
    return importlib.import_module(f"{__package__}.{backend}").FRAMEWORK()


def normal(size: int, seed: int) -> Array:
    """Returns float32 standard normal numbers, repeated after a million."""
    draw = np.random.default_rng(seed)
    values = draw.standard_normal(min(size, 2**20), dtype=np.float32)
    return np.resize(values, size)

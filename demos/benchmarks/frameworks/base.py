"""The interface of a framework, and what Keras alone offers: values."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

import keras_serf
from demos.benchmarks import names

Array = NDArray[Any]
Function = Callable[..., Any]
Call = Callable[[], object]
Kept = tuple[dict[int, int], set[int]]


class Framework:
    """A backend that evaluates functions, as NumPy and OpenVINO do."""

    modes: tuple[str, ...] = (names.EAGER,)
    kept_modes: tuple[str, ...] = (names.EAGER,)  # In which `kept` can measure.

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
    """A backend that differentiates and can be timed.

    A subclass has these attributes besides: `array(values, dtype)` makes an
    array on the device; `in_mode(function, mode)` compiles if need be;
    `derivative(f)` is f'; `pullback(f)` takes x and w, and returns f(x) and the
    gradient of sum(w f(x)); `wait(result)` waits until it is computed; and
    `kept(function, x)` finds the buffers that wait for the backward pass: the
    size in bytes of each by its address, and the addresses of input and output.
    """

    array: Callable[[Array, str], Any]
    in_mode: Callable[[Function, str], Function]
    derivative: Callable[[Function], Function]
    pullback: Callable[[Function], Function]
    wait: Callable[[Any], object]
    kept: Callable[[Function, Any], Kept]

    def derivatives(self, function: Function, mode: str) -> list[Function]:
        """Returns f, f' and f'' in a mode, as many as there are."""
        first = self.derivative(function)
        functions = [function, first, self.derivative(first)]
        return [self.in_mode(f, mode) for f in functions]

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        """Returns a call that computes f(x) and waits for it."""
        # The lambda is new each time: compilers cache by function.
        run = self.in_mode(lambda x: function(x), mode)
        return lambda: self.wait(run(x))

    def forward_backward(
        self, function: Function, mode: str, x: Any, w: Any
    ) -> Call:
        """Returns a call that computes f(x) and the gradient of sum(w f(x))."""
        run = self.in_mode(self.pullback(function), mode)
        return lambda: self.wait(run(x, w))

    def forget(self) -> None:
        """Drops what was compiled, so that no cache or limit is met."""


def normal(size: int, seed: int) -> Array:
    """Draws standard normal numbers in float32.

    They repeat after the first million, since drawing more would take longer
    than the measurement.
    """
    draw = np.random.default_rng(seed)
    values = draw.standard_normal(min(size, 2**20), dtype=np.float32)
    return np.resize(values, size)

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
Function = Callable[[Any], Any]
Call = Callable[[], object]
Kept = tuple[dict[int, int], set[int]]


class Framework:
    """A backend that evaluates functions, as NumPy and OpenVINO do.

    Attributes:
        modes: The ways to run a function.
        kept_modes: The modes in which `kept` can measure.
        device: `"cpu"` or another.
    """

    modes: tuple[str, ...] = (names.EAGER,)
    kept_modes: tuple[str, ...] = ()
    device: str = "cpu"

    def activations(self) -> dict[str, Function]:
        """Returns Serf, its composition, and the framework's activations."""
        return {
            names.SERF: keras_serf.serf,
            names.COMPOSED: lambda x: x * ops.erf(ops.softplus(x)),
            names.RELU: keras.activations.relu,
            names.SILU: keras.activations.silu,
            names.GELU: keras.activations.gelu,
            "gelu (tanh)": lambda x: keras.activations.gelu(
                x, approximate=True
            ),
            names.MISH: keras.activations.mish,
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

    def array(self, values: Array, dtype: str) -> Any:
        """Returns an array of the framework, on its device."""
        raise NotImplementedError

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        """Returns a call that computes f(x) and waits for it."""
        raise NotImplementedError

    def forward_backward(
        self, function: Function, mode: str, x: Any, w: Any
    ) -> Call:
        """Returns a call that computes f(x) and the gradient of sum(w f(x))."""
        raise NotImplementedError

    def kept(self, function: Function, mode: str, x: Any) -> Kept:
        """Finds the buffers that wait for the backward pass.

        Returns:
            The size in bytes of each buffer, by its address; and the addresses
            of the buffers of input and output.
        """
        raise NotImplementedError

    def compile_stack(
        self, function: Function, weights: Sequence[Any], h: Any
    ) -> None:
        """Compiles and runs the gradient of a stack of dense layers."""
        raise NotImplementedError

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

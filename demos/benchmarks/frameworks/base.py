"""The interface of a framework, and what Keras alone offers: values."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from demos.benchmarks.names import EAGER
from demos.benchmarks.names import GELU
from demos.benchmarks.names import MISH
from demos.benchmarks.names import RELU
from demos.benchmarks.names import SILU

Array = NDArray[Any]
Function = Callable[[Any], Any]
Call = Callable[[], object]
Kept = tuple[dict[int, int], set[int]]


class Framework:
    """A backend that evaluates functions, as NumPy and OpenVINO do.

    Attributes:
        package: The distribution whose functions `activations` returns.
        modes: The ways to run a function.
        kept_modes: The modes in which `kept` can measure; none here.
        device: `"cpu"` or another.
    """

    package: str = "keras"
    modes: tuple[str, ...] = (EAGER,)
    kept_modes: tuple[str, ...] = ()
    device: str = "cpu"

    def composed(self, x: Any) -> Any:
        """Computes Serf as a composition of the framework's own functions."""
        return x * ops.erf(ops.softplus(x))

    def activations(self) -> dict[str, Function]:
        """Returns the framework's own activations, by name."""
        return {
            RELU: keras.activations.relu,
            SILU: keras.activations.silu,
            GELU: keras.activations.gelu,
            "gelu (tanh)": lambda x: keras.activations.gelu(
                x, approximate=True
            ),
            MISH: keras.activations.mish,
        }

    def derivatives(self, function: Function, mode: str) -> list[Function]:
        """Returns f, f' and f'' in a mode, as many as there are.

        Args:
            function: An elementwise function of tensors.
            mode: One of `modes`.
        """
        return [function]

    def evaluate(
        self, functions: Sequence[Function], x: Array, dtype: str
    ) -> list[Array]:
        """Applies functions of tensors to an array."""
        tensor = ops.convert_to_tensor(x, dtype)
        return [
            ops.convert_to_numpy(function(tensor)) for function in functions
        ]


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
    return np.resize(
        draw.standard_normal(min(size, 2**20), dtype=np.float32), size
    )

"""The ways to run an activation on the active backend, value and derivatives.

Eager, as a graph, compiled, and exported to the runtimes of other makers. What
cannot be had on this backend says why. Import Keras first
(`backend.start_keras`).
"""

import contextlib
import functools
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from demos.benchmarks.export.runtimes import TARGETS
from demos.benchmarks.export.runtimes import deploy

Array = NDArray[Any]
Function = Callable[[Any], Any]
# Arrays to arrays: f, f' and f''. None for what cannot be had.
Evaluation = tuple[Array, Array | None, Array | None]
Evaluate = Callable[[Array], Evaluation]

# Those in which a backend runs what it is given; the others are targets that a
# model is exported to.
OWN = ("eager", "graph", "compiled")
RUNTIMES = ("onnx", "litert", "openvino")
MODES = (*OWN, *RUNTIMES)
_MISSING = {
    "graph": "only TensorFlow has graphs that are not compiled",
    "compiled": "the backend compiles nothing",
}


class UnavailableError(Exception):
    """A mode cannot be had; the message says why."""


def evaluator(
    function: Function, mode: str, dtype: str, size: int, orders: int
) -> Evaluate:
    """Prepares a function to be run in a mode.

    Args:
        function: Elementwise, of tensors of the active backend.
        mode: One of `MODES`.
        dtype: Of its argument: "float32", say.
        size: How many numbers it will be given at a time.
        orders: How many derivatives are wanted: 0, 1 or 2. There are fewer
            where the backend has fewer.

    Returns:
        A function of arrays of that dtype and size.

    Raises:
        UnavailableError: The backend has no such mode, or it lacks a package.
    """
    backend = keras.backend.backend()
    if dtype == "float64" and backend not in _GRADIENT:
        raise UnavailableError("Keras computes float64 in float32 there")
    if mode in RUNTIMES:
        return _exported(function, mode, dtype, size)
    if mode != "eager" and (backend, mode) not in _COMPILE:
        raise UnavailableError(_MISSING[mode])
    functions = _functions(function, backend, mode)[: orders + 1]

    def evaluate(x: Array) -> Evaluation:
        with _wide(backend, dtype):
            tensor = keras.ops.convert_to_tensor(x, dtype)
            found = [keras.ops.convert_to_numpy(f(tensor)) for f in functions]
        value, slope, curvature = (*found, None, None)[:3]
        return value, slope, curvature

    return evaluate


def version(backend: str, mode: str) -> str:
    """Returns the package and version that runs a mode.

    Args:
        backend: Name of the active backend.
        mode: One of `MODES`.
    """
    from importlib import metadata

    if mode in RUNTIMES:
        return TARGETS[mode].version
    try:
        return f"{backend} {metadata.version(backend)}"
    except metadata.PackageNotFoundError:
        return backend


def _functions(function: Function, backend: str, mode: str) -> list[Function]:
    """Returns f, f' and f'', as many as there are, ready to be called."""
    if backend not in _GRADIENT:
        return [function]
    gradient = _GRADIENT[backend]
    if mode == "eager":
        return [function, gradient(function), gradient(gradient(function))]
    compiled = _COMPILE[backend, mode]()
    if backend == "torch":
        # It compiles functions, not their derivatives, and no second ones.
        function = compiled(function)
        return [function, gradient(function)]
    slope = gradient(function)
    return [compiled(f) for f in (function, slope, gradient(slope))]


def _jax_gradient(function: Function) -> Function:
    import jax

    return jax.grad(lambda x: function(x).sum())


def _tensorflow_gradient(function: Function) -> Function:
    import tensorflow as tf

    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    return gradient


def _torch_gradient(function: Function) -> Function:
    import torch

    def gradient(x: Any) -> Any:
        outer = x.requires_grad
        if not outer:
            x = x.detach().requires_grad_()
        y = function(x)
        ones = torch.ones_like(y)
        return torch.autograd.grad(y, x, ones, create_graph=outer)[0]

    return gradient


_GRADIENT = {
    "jax": _jax_gradient,
    "tensorflow": _tensorflow_gradient,
    "torch": _torch_gradient,
}


def _jax_compile() -> Callable[[Function], Function]:
    import jax

    return jax.jit


def _tensorflow_graph() -> Callable[[Function], Function]:
    import tensorflow as tf

    return tf.function


def _tensorflow_compile() -> Callable[[Function], Function]:
    import tensorflow as tf

    return functools.partial(tf.function, jit_compile=True)


def _torch_compile() -> Callable[[Function], Function]:
    import torch

    # It counts recompilations by source line, whatever the function.
    torch.compiler.reset()
    return functools.partial(torch.compile, fullgraph=True, dynamic=False)


_COMPILE = {
    ("jax", "compiled"): _jax_compile,
    ("tensorflow", "graph"): _tensorflow_graph,
    ("tensorflow", "compiled"): _tensorflow_compile,
    ("torch", "compiled"): _torch_compile,
}


@contextlib.contextmanager
def _wide(backend: str, dtype: str) -> Iterator[None]:
    """Lets JAX compute in float64."""
    if backend != "jax" or dtype != "float64":
        yield
        return
    import jax

    with jax.enable_x64(True):
        yield


def _exported(function: Function, mode: str, dtype: str, size: int) -> Evaluate:
    if dtype != "float32":
        raise UnavailableError("exported models are measured in float32")
    if not TARGETS[mode].is_installed:
        raise UnavailableError(f"{TARGETS[mode].package} is not installed")
    inputs = keras.Input((size,), batch_size=1, dtype=dtype)
    model = keras.Model(inputs, _Elementwise(function)(inputs))
    model(np.zeros((1, size), dtype))
    with tempfile.TemporaryDirectory() as folder:
        run = deploy(model, mode, Path(folder))

    def evaluate(x: Array) -> Evaluation:
        return np.array(run(x[None])).reshape(x.shape), None, None

    return evaluate


class _Elementwise(keras.layers.Layer):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def call(self, inputs: Any) -> Any:
        return self.function(inputs)

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)

"""The ways to run an activation on the active backend, value and derivatives.

Eager, as a graph, compiled, and exported to other runtimes. Import Keras first.
"""

import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from demos.benchmarks import names
from demos.benchmarks.export.targets import TARGETS, deploy
from demos.benchmarks.frameworks import TRAINING, active_framework

Array = NDArray[Any]
Function = Callable[[Any], Any]
# From an array to the arrays of f, f' and f'', or as many as there are.
Evaluate = Callable[[Array], list[Array]]


class UnavailableError(Exception):
    """A mode is not available; the message says why."""


def evaluator(function: Function, mode: str, dtype: str, size: int) -> Evaluate:
    """Prepares a function to be run in a mode.

    Args:
        function: An elementwise function of tensors of the active backend.
        mode: One of `names.FRAMEWORK_MODES` or `names.RUNTIMES`.
        dtype: The dtype of its argument.
        size: How many numbers it will be given at a time.

    Returns:
        A function of arrays of that dtype and size.

    Raises:
        UnavailableError: The backend has no such mode, or a package is missing.
    """
    framework = active_framework()
    if dtype == "float64" and keras.backend.backend() not in TRAINING:
        raise UnavailableError("Keras computes float64 in float32 there")
    if mode in names.RUNTIMES:
        return _exported(function, mode, dtype, size)
    if mode not in framework.modes:
        raise UnavailableError(
            "only TensorFlow has graphs that are not compiled"
            if mode == names.GRAPH
            else "the backend compiles nothing"
        )
    functions = framework.derivatives(function, mode)
    return lambda x: framework.evaluate(functions, x, dtype)


def version(mode: str) -> str:
    """Returns package and version of what runs a mode on the active backend."""
    if mode in names.RUNTIMES:
        return TARGETS[mode].version
    backend = keras.backend.backend()
    return f"{backend} {metadata.version(backend)}"


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
    return lambda x: [np.array(run(x[None])).reshape(x.shape)]


class _Elementwise(keras.layers.Layer):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def call(self, inputs: Any) -> Any:
        return self.function(inputs)

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)

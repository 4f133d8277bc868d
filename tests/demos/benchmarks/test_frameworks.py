"""Each framework has the activations and the interface that it should."""

import math

import keras
import numpy as np

from demos.benchmarks.frameworks.base import active_framework
from demos.benchmarks.names import COMPILED, MODES
from keras_serf import theory

AT_ONE = {
    "relu": 1.0,
    "silu": 0.7310586,
    "gelu (erf)": 0.8413447,
    "gelu (tanh)": 0.841192,
    "mish": 0.8650984,
}


def test_activations_compute_what_their_names_say():
    x = np.linspace(-5, 5, 41, dtype="float32")
    framework = active_framework()
    activations = framework.activations()
    assert list(activations) == ["serf", "serf (composed)", *AT_ONE]
    outputs = framework.evaluate([*activations.values()], x, "float32")
    for name, y in zip(activations, outputs, strict=True):
        if name.startswith("serf"):
            np.testing.assert_allclose(y, theory.serf(x), rtol=1e-5)
        else:
            at_one = float(y[np.searchsorted(x, 1.0)])
            assert math.isclose(at_one, AT_ONE[name], abs_tol=1e-6), name


def test_every_mode_computes_value_and_gradient(trains):
    framework = active_framework()
    x = framework.array(np.array([-2.0, 0.5, 3.0], "float32"), "float32")
    w = framework.array(np.array([1.0, 2.0, 0.5], "float32"), "float32")
    calls = []

    def square(x):
        calls.append(x.shape)
        return x * x

    for mode in MODES[keras.backend.backend()]:
        if keras.backend.backend() == "torch" and mode == COMPILED:
            continue  # Takes seconds; the slow test of `cost` does it.
        before = len(calls)
        framework.forward(square, mode, x)()
        framework.forward_backward(square, mode, x, w)()
        assert len(calls) >= before + 2

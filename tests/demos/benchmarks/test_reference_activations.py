"""Every activation computes what its name says."""

import math

import keras
import numpy as np
import pytest

from demos.benchmarks.reference_activations import reference_activations
from keras_serf import theory

X = np.linspace(-5, 5, 41, dtype="float32")
AT_ONE = {
    "relu": 1.0,
    "silu": 0.7310586,
    "gelu (erf)": 0.8413447,
    "gelu (tanh)": 0.841192,
    "mish": 0.8650984,
}


def test_activations_compute_what_their_names_say():
    activations = reference_activations()
    assert list(activations) == ["serf", "serf (composed)", *AT_ONE]
    x = keras.ops.convert_to_tensor(X)
    for name, activation in activations.items():
        y = keras.ops.convert_to_numpy(activation.function(x))
        if name.startswith("serf"):
            np.testing.assert_allclose(y, theory.serf(X), rtol=1e-5)
        else:
            at_one = float(y[np.searchsorted(X, 1.0)])
            assert math.isclose(at_one, AT_ONE[name], abs_tol=1e-6), name
        assert activation.source.partition(" ")[2]


@pytest.mark.parametrize("name", ["serf", "serf (composed)"])
def test_sources_name_a_package(name):
    source = reference_activations()[name].source
    package = "keras_serf" if name == "serf" else keras.backend.backend()
    if package in ("numpy", "openvino"):
        package = "keras"
    assert source.startswith(f"{package} ")

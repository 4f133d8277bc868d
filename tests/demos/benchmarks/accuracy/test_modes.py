"""Serf gives the same numbers in every mode."""

import keras
import numpy as np
import pytest

from demos.benchmarks.accuracy.measure import evaluator
from demos.benchmarks.names import MODES, RUNTIMES
from demos.common.backend import TRAINING
from keras_serf import theory

X = np.array([-2.0, -0.5, 0.0, 1.0, 3.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_derivatives(dtype):
    backend = keras.backend.backend()
    if dtype == "float64" and backend not in TRAINING:
        pytest.skip("Keras computes float64 in float32 there")
    for mode in MODES.get(backend, ("eager",)):
        run = evaluator("serf", mode, dtype, X.size)
        for x in (X, X + 1):
            results = run(x.astype(dtype))
            functions = theory.serf, theory.derivative, theory.second_derivative
            for y, f in zip(results, functions, strict=False):
                assert y.dtype == dtype
                np.testing.assert_allclose(y, f(x), rtol=1e-5, atol=1e-6)
        assert (len(results) > 1) == (backend in TRAINING)


@pytest.mark.filterwarnings("ignore")  # Of the exporters; they even fork.
@pytest.mark.parametrize("mode", RUNTIMES)
def test_an_exported_model_gives_the_same(mode):
    try:
        run = evaluator("serf", mode, "float32", X.size)
    except Exception as error:  # Of Keras, of a converter: no such export.
        pytest.skip(" ".join(str(error).split())[:100])
    (value,) = run(X.astype("float32"))
    np.testing.assert_allclose(value, theory.serf(X), rtol=1e-5)

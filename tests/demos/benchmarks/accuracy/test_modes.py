"""A function gives the same numbers in every mode, or says why it cannot."""

import keras
import numpy as np
import pytest

from demos.benchmarks.accuracy.measure import evaluator, unavailable, version
from demos.benchmarks.names import FRAMEWORK_MODES, RUNTIMES
from demos.common.backend import TRAINING

X = np.array([-2.0, -0.5, 0.0, 1.0, 3.0], "float32")


def cube(x):
    return x * x * x


@pytest.mark.parametrize("mode", FRAMEWORK_MODES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_derivatives(mode, dtype):
    assert (unavailable(mode, dtype) == "") == available(mode, dtype)
    if not available(mode, dtype):
        return
    run = evaluator(cube, mode, X.astype(dtype))
    for x in (X, X + 1):
        results = run(x.astype(dtype))
        for y, expected in zip(results, (x**3, 3 * x**2, 6 * x), strict=False):
            assert y.dtype == dtype
            np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert (len(results) > 1) == differentiates()


def available(mode, dtype):
    if mode == "graph":
        return keras.backend.backend() == "tensorflow"
    return differentiates() or (mode, dtype) == ("eager", "float32")


def differentiates():
    return keras.backend.backend() in TRAINING


@pytest.mark.filterwarnings("ignore")  # Of the exporters; they even fork.
@pytest.mark.parametrize("mode", RUNTIMES)
def test_an_exported_model_gives_the_same(mode):
    try:
        run = evaluator(cube, mode, X)
    except Exception as error:  # Of Keras, of a converter: no such export.
        pytest.skip(" ".join(str(error).split())[:100])
    (value,) = run(X)
    np.testing.assert_allclose(value, X**3, rtol=1e-6)


def test_versions_name_what_runs():
    assert version("eager").startswith(f"{keras.backend.backend()} ")
    assert version("onnx").startswith("onnxruntime")

"""Ways to run a function: the same numbers in each, or why there are none."""

import keras
import numpy as np
import pytest

from demos.benchmarks import execution_modes as modes

X = np.array([-2.0, -0.5, 0.0, 1.0, 3.0], "float32")


def cube(x):
    return x * x * x


@pytest.mark.parametrize("mode", modes.OWN)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_derivatives(mode, dtype):
    if not available(mode, dtype):
        with pytest.raises(modes.UnavailableError, match=r"\w+ \w+"):
            modes.evaluator(cube, mode, dtype, X.size, 2)
        return
    run = modes.evaluator(cube, mode, dtype, X.size, 2)
    for x in (X, X + 1):
        found = run(x.astype(dtype))
        for y, expected in zip(found, (x**3, 3 * x**2, 6 * x), strict=True):
            if y is not None:
                assert y.dtype == dtype
                np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert (found[1] is not None) == differentiates()


def available(mode, dtype):
    backend = keras.backend.backend()
    if mode == "graph":
        return backend == "tensorflow"
    return differentiates() or (mode, dtype) == ("eager", "float32")


def differentiates():
    return keras.backend.backend() in ("jax", "tensorflow", "torch")


def test_orders_are_no_more_than_wanted():
    value, slope, curvature = modes.evaluator(cube, "eager", "float32", 5, 0)(X)
    np.testing.assert_array_equal(value, X**3)
    assert slope is None
    assert curvature is None


@pytest.mark.filterwarnings("ignore")  # Of the exporters; they even fork.
@pytest.mark.parametrize("mode", modes.RUNTIMES)
def test_an_exported_model_gives_the_same(mode):
    try:
        run = modes.evaluator(cube, mode, "float32", X.size, 2)
    except Exception as error:  # Of Keras, of a converter: no such export.
        pytest.skip(" ".join(str(error).split())[:100])
    value, slope, curvature = run(X)
    np.testing.assert_allclose(value, X**3, rtol=1e-6)
    assert slope is None
    assert curvature is None


def test_the_half_types_are_not_exported():
    with pytest.raises(modes.UnavailableError, match="float32"):
        modes.evaluator(cube, "onnx", "float16", 5, 0)


def test_versions_name_what_runs():
    backend = keras.backend.backend()
    assert modes.version(backend, "eager").startswith(f"{backend} ")
    assert modes.version(backend, "onnx").startswith("onnxruntime")

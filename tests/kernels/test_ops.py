"""The kernel for backends without one of their own, on any backend."""

import keras
import numpy as np
import pytest

from keras_serf import theory
from keras_serf.kernels import ops

X = np.linspace(-20, 9, 300, dtype="float32")
FINITE = [-3e38, -1e38, -200.0, -1e-40, -0.0, 0.0, 1e-40, 6e4, 3e38]
DTYPES = ("float16", "bfloat16", "float32")


def tensor(x, dtype):
    return keras.ops.cast(keras.ops.convert_to_tensor(x), dtype)


def numbers(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def test_value():
    # Where e^x loses the most digits; 2.1 ulp measured on MLX and OpenVINO.
    x = np.linspace(-87.3, 8, 2001, dtype="float32")
    truth = theory.serf(x.astype("float64"))
    y = numbers(ops.serf(keras.ops.convert_to_tensor(x)))
    assert (
        abs(y - truth) <= 4 * np.spacing(abs(truth).astype("float32"))
    ).all()


def test_derivatives(gradient):
    x = keras.ops.convert_to_tensor(X)
    first = gradient(ops.serf)
    for function, truth in (
        (first, theory.derivative),
        (gradient(first), theory.second_derivative),
    ):
        expected = truth(X.astype("float64"))
        np.testing.assert_allclose(
            numbers(function(x)), expected, rtol=2e-5, atol=1e-6
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_limits(gradient, dtype):
    ends = tensor(np.array([-np.inf, np.inf, np.nan]), dtype)
    np.testing.assert_array_equal(numbers(ops.serf(ends)), [0, np.inf, np.nan])
    derivative = gradient(ops.serf)
    np.testing.assert_array_equal(numbers(derivative(ends)), [0, 1, np.nan])
    x = tensor(np.array(FINITE), dtype)
    x = keras.ops.where(keras.ops.isfinite(x), x, keras.ops.zeros_like(x))
    for function in (ops.serf, derivative, gradient(derivative)):
        assert np.isfinite(numbers(function(x))).all()

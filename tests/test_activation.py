"""What `serf(x)` promises to whoever calls it, on the active backend."""

import keras
import numpy as np
import pytest

import keras_serf

DTYPES = ("float16", "bfloat16", "float32")


def to_numpy(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_keeps_shape_and_dtype(shape, dtype):
    x = keras.ops.cast(np.zeros(shape, "float32"), dtype)
    y = keras_serf.serf(x)
    assert tuple(y.shape) == shape
    assert keras.backend.standardize_dtype(y.dtype) == dtype


@pytest.mark.parametrize(
    "x", [1, np.int32(1), np.array(True), 1.0, np.float32(1)]
)
def test_numbers_become_floatx(x):
    y = keras_serf.serf(x)
    assert keras.backend.standardize_dtype(y.dtype) == keras.config.floatx()
    assert float(to_numpy(y)) == pytest.approx(0.93672192, rel=1e-6)


def test_takes_lists():
    y = keras_serf.serf([[-1.0], [1.0]])
    assert to_numpy(y) == pytest.approx(
        np.array([[-0.34224796], [0.93672192]]), rel=1e-6
    )


def test_complex_numbers_are_refused():
    if keras.backend.backend() == "openvino":
        pytest.skip("OpenVINO has no complex tensors")
    # Before 3.6 Keras itself refuses them, with a ValueError, or makes floats
    # of them before a layer sees them.
    functions = [keras_serf.serf]
    if tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 6):
        functions.append(keras_serf.Serf())
    x = np.array([1j], "complex64")
    for function in functions:
        with pytest.raises((TypeError, ValueError), match=r"dtype.*complex64"):
            function(x)


def test_other_floats_are_refused():
    x = keras.Input((2,), dtype="float8_e4m3fn")
    with pytest.raises(TypeError, match="Received: x with dtype=float8"):
        keras_serf.serf(x)


def test_float64_floatx(float64):
    y = keras_serf.serf(np.array([-1.0, 1.0]))
    assert keras.backend.standardize_dtype(y.dtype) == "float64"
    assert to_numpy(y) == pytest.approx(
        np.array([-0.34224795538933844, 0.93672191547171531]), rel=1e-15
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_symbolic_input_keeps_its_spec(dtype):
    x = keras.Input((None, 3), dtype=dtype)
    y = keras_serf.serf(x)
    assert y.shape == (None, None, 3)
    assert y.dtype == dtype


def test_symbolic_integers_become_floatx():
    x = keras.Input((3,), dtype="int32")
    y = keras_serf.serf(x)
    assert y.dtype == keras.config.floatx()
    out = keras.Model(x, y).predict(np.ones((1, 3), "int32"), verbose=0)
    assert out == pytest.approx(0.93672192, rel=1e-6)


def test_functional_model_takes_any_batch_and_length():
    x = keras.Input((None, 2))
    model = keras.Model(x, keras_serf.serf(x))
    for shape in [(1, 1, 2), (3, 5, 2)]:
        value = np.linspace(-3, 3, np.prod(shape), dtype="float32")
        value = value.reshape(shape)
        np.testing.assert_allclose(
            model.predict(value, verbose=0),
            to_numpy(keras_serf.serf(value)),
            rtol=1e-6,
        )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_symbolic_input_keeps_its_dtype_under_mixed_precision(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        y = keras_serf.serf(keras.Input((3,), dtype="float32"))
        assert y.dtype == "float32"
        layer = keras.layers.Dense(2, activation="serf")
        assert layer(keras.Input((3,))).dtype == policy.removeprefix("mixed_")
    finally:
        keras.config.set_dtype_policy(before)

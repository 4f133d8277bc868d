"""The layer `Serf`: what a Keras user expects of any activation layer."""

import keras
import numpy as np
import pytest

import keras_serf


def test_applies_serf():
    x = np.linspace(-5, 5, 24, dtype="float32").reshape(2, 3, 4)
    layer = keras_serf.Serf()
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(layer(x)),
        keras.ops.convert_to_numpy(keras_serf.serf(x)),
    )
    assert layer.count_params() == 0


def test_config_round_trip():
    layer = keras_serf.Serf(name="curve", dtype="mixed_float16")
    copy = keras_serf.Serf.from_config(layer.get_config())
    assert copy.name == "curve"
    assert copy.compute_dtype == "float16"
    assert copy.get_config() == layer.get_config()


def test_is_named_serf():
    model = keras.Sequential([keras.Input((2,)), keras_serf.Serf()])
    assert model.layers[0].name.startswith("serf")


def test_passes_the_mask_on():
    model = keras.Sequential(
        [
            keras.layers.Embedding(5, 3, mask_zero=True),
            keras_serf.Serf(),
        ]
    )
    words = np.array([[1, 2, 0]])
    mask = model.layers[0].compute_mask(words)
    passed = model.layers[1].compute_mask(model.layers[0](words), mask)
    assert keras.ops.convert_to_numpy(passed).tolist() == [[True, True, False]]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_bfloat16"])
def test_computes_in_its_own_dtype(dtype):
    layer = keras_serf.Serf(dtype=dtype)
    for x in (np.ones(2, "float32"), np.ones(2, "int32")):
        y = layer(x)
        assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype
    spec = layer(keras.Input((3,)))
    assert spec.shape == (None, 3)
    assert spec.dtype == layer.compute_dtype


def test_autocast_off_keeps_the_input_dtype():
    layer = keras_serf.Serf(dtype="float32", autocast=False)
    y = layer(keras.ops.ones((2,), dtype="float16"))
    assert keras.backend.standardize_dtype(y.dtype) == "float16"


def test_trains_inside_a_model(trains):
    x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
    y = np.abs(x).sum(axis=1, keepdims=True)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16),
            keras_serf.Serf(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[1] < losses[0]

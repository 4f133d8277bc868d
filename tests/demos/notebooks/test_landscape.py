"""Landscapes: the right heights at the right places; weights stay."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.notebooks import landscape


def test_a_linear_network_computes_a_plane():
    plane = landscape.outputs("linear", side=11)
    assert plane.shape == (11, 11)
    assert landscape.roughness(plane) < 1e-5
    # He's weights have mean 0, and there is no bias: an odd function.
    np.testing.assert_allclose(plane, -plane[::-1, ::-1], atol=1e-3)


def test_kinks_are_rougher_than_curves():
    for seed in range(3):
        found = {
            name: landscape.roughness(landscape.outputs(name, seed=seed))
            for name in ("relu", "serf", "mish")
        }
        assert found["relu"] > 2 * max(found["serf"], found["mish"])


def test_the_same_seed_is_the_same_network():
    one, same, other = (
        landscape.outputs("serf", side=5, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
Y = np.ones((20, 2), "float32")


def test_the_loss_in_the_middle_is_the_models_and_its_weights_stay(model):
    before = model.get_weights()
    found = landscape.losses(model, X, Y, side=3)
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert found[1, 1] == pytest.approx(model.evaluate(X, Y, verbose=0))


def test_directions_are_as_long_as_the_weights(model):
    # At the quadratic loss of a linear model, second differences along a
    # direction d are 2 mean((x d)^2) / 2 outputs.
    found = landscape.losses(model, X, Y, side=3, seed=1)
    kernel = ops.convert_to_numpy(model.layers[0].kernel)
    direction = np.random.default_rng(1).standard_normal(kernel.shape)
    direction *= np.linalg.norm(kernel, axis=0) / np.linalg.norm(
        direction, axis=0
    )
    expected = 2 * np.mean((X @ direction) ** 2)
    bend = found[0, 1] - 2 * found[1, 1] + found[2, 1]
    assert bend == pytest.approx(expected, rel=1e-3)


def test_an_even_side_is_refused(model):
    with pytest.raises(ValueError, match="Expected side to be odd"):
        landscape.losses(model, X, Y, side=4)

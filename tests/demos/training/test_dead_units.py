"""Dead units: counted right, in every kind of layer, during training."""

import keras
import numpy as np
import pytest

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.training.dead_units import DeadUnits, share


def mlp(activation, bias):
    """Builds a hidden layer of whose 4 units the first two get `bias`."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, activation, name="hidden"),
            keras.layers.Dense(2, "softmax"),
        ]
    )
    kernel, zeros = model.get_layer("hidden").get_weights()
    zeros[:2] = bias
    model.get_layer("hidden").set_weights([kernel, zeros])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


def trained(model, x):
    dead = DeadUnits(x)
    targets = np.zeros((len(x), *model.output_shape[1:]))
    history = model.fit(
        x, targets, epochs=2, verbose=0, callbacks=[dead]
    ).history
    assert history["dead_units"] == dead.totals[1:]
    assert share(model, x) == dead.totals[-1]  # The rate is 0: all the same.
    return dead


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(64, 3)).astype("float32")


@pytest.mark.parametrize(
    ("activation", "share"), [("relu", 0.5), ("serf", 0.0), ("tanh", 0.0)]
)
def test_relu_dies_below_0_and_smooth_ones_do_not(x, activation, share):
    dead = trained(mlp(activation, -6.0), x)
    # Before training, and after both epochs; the outputs do not count.
    assert dead.shares == {"hidden": [share] * 3}
    assert dead.totals == [share] * 3


def test_serf_dies_far_below_0(x):
    assert trained(mlp("serf", -60.0), x).totals == [0.5] * 3


def test_channels_and_layers_of_their_own_count_too():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, name="linear"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    kernel, bias = model.get_layer("linear").get_weights()
    model.get_layer("linear").set_weights([kernel, bias - [50, 0, 0, 0]])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    images = np.random.default_rng(0).random((16, 8, 8, 1))
    assert trained(model, images).shares == {"relu": [0.25] * 3}


def test_a_unit_lives_if_examples_of_different_batches_differ(x):
    model = mlp("relu", -60.0)
    x = np.zeros_like(x)
    assert share(model, x) == 1.0
    kernel = model.get_layer("hidden").get_weights()[0]
    # Far on the side where unit 0 answers: 200 before the bias.
    x[-1] = 200 * kernel[:, 0] / np.sum(kernel[:, 0] ** 2)
    assert share(model, x, batch_size=8) < 1.0
    assert share(model, x[:-1], batch_size=8) == 1.0


def test_a_layer_that_answers_faintly_is_not_dead(x):
    model = mlp("tanh", 0.0)
    kernel, bias = model.get_layer("hidden").get_weights()
    model.get_layer("hidden").set_weights([1e-8 * kernel, bias])
    assert share(model, x) == 0.0
    bias[0] = 9.0  # Its answers are 1, as far as float32 can tell.
    model.get_layer("hidden").set_weights([1e-8 * kernel, bias])
    assert share(model, x) == 0.25


def test_dropout_wakes_no_unit(x):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(4, "relu"),
            keras.layers.Dense(2),
        ]
    )
    same = np.repeat(x[:1], 64, axis=0)
    assert share(model, same) == 1.0


def test_a_layer_that_is_an_activation_counts_whatever_it_is():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Activation("linear"),
            keras.layers.Dense(2),
        ]
    )
    assert share(model, np.eye(3, dtype="float32")) == 0.0


def test_a_model_without_hidden_activations_is_refused(x):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "relu")])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Expected a model with a hidden"):
        trained(model, x)

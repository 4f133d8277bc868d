"""Networks for pictures: of the size asked for, with Serf in all places."""

import keras
import numpy as np
import pytest

from demos.common.errors import UserError
from demos.tasks.classification import model as networks
from demos.tasks.classification.options import ModelConfig
from demos.training.dead_units import hidden_layers
from keras_serf import serf

SIZES = {"layers": 3, "width": 4, "initializer": "he_normal"}


def build(network, activation, shape, labels, dropout=0.0, **sizes):
    sizes = ModelConfig(network, **sizes)
    return networks.build_model(activation, shape, labels, sizes, dropout)


numpy = keras.ops.convert_to_numpy


def activations(model):
    return [
        layer.activation
        for layer in model.layers
        if getattr(layer, "activation", None) is not None
        and layer.activation is not keras.activations.linear
    ]


@pytest.mark.parametrize("layers", [1, 2, 9])
@pytest.mark.parametrize("network", networks.SMALL)
def test_it_is_as_deep_as_asked_for(network, layers):
    model = build(network, "serf", (8, 8, 1), 10, **{**SIZES, "layers": layers})
    assert activations(model) == [serf] * layers
    assert len(list(hidden_layers(model))) == layers
    assert model.input_shape == (None, 8, 8, 1)
    assert model.output_shape == (None, 10)


def test_widths():
    mlp = build("mlp", "relu", (8, 8, 3), 5, **SIZES)
    units = [x.units for x in mlp.layers if isinstance(x, keras.layers.Dense)]
    assert units == [4, 4, 4, 5]
    cnn = build("cnn", "relu", (8, 8, 3), 5, **{**SIZES, "layers": 4})
    filters = [
        x.filters for x in cnn.layers if isinstance(x, keras.layers.Conv2D)
    ]
    assert filters == [4, 8, 16, 16]  # 8 pixels, then 4, then 2, which stay.


@pytest.mark.parametrize("network", networks.SMALL)
def test_options_of_the_training_are_in_the_network(network):
    model = build(
        network,
        "serf",
        (8, 8, 1),
        10,
        **SIZES,
        dropout=0.25,
        batch_normalization=True,
        image_size=16,
    )
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("BatchNormalization") == 3
    rates = [
        layer.rate
        for layer in model.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert rates == [0.25] * (3 if network == "mlp" else 1)
    assert "Resizing" in kinds


@pytest.mark.parametrize("activation", ["relu", "serf", "tanh"])
@pytest.mark.parametrize("network", networks.SMALL)
def test_hidden_layers_can_begin_with_a_variance_of_1(network, activation):
    sizes = {**SIZES, "layers": 6, "width": 8}
    model = build(network, activation, (8, 8, 1), 10, **sizes)
    before = model.get_weights()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), "uint8")
    networks.scale_to_unit_variance(model, pixels)
    linear = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D)
    ]
    outputs = keras.Model(model.input, [layer.output for layer in linear])
    deviations = [float(np.std(out)) for out in map(numpy, outputs(pixels))]
    assert deviations[:-1] == pytest.approx([1.0] * 6, rel=1e-4)
    # Scaled, and no more; the last layer not even that.
    after = model.get_weights()
    for old, new in zip(before, after, strict=True):
        if old.any():
            ratio = new / old
            assert ratio == pytest.approx(ratio.flat[0], rel=1e-4)
    np.testing.assert_array_equal(after[-2], before[-2])


def test_pixels_are_scaled_inside():
    model = build("mlp", "relu", (2, 2, 1), 3, **SIZES)
    first = keras.Model(model.input, model.layers[1].output)
    pixels = np.array([0, 51, 102, 255], "uint8").reshape(1, 2, 2, 1)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(first(pixels)).ravel(), [0, 0.2, 0.4, 1]
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("network", "kept"),
    [("mobilenetv2", set()), ("efficientnetb0", {"sigmoid"})],
)
def test_applications_have_serf_in_place_of_their_rectifiers(network, kept):
    model = build(network, "serf", (8, 8, 1), 7, **SIZES)
    found = activations(model)
    assert serf in found
    assert {f.__name__ for f in found} - {"serf"} == kept
    assert not any(isinstance(x, keras.layers.ReLU) for x in model.layers)
    assert model.input_shape == (None, 8, 8, 1)
    assert model.output_shape == (None, 7)


@pytest.mark.once
def test_gates_stay_gates():
    """MobileNetV3's are ReLU6(x + 3) / 6."""
    own = keras.applications.MobileNetV3Small(
        weights=None, input_shape=(32, 32, 3), include_preprocessing=False
    )
    ours = build("MobileNetV3Small", "serf", (32, 32, 3), 3, **SIZES)
    gates = [
        sum(
            isinstance(layer, keras.layers.ReLU) and layer.max_value == 6
            for layer in model.layers
        )
        for model in (own, ours)
    ]
    assert gates[0] == gates[1] > 0
    assert serf in activations(ours)


@pytest.mark.long
@pytest.mark.once
def test_at_a_seed_all_activations_begin_alike():
    def weights(activation):
        keras.utils.set_random_seed(5)
        return build(
            "mobilenetv2", activation, (32, 32, 3), 3, **SIZES
        ).get_weights()

    for ours, theirs in zip(weights("serf"), weights("relu"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.once
def test_what_cannot_be_is_said_in_a_line():
    with pytest.raises(UserError, match=r"such as vgg.*Received: 'vgg'"):
        build("vgg", "serf", (8, 8, 1), 10, **SIZES)
    with pytest.raises(UserError, match="larger --image-size") as error:
        build("inceptionv3", "serf", (8, 8, 1), 10, **SIZES)
    assert "\n" not in str(error.value)

"""Networks for image classification, by their names in the commands.

Two are built here: a small convolutional network, and a multilayer perceptron
of any depth. The others are from Keras Applications, with replaced activations.
All take pixels from 0 to 255 and return logits.
"""

import difflib
import inspect
from typing import Any

import keras
import numpy as np

import keras_serf
from demos.common.errors import UserError
from demos.tasks.classification.options import ModelConfig

SMALL = ("cnn", "mlp")
WIDTHS = {"cnn": 16, "mlp": 128}  # Defaults of --width.
LEAST_SIDE = 32  # Most Keras Applications do not accept smaller images.


def build_model(
    activation: str,
    shape: tuple[int, int, int],
    labels: int,
    sizes: ModelConfig,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network with weights from Keras' global seed.

    Args:
        activation: Activation of all hidden layers.
        shape: Height, width and channels of an image.
        labels: Number of labels.
        sizes: The network and its sizes. Networks of Keras Applications have
            their own sizes; see `application`.
        dropout: Dropout rate after each hidden layer of `"mlp"`, and before the
            last layer of `"cnn"`.

    Returns:
        A model from uint8 `(batch, *shape)` to logits `(batch, labels)`.

    Raises:
        UserError: If the network does not exist, or does not accept images of
            this shape.

    Example:

    >>> sizes = ModelConfig("mlp", layers=3, width=16)
    >>> model = build_model("serf", (8, 8, 1), 10, sizes)
    >>> model.output_shape, model.count_params()
    ((None, 10), 1754)
    """
    network, size = sizes.network, sizes.image_size
    check(network)
    if network not in SMALL:
        return application(network, activation, shape, labels, size)
    inputs = keras.Input(shape, dtype="uint8", name="pixels")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = _resized(x, size or shape[0], size or shape[1])
    width = sizes.width or WIDTHS[network]
    # Down to 2 or 3 pixels per side.
    poolings = max(0, min(x.shape[1:3]).bit_length() - 2)
    if network == "mlp":
        x = keras.layers.Flatten()(x)
    for number in range(sizes.layers):
        if network == "mlp":
            layer: Any = keras.layers.Dense(
                width, kernel_initializer=sizes.initializer
            )
        else:
            layer = keras.layers.Conv2D(
                width * 2 ** min(number, poolings),
                3,
                padding="same",
                kernel_initializer=sizes.initializer,
            )
        x = layer(x)
        if sizes.batch_normalization:
            x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation(activation)(x)
        if network == "mlp":
            x = keras.layers.Dropout(dropout)(x)
        elif number < poolings:
            x = keras.layers.MaxPooling2D()(x)
    if network == "cnn":
        x = keras.layers.GlobalAveragePooling2D()(x)
        x = keras.layers.Dropout(dropout)(x)
    outputs = keras.layers.Dense(labels, name="logits")(x)
    return keras.Model(inputs, outputs, name=network)


def application(
    network: str,
    activation: str,
    shape: tuple[int, int, int],
    labels: int,
    image_size: int | None = None,
) -> keras.Model:
    """Builds a network of Keras Applications with another activation.

    `keras_serf.replace_activations` replaces its rectifiers, but not its gates,
    such as those of squeeze-and-excitation. Grey images are converted to RGB.
    By default, images smaller than 32 x 32 are enlarged to 32 x 32. See
    `build_model`.
    """
    make = applications()[network]
    options: dict[str, Any] = {}
    if "include_preprocessing" in inspect.signature(make).parameters:
        options["include_preprocessing"] = False
    inputs = keras.Input(shape, dtype="uint8", name="pixels")
    # The first version of EfficientNet always rescales its input.
    own = network.startswith("efficientnetb")
    x = keras.layers.Rescaling(1.0 if own else 1 / 255)(inputs)
    x = _resized(x, *(image_size or max(LEAST_SIDE, n) for n in shape[:2]))
    if shape[2] == 1:
        x = keras.layers.Concatenate()([x, x, x])
    try:
        model = make(
            weights=None,
            input_tensor=x,
            classes=labels,
            classifier_activation=None,
            **options,
        )
    except ValueError as error:
        raise UserError(
            f"--network {network} does not accept these images ({error}); give "
            "a larger --image-size"
        ) from None
    model = keras_serf.replace_activations(model, activation)
    # Its input would be a list with one tensor.
    return keras.Model(model.inputs[0], model.outputs[0], name=network)


def scale_to_unit_variance(model: keras.Model, inputs: np.ndarray) -> None:
    """Scales new weights so that all hidden layers begin with a variance of 1.

    Each layer in turn is scaled by its pre-activations for a few hundred
    inputs: the second step of Mishkin and Matas, "All you need is a good init",
    2016 (https://arxiv.org/abs/1511.06422). Then the initial scale, which the
    He initializer chooses for ReLU, suits all activations equally. The model,
    `"cnn"` or `"mlp"`, is changed in place.

    Example:

    >>> sizes = ModelConfig("mlp", layers=9, width=16)
    >>> model = build_model("silu", (2, 2, 1), 10, sizes)
    >>> pixels = np.arange(64, dtype="uint8").reshape(16, 2, 2, 1)
    >>> scale_to_unit_variance(model, pixels)
    >>> before_last = keras.Model(model.input, model.layers[-4].output)
    >>> values = keras.ops.convert_to_numpy(before_last(pixels))
    >>> round(float(values.std()), 3)
    1.0
    """
    *hidden, _ = (
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D)
    )
    for layer in hidden:
        found = keras.Model(model.input, layer.output)(inputs, training=False)
        deviation = float(np.std(keras.ops.convert_to_numpy(found)))
        if deviation > 0:  # A layer with constant outputs cannot be scaled.
            layer.kernel.assign(layer.kernel / deviation)


def applications() -> dict[str, Any]:
    """Returns the functions of `keras.applications`, by lower-case name.

    Example:

    >>> "mobilenetv2" in applications()
    True
    """
    return {
        name.lower(): function
        for name, function in vars(keras.applications).items()
        if callable(function) and name[0].isupper()
    }


def check(network: str) -> None:
    """Raises UserError if there is no such network; case is ignored."""
    known = [*SMALL, *sorted(applications())]
    if network.lower() not in known:
        near = difflib.get_close_matches(network.lower(), known, cutoff=0)
        raise UserError(
            f"Expected --network to be {', '.join(SMALL)} or one of Keras "
            f"Applications, such as {', '.join(near)}. Received: {network!r}"
        )


def _resized(x: Any, height: int, width: int) -> Any:
    """Resizes images that do not have that size."""
    if x.shape[1:3] == (height, width):
        return x
    return keras.layers.Resizing(height, width)(x)

"""Networks that classify pictures, by the names that the commands take.

Two are built here, a small convolutional network and a multilayer perceptron of
any depth; all others are those of Keras Applications, with other activations.
All read raw pixels, from 0 to 255, and return logits.
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
WIDTHS = {"cnn": 16, "mlp": 128}  # Without --width.
LEAST_SIDE = 32  # Of Keras Applications: most refuse less.


def build_model(
    activation: str,
    shape: tuple[int, int, int],
    labels: int,
    sizes: ModelConfig,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network, its weights drawn by Keras' global seed.

    Args:
        activation: Of all hidden layers.
        shape: Height, width and channels of a picture.
        labels: How many there are.
        sizes: The network and its sizes. Networks of Keras Applications have
            their own; see `application`.
        dropout: Fraction dropped after each hidden layer of `"mlp"`, and before
            the last layer of `"cnn"`.

    Returns:
        A model of uint8 `(batch, *shape)` to logits `(batch, labels)`.

    Raises:
        UserError: There is no such network, or it cannot read such pictures.

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
    # Down to 2 or 3 pixels a side.
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
    """Builds a network of Keras Applications, with another activation.

    Its rectifiers are replaced by `keras_serf.replace_activations`; gates such
    as those of squeeze-and-excitation stay. Grey pictures are read as red,
    green and blue. By default, pictures smaller than 32 x 32 are enlarged to
    that. See `build_model`.
    """
    make = applications()[network]
    options: dict[str, Any] = {}
    if "include_preprocessing" in inspect.signature(make).parameters:
        options["include_preprocessing"] = False
    inputs = keras.Input(shape, dtype="uint8", name="pixels")
    # EfficientNet's first version cannot leave its own rescaling out.
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
            f"--network {network} cannot read these pictures ({error}); give a "
            "larger --image-size"
        ) from None
    model = keras_serf.replace_activations(model, activation)
    # Its input would be a list of one.
    return keras.Model(model.inputs[0], model.outputs[0], name=network)


def scale_to_unit_variance(model: keras.Model, inputs: np.ndarray) -> None:
    """Scales new weights so that all hidden layers begin with a variance of 1.

    Layer by layer, by what it makes of a few hundred inputs before its
    activation: the second step of Mishkin and Matas, "All you need is a good
    init", 2016 (https://arxiv.org/abs/1511.06422). With it the initial scale,
    which He's initializer chooses for ReLU, is as good for one activation as
    for another. The model, `"cnn"` or `"mlp"`, is changed.

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
        if deviation > 0:  # Or all is lost anyway.
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
    """Raises UserError where there is no network of this name, in any case."""
    known = [*SMALL, *sorted(applications())]
    if network.lower() not in known:
        near = difflib.get_close_matches(network.lower(), known, cutoff=0)
        raise UserError(
            f"Expected --network to be {', '.join(SMALL)} or one of Keras "
            f"Applications, such as {', '.join(near)}. Received: {network!r}"
        )


def _resized(x: Any, height: int, width: int) -> Any:
    """Resizes pictures that are not of that size."""
    if x.shape[1:3] == (height, width):
        return x
    return keras.layers.Resizing(height, width)(x)

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

SMALL = ("cnn", "mlp")
POOLED = 4  # Pixels of a side from which pictures are pooled.
LEAST_SIDE = 32  # Of Keras Applications: most refuse less.


def build_model(
    network: str,
    activation: str,
    shape: tuple[int, int, int],
    labels: int,
    *,
    layers: int,
    width: int,
    initializer: str,
    dropout: float = 0.0,
    batch_normalization: bool = False,
    image_size: int | None = None,
) -> keras.Model:
    """Builds a network, its weights drawn by Keras' global seed.

    Args:
        network: `"cnn"`, `"mlp"`, or one of `applications()`; to those nothing
            but the next three arguments and the last one matters.
        activation: Of all hidden layers.
        shape: Height, width and channels of a picture.
        labels: How many there are.
        layers: Convolutions of `"cnn"`, hidden layers of `"mlp"`.
        width: Channels of the first convolution, which double with each
            pooling; units of each hidden layer.
        initializer: Of the weights of hidden layers.
        dropout: Fraction dropped after each hidden layer of `"mlp"`, and before
            the last layer of `"cnn"`.
        batch_normalization: Whether hidden layers normalize before their
            activation.
        image_size: Pixels of a side that pictures are resized to; by default
            they stay as they are, but see `application`.

    Returns:
        A model of uint8 `(batch, *shape)` to logits `(batch, labels)`.

    Raises:
        UserError: There is no such network, or it cannot read such pictures.

    Example:

    >>> model = build_model(
    ...     "mlp",
    ...     "serf",
    ...     (8, 8, 1),
    ...     10,
    ...     layers=3,
    ...     width=16,
    ...     initializer="he_normal",
    ... )
    >>> model.output_shape, model.count_params()
    ((None, 10), 1754)
    """
    check(network)
    network = network.lower()
    if network not in SMALL:
        return application(network, activation, shape, labels, image_size)
    inputs = keras.Input(shape, dtype="uint8", name="pixels")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = _resized(x, image_size or shape[0], image_size or shape[1])
    poolings = _poolings(x.shape[1:3])
    if network == "mlp":
        x = keras.layers.Flatten()(x)
    for number in range(layers):
        if network == "mlp":
            layer: Any = keras.layers.Dense(
                width, kernel_initializer=initializer
            )
        else:
            layer = keras.layers.Conv2D(
                width * 2 ** min(number, poolings),
                3,
                padding="same",
                kernel_initializer=initializer,
            )
        x = layer(x)
        if batch_normalization:
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
    green and blue.

    Args:
        network: One of `applications()`.
        activation: Takes the place of the network's own.
        shape: Height, width and channels of a picture.
        labels: How many there are.
        image_size: Pixels of a side that pictures are resized to; by default
            those smaller than 32 x 32 are enlarged to that.

    Returns:
        A model of uint8 `(batch, *shape)` to logits `(batch, labels)`.

    Raises:
        UserError: It cannot read such pictures.
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

    Layer by layer, by what it makes of some inputs before its activation: the
    second step of Mishkin and Matas, "All you need is a good init", 2016
    (https://arxiv.org/abs/1511.06422). With it the initial scale, which He's
    initializer chooses for ReLU, is as good for one activation as for another.

    Args:
        model: `"cnn"` or `"mlp"`, new; it is changed.
        inputs: A few hundred, as the model takes them.

    Example:

    >>> model = build_model(
    ...     "mlp",
    ...     "silu",
    ...     (2, 2, 1),
    ...     10,
    ...     layers=9,
    ...     width=16,
    ...     initializer="he_normal",
    ... )
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
    """Returns the functions of `keras.applications` that build a network.

    Returns:
        By name, in lower case.

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
    """Checks that there is a network of this name.

    Args:
        network: The name, in any case.

    Raises:
        UserError: There is none.
    """
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


def _poolings(sides: tuple[int, int]) -> int:
    """Returns how often pictures can be halved and stay pictures."""
    side, count = min(sides), 0
    while side >= POOLED:
        side, count = side // 2, count + 1
    return count

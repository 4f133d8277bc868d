"""A model of two posts, each a text and a picture, and of what they share.

Both posts go through the same text encoder and the same image encoder: small
ones from scratch, or KerasHub's pretrained ones. The activation under study
stands in the small encoders, in the projection heads and in the classifier; a
pretrained encoder keeps its own.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import keras_hub
from keras import ops

from demos.common.errors import UserError
from demos.datasets.types import SLOTS
from demos.tasks.word_tokenizer import PADDING

GRID = 4  # The small image encoder ends with 4 x 4 places.
STEM = 4  # Pixels of a side that its first layer makes one place of.


@dataclass(frozen=True)
class Encoder:
    """Turns one input into a sequence of vectors.

    Attributes:
        inputs: Shape, dtype of each input of one post, by name.
        encode: Turns the inputs, by name, into `(batch, length, width)`, and
            a boolean mask `(batch, length)` or None.
    """

    inputs: dict[str, tuple[tuple[int | None, ...], str]]
    encode: Callable[[dict[str, Any]], tuple[Any, Any]]


def text_encoder(
    activation: str,
    *,
    vocabulary_size: int,
    sequence_length: int,
    embedding_dim: int,
    feedforward_dim: int,
    heads: int,
    layers: int,
    initializer: str,
    dropout: float,
) -> Encoder:
    """Builds the small text encoder: embeddings, and Transformer encoders.

    Args:
        activation: Of the encoders' feed-forward layers.
        vocabulary_size: Tokens there are, padding included.
        sequence_length: Tokens of a text.
        embedding_dim: Width of embeddings and encoders.
        feedforward_dim: Width of the dense layer under the activation.
        heads: Of each attention.
        layers: How many encoders are stacked; 0 for a bag of words.
        initializer: Of the encoders' weights.
        dropout: Fraction dropped in the encoders.

    Returns:
        The encoder, of int32 `tokens`.
    """
    hub: Any = keras_hub.layers  # Its defaults mislead the type checker.
    tokens = keras.Input((sequence_length,), dtype="int32")
    mask = ops.not_equal(tokens, PADDING)
    x = keras.layers.Embedding(
        vocabulary_size,
        embedding_dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.5),
    )(tokens)
    if layers:
        x = x + hub.PositionEmbedding(sequence_length)(x)
    for _ in range(layers):
        x = hub.TransformerEncoder(
            feedforward_dim,
            heads,
            dropout=dropout,
            activation=activation,
            kernel_initializer=initializer,
        )(x, padding_mask=mask)
    model = keras.Model(tokens, [x, mask], name="text_encoder")
    return Encoder(
        {"tokens": ((sequence_length,), "int32")},
        lambda inputs: tuple(model(inputs["tokens"])),
    )


def image_encoder(
    activation: str,
    *,
    image_size: int,
    embedding_dim: int,
    channels: int,
    initializer: str,
) -> Encoder:
    """Builds the small image encoder: a convolutional network.

    The first layer takes squares of 4 x 4 pixels, each further one halves the
    sides, down to 4 x 4 places.

    Args:
        activation: After each convolution.
        image_size: Pixels of a side: 16, 32, 64, ...
        embedding_dim: Width of a place.
        channels: Of the first layer; each further one doubles them, up to
            `embedding_dim`.
        initializer: Of the convolutions' weights.

    Returns:
        The encoder, of `pixels` from 0 to 255.
    """
    pixels = keras.Input((image_size, image_size, 3))
    # White is 0, so that paper says nothing.
    x = keras.layers.Rescaling(-1 / 255, 1.0)(pixels)
    x = keras.layers.Conv2D(
        channels,
        STEM,
        STEM,
        activation=activation,
        kernel_initializer=initializer,
    )(x)
    while x.shape[1] > GRID:
        channels = min(2 * channels, embedding_dim)
        x = keras.layers.Conv2D(
            channels,
            3,
            2,
            padding="same",
            activation=activation,
            kernel_initializer=initializer,
        )(x)
    x = keras.layers.Reshape((GRID * GRID, x.shape[-1]))(x)
    model = keras.Model(pixels, x, name="image_encoder")
    return Encoder(
        {"pixels": ((image_size, image_size, 3), "uint8")},
        lambda inputs: (model(ops.cast(inputs["pixels"], "float32")), None),
    )


def build_model(
    activation: str,
    text: Encoder,
    image: Encoder,
    *,
    labels: int,
    width: int,
    heads: int,
    hidden: int,
    fusion: str,
    initializer: str,
    dropout: float,
) -> keras.Model:
    """Builds the model.

    Args:
        activation: Of the projection heads and the classifier.
        text: Encodes the text of either post.
        image: Encodes the picture of either post.
        labels: How many there are.
        width: Of the projections, in which texts and pictures meet.
        heads: Of each attention.
        hidden: Width of the classifier's first dense layer.
        fusion: `"concatenation"` of texts and pictures, or
            `"cross_attention"`: that, and what comes of comparing them.
        initializer: Of the weights of heads and classifier.
        dropout: Fraction dropped in heads and classifier.

    Returns:
        A model of `{"premise_tokens", "premise_pixels", "premise_shown",
        "hypothesis_tokens", ...}` to probabilities `(batch, labels)`. `shown`,
        float32 `(batch, 1)`, is 1 where the post has a picture, else 0.
    """
    inputs = {
        f"{slot}_{name}": keras.Input(shape, dtype=dtype, name=f"{slot}_{name}")
        for slot in SLOTS
        for name, (shape, dtype) in {
            **text.inputs,
            **image.inputs,
            "shown": ((1,), "float32"),
        }.items()
    }
    text_head = _ResidualHead(
        activation, width, initializer, dropout, "text_head"
    )
    image_head = _ResidualHead(
        activation, width, initializer, dropout, "image_head"
    )
    flatten = keras.layers.Flatten(name="places")

    def encoded(encoder: Encoder) -> tuple[Any, Any]:
        # Both posts in one batch, the premises first: half of the work to
        # start.
        return encoder.encode(
            {
                name: ops.concatenate(
                    [inputs[f"{slot}_{name}"] for slot in SLOTS]
                )
                for name in encoder.inputs
            }
        )

    tokens, mask = encoded(text)
    mean = keras.layers.GlobalAveragePooling1D()(tokens, mask=mask)
    texts = ops.split(text_head(mean), 2)
    shown = ops.concatenate([inputs[f"{slot}_shown"] for slot in SLOTS])
    places = encoded(image)[0] * ops.expand_dims(shown, -1)
    pictures = ops.split(image_head(flatten(places)) * shown, 2)
    features = [*texts, *pictures]
    if fusion == "cross_attention":
        features += _crossed(texts, pictures, places, width, heads)
    x = keras.layers.Concatenate()(features)
    x = keras.layers.Dropout(dropout)(x)
    x = keras.layers.Dense(hidden, activation, kernel_initializer=initializer)(
        x
    )
    x = keras.layers.Dropout(dropout)(x)
    x = keras.layers.Dense(
        hidden // 2, activation, kernel_initializer=initializer
    )(x)
    # Probabilities in float32, whatever the layers before compute in.
    outputs = keras.layers.Dense(labels, activation="softmax", dtype="float32")(
        x
    )
    return keras.Model(inputs, outputs, name="entailment")


def _crossed(
    texts: list[Any],
    pictures: list[Any],
    places: Any,
    width: int,
    heads: int,
) -> list[Any]:
    """Compares all with all: by products, and by attention.

    Each text looks into each picture, its own and that of the other post. Two
    vectors u and v are compared by u v, as in Conneau et al., "Supervised
    Learning of Universal Sentence Representations", EMNLP 2017, section 3.1.
    """
    attention = keras.layers.MultiHeadAttention(
        heads, width // heads, name="cross_attention"
    )
    project = keras.layers.Dense(width, name="places_projection")
    positions = keras_hub.layers.PositionEmbedding(
        places.shape[1],
        initializer=keras.initializers.RandomNormal(stddev=0.3),
        name="positions",
    )
    seen = ops.split(project(places + positions(places)), 2)
    asked = ops.stack(texts, axis=1)
    features = []
    for picture in seen:
        found = attention(asked, picture)
        features += [keras.layers.Flatten()(x) for x in (found, asked * found)]
    pairs = itertools.combinations([*texts, *pictures], 2)
    return [*features, *(u * v for u, v in pairs)]


class _ResidualHead:
    """Projects, and adds what one dense layer under the activation makes of it.

    Args:
        activation: Of the layer.
        width: Of the projection.
        initializer: Of the weights.
        dropout: Fraction dropped of what is added.
        name: Of the layers.
    """

    def __init__(
        self,
        activation: str,
        width: int,
        initializer: str,
        dropout: float,
        name: str,
    ) -> None:
        def dense(part: str) -> keras.layers.Dense:
            return keras.layers.Dense(
                width, kernel_initializer=initializer, name=f"{name}_{part}"
            )

        self._project = dense("projection")
        self._activate = keras.layers.Activation(activation, name=f"{name}_f")
        self._dense = dense("dense")
        self._dropout = keras.layers.Dropout(dropout, name=f"{name}_dropout")
        self._normalize = keras.layers.LayerNormalization(name=f"{name}_norm")

    def __call__(self, x: Any) -> Any:
        projected = self._project(x)
        added = self._dropout(self._dense(self._activate(projected)))
        return self._normalize(projected + added)


def preset_text_encoder(preset: str, finetune: bool) -> Encoder:
    """Loads a pretrained text encoder of KerasHub's, such as BERT.

    Args:
        preset: Name of a preset, or path of a folder that holds one.
        finetune: Whether it is trained too.

    Returns:
        The encoder, of what `preset_text_inputs` returns.

    Raises:
        UserError: It cannot be loaded.
    """
    models: Any = keras_hub.models
    backbone = _load(models.Backbone, "--text-preset", preset)
    _freeze(backbone, finetune)

    def encode(inputs: dict[str, Any]) -> tuple[Any, Any]:
        found = backbone(inputs)
        if isinstance(found, dict):
            found = found["sequence_output"]
        return found, ops.cast(inputs["padding_mask"], "bool")

    return Encoder(
        {name: ((None,), "int32") for name in backbone.input}, encode
    )


def preset_text_inputs(
    preset: str, sequence_length: int
) -> Callable[[list[str]], dict[str, Any]]:
    """Loads what turns texts into the inputs of a pretrained text encoder.

    Args:
        preset: As of `preset_text_encoder`.
        sequence_length: Tokens of a text; longer ones are cut.

    Returns:
        A function of texts to int32 arrays `(texts, sequence_length)` by name.

    Raises:
        UserError: It cannot be loaded.
    """
    models: Any = keras_hub.models
    preprocessor = _load(
        models.TextClassifierPreprocessor,
        "--text-preset",
        preset,
        sequence_length=sequence_length,
    )

    def read(texts: list[str]) -> dict[str, Any]:
        return {
            name: ops.convert_to_numpy(array).astype("int32")
            for name, array in preprocessor(texts).items()
        }

    return read


def preset_image_encoder(
    preset: str, image_size: int, finetune: bool
) -> Encoder:
    """Loads a pretrained image encoder of KerasHub's, such as ResNet.

    Args:
        preset: Name of a preset, or path of a folder that holds one.
        image_size: Pixels of a side.
        finetune: Whether it is trained too.

    Returns:
        The encoder, of `pixels` from 0 to 255.

    Raises:
        UserError: It cannot be loaded.
    """
    hub: Any = keras_hub
    size = (image_size, image_size, 3)
    option = "--image-preset"
    backbone = _load(hub.models.Backbone, option, preset, image_shape=size)
    _freeze(backbone, finetune)
    converter = _load(hub.layers.ImageConverter, option, preset)
    scale, offset = (
        value if value is not None else neutral
        for value, neutral in ((converter.scale, 1.0), (converter.offset, 0.0))
    )
    rescale = keras.layers.Rescaling(scale, offset)

    def encode(inputs: dict[str, Any]) -> tuple[Any, None]:
        found = backbone(rescale(ops.cast(inputs["pixels"], "float32")))
        width = found.shape[-1]
        return keras.layers.Reshape((-1, width))(found), None

    return Encoder({"pixels": (size, "uint8")}, encode)


def _freeze(backbone: Any, finetune: bool) -> None:
    """Lets a backbone be trained; or makes it a fixed function, dropout off."""
    backbone.trainable = finetune
    if not finetune:
        for layer in backbone._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0


def _load(kind: Any, option: str, preset: str, **options: Any) -> Any:
    """Loads a part of a preset, or says in a line why it cannot be."""
    try:
        return kind.from_preset(preset, **options)
    except MemoryError:  # Not the preset's fault.
        raise
    except Exception as error:  # Downloads and readers raise anything.
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"Expected {option} to be a KerasHub preset or the folder of one. "
            f"Received: {preset} ({type(error).__name__}: {reason})"
        ) from None

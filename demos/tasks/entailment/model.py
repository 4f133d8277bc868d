"""Multimodal entailment: the Keras model of two posts of text and image.

Both posts share the text encoder and the image encoder: small ones, trained
from scratch, or pretrained ones of KerasHub. The activation under study is in
the small encoders, the projection heads and the classifier; a pretrained
encoder keeps its own.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import keras_hub
from keras import ops

from demos.datasets.types import SLOTS
from demos.tasks.word_tokenizer import PADDING

GRID = 4  # The small image encoder ends with 4 x 4 positions.
STEM = 4  # Kernel size and stride of its first layer, in pixels.


@dataclass(frozen=True)
class Encoder:
    """Turns one input into a sequence of vectors.

    Attributes:
        inputs: Shape and dtype of each input of one post, by name.
        encode: Turns the inputs, by name, into a tensor `(batch, length,
            width)` and a boolean mask `(batch, length)` or None.
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
    """Builds the small text encoder: embeddings, then Transformer encoders.

    Args:
        activation: Activation of the feed-forward layers.
        vocabulary_size: Number of tokens, padding included.
        sequence_length: Number of tokens of a text.
        embedding_dim: Width of embeddings and encoders.
        feedforward_dim: Width of the feed-forward layers.
        heads: Number of attention heads.
        layers: Number of encoders; 0 for a bag of words.
        initializer: Initializer of the encoders' weights.
        dropout: Dropout rate in the encoders.

    Returns:
        The encoder, from `int32` `tokens`.
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

    The first layer reads patches of 4 x 4 pixels; each further one halves the
    resolution, down to 4 x 4 positions.

    Args:
        activation: Activation after each convolution.
        image_size: Height and width in pixels: 16, 32, 64, ...
        embedding_dim: Width of the output at each position.
        channels: Channels of the first layer; each further one has twice as
            many, up to `embedding_dim`.
        initializer: Initializer of the convolutions' weights.

    Returns:
        The encoder, from `pixels` in 0 to 255.
    """
    pixels = keras.Input((image_size, image_size, 3))
    # White becomes 0, like padding.
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
        activation: Activation of the projection heads and the classifier.
        text: Encodes the texts of both posts.
        image: Encodes the images of both posts.
        labels: Number of labels.
        width: Width of the projections of texts and images.
        heads: Number of attention heads.
        hidden: Width of the first dense layer of the classifier.
        fusion: `"concatenation"` of texts and images, or `"cross_attention"`:
            that, and comparisons of each with each.
        initializer: Initializer of the weights of heads and classifier.
        dropout: Dropout rate in heads and classifier.

    Returns:
        A model from `{"premise_tokens", "premise_pixels", "premise_shown",
        "hypothesis_tokens", ...}` to probabilities `(batch, labels)`. `shown`,
        `float32` `(batch, 1)`, is 1 where the post has an image, else 0.
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
        # Both posts in one batch, premises first: half as many operations.
        return encoder.encode({name: both(name) for name in encoder.inputs})

    def both(name: str) -> Any:
        return ops.concatenate([inputs[f"{slot}_{name}"] for slot in SLOTS])

    tokens, mask = encoded(text)
    mean = keras.layers.GlobalAveragePooling1D()(tokens, mask=mask)
    texts = ops.split(text_head(mean), 2)
    shown = both("shown")
    places = encoded(image)[0] * ops.expand_dims(shown, -1)
    images = ops.split(image_head(flatten(places)) * shown, 2)
    features = [*texts, *images]
    if fusion == "cross_attention":
        features += _crossed(texts, images, places, width, heads)
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
    images: list[Any],
    places: Any,
    width: int,
    heads: int,
) -> list[Any]:
    """Compares each with each: by products, and by attention.

    Each text attends to each image, its own and the other post's. Two vectors u
    and v are compared by u v, as in Conneau et al., "Supervised Learning of
    Universal Sentence Representations", EMNLP 2017, section 3.1.
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
    for image in seen:
        found = attention(asked, image)
        features += [keras.layers.Flatten()(x) for x in (found, asked * found)]
    pairs = itertools.combinations([*texts, *images], 2)
    return [*features, *(u * v for u, v in pairs)]


class _ResidualHead:
    """A projection, plus a dense layer of its activation, normalized."""

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

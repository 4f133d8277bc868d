"""Multimodal entailment: the Keras model for two posts with text and image.

Both posts share the text encoder and the image encoder: small ones that are
trained from scratch, or pretrained ones from KerasHub. The small encoders, the
projection heads and the classifier use the activation under study; a pretrained
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
from demos.tasks.entailment.options import ModelConfig
from demos.tasks.word_tokenizer import PADDING

GRID = 4  # The small image encoder ends with 4 x 4 positions.
STEM = 4  # Kernel size and stride of its first layer, in pixels.


@dataclass(frozen=True)
class Encoder:
    """An encoder from one input to a sequence of vectors.

    Attributes:
        inputs: Shape and dtype of each input of one post, by name.
        encode: Function from the inputs, by name, to a tensor `(batch, length,
            width)` and a boolean mask `(batch, length)` or None.
    """

    inputs: dict[str, tuple[tuple[int | None, ...], str]]
    encode: Callable[[dict[str, Any]], tuple[Any, Any]]


def text_encoder(
    activation: str,
    vocabulary_size: int,
    sequence_length: int,
    sizes: ModelConfig,
    dropout: float,
) -> Encoder:
    """Builds the small text encoder: embeddings, then Transformer encoders.

    Their feed-forward layers use the activation. With 0 layers, a text is a bag
    of words.

    Returns:
        The encoder of `int32` `tokens`.
    """
    hub: Any = keras_hub.layers  # Its defaults mislead the type checker.
    tokens = keras.Input((sequence_length,), dtype="int32")
    mask = ops.not_equal(tokens, PADDING)
    x = keras.layers.Embedding(
        vocabulary_size,
        sizes.embedding_dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.5),
    )(tokens)
    if sizes.layers:
        x = x + hub.PositionEmbedding(sequence_length)(x)
    for _ in range(sizes.layers):
        x = hub.TransformerEncoder(
            sizes.feedforward_dim,
            sizes.heads,
            dropout=dropout,
            activation=activation,
            kernel_initializer=sizes.initializer,
        )(x, padding_mask=mask)
    model = keras.Model(tokens, [x, mask], name="text_encoder")
    return Encoder(
        {"tokens": ((sequence_length,), "int32")},
        lambda inputs: tuple(model(inputs["tokens"])),
    )


def image_encoder(activation: str, sizes: ModelConfig) -> Encoder:
    """Builds the small image encoder: a convolutional network.

    The first layer reads patches of 4 x 4 pixels. Each further layer halves the
    resolution, down to 4 x 4 positions, and doubles the channels, up to the
    width of the embeddings.

    Returns:
        The encoder of `pixels` from 0 to 255.
    """
    shape = (sizes.image_size, sizes.image_size, 3)
    pixels = keras.Input(shape)
    # White becomes 0, like padding.
    x = keras.layers.Rescaling(-1 / 255, 1.0)(pixels)
    channels = sizes.channels
    x = keras.layers.Conv2D(
        channels,
        STEM,
        STEM,
        activation=activation,
        kernel_initializer=sizes.initializer,
    )(x)
    while x.shape[1] > GRID:
        channels = min(2 * channels, sizes.embedding_dim)
        x = keras.layers.Conv2D(
            channels,
            3,
            2,
            padding="same",
            activation=activation,
            kernel_initializer=sizes.initializer,
        )(x)
    x = keras.layers.Reshape((GRID * GRID, x.shape[-1]))(x)
    model = keras.Model(pixels, x, name="image_encoder")
    return Encoder(
        {"pixels": (shape, "uint8")},
        lambda inputs: (model(ops.cast(inputs["pixels"], "float32")), None),
    )


def build_model(
    activation: str,
    text: Encoder,
    image: Encoder,
    labels: int,
    sizes: ModelConfig,
    dropout: float,
) -> keras.Model:
    """Builds the model.

    The projection heads and the classifier use the activation. The fusion is a
    concatenation of texts and images; `"cross_attention"` adds comparisons
    between all of them.

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

    def head(x: Any, name: str) -> Any:
        return _residual_head(x, activation, sizes, dropout, name)

    def encoded(encoder: Encoder) -> tuple[Any, Any]:
        # Both posts in one batch, premises first, halves the operations.
        return encoder.encode({name: both(name) for name in encoder.inputs})

    def both(name: str) -> Any:
        return ops.concatenate([inputs[f"{slot}_{name}"] for slot in SLOTS])

    tokens, mask = encoded(text)
    mean = keras.layers.GlobalAveragePooling1D()(tokens, mask=mask)
    texts = ops.split(head(mean, "text_head"), 2)
    shown = both("shown")
    places = encoded(image)[0] * ops.expand_dims(shown, -1)
    flat = keras.layers.Flatten(name="places")(places)
    images = ops.split(head(flat, "image_head") * shown, 2)
    features = [*texts, *images]
    if sizes.fusion == "cross_attention":
        features += _crossed(texts, images, places, sizes)
    x = keras.layers.Concatenate()(features)
    for width in (sizes.hidden_dim, sizes.hidden_dim // 2):
        x = keras.layers.Dropout(dropout)(x)
        x = keras.layers.Dense(
            width, activation, kernel_initializer=sizes.initializer
        )(x)
    # Probabilities in float32 under any dtype policy.
    outputs = keras.layers.Dense(labels, activation="softmax", dtype="float32")(
        x
    )
    return keras.Model(inputs, outputs, name="entailment")


def _crossed(
    texts: list[Any], images: list[Any], places: Any, sizes: ModelConfig
) -> list[Any]:
    """Compares texts and images by products and by attention.

    Each text attends to both images. Two vectors u and v are compared by u v,
    as in Conneau et al., "Supervised Learning of Universal Sentence
    Representations", EMNLP 2017, section 3.1.
    """
    heads, width = sizes.heads, sizes.embedding_dim
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


def _residual_head(
    x: Any, activation: str, sizes: ModelConfig, dropout: float, name: str
) -> Any:
    """Applies a projection head with a residual connection, normalized."""

    def dense(part: str) -> keras.layers.Dense:
        return keras.layers.Dense(
            sizes.embedding_dim,
            kernel_initializer=sizes.initializer,
            name=f"{name}_{part}",
        )

    x = dense("projection")(x)
    added = keras.layers.Activation(activation, name=f"{name}_f")(x)
    added = dense("dense")(added)
    added = keras.layers.Dropout(dropout, name=f"{name}_dropout")(added)
    return keras.layers.LayerNormalization(name=f"{name}_norm")(x + added)

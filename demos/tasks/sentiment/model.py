"""Sentiment: the Keras model, a small Transformer encoder with a dense head."""

import keras
import keras_hub

from demos.tasks.sentiment.options import ModelConfig, TrainingConfig
from demos.tasks.word_tokenizer import PADDING


def build_model(
    activation: str,
    labels: int,
    vocabulary_size: int,
    sequence_length: int,
    sizes: ModelConfig,
    training: TrainingConfig,
) -> keras.Model:
    """Builds the classifier: embeddings, encoders, mean, dense head, softmax.

    Args:
        activation: Activation of the dense layers in encoders and head.
        labels: Number of labels.
        vocabulary_size: Number of tokens, including padding and unknown.
        sequence_length: Number of tokens of an input.
        sizes: All other sizes.
        training: Training options with the dropout rates.

    Returns:
        A model from `int32` tokens `(batch, sequence_length)` to probabilities
        `(batch, labels)`.
    """
    layers = keras_hub.layers
    inputs = keras.Input((sequence_length,), dtype="int32", name="tokens")
    mask = keras.ops.not_equal(inputs, PADDING)
    x = layers.TokenAndPositionEmbedding(
        vocabulary_size,
        sequence_length,
        sizes.embedding_dim,
        # With Keras' default of 0.05, training starts more slowly.
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.2),
    )(inputs)
    x = keras.layers.Dropout(training.embedding_dropout)(x)
    for _ in range(sizes.layers):
        x = layers.TransformerEncoder(
            sizes.feedforward_dim,
            sizes.heads,
            dropout=training.encoder_dropout,
            activation=activation,
            kernel_initializer=sizes.initializer,
        )(x, padding_mask=mask)
    x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
    x = keras.layers.Dropout(training.head_dropout)(x)
    x = keras.layers.Dense(
        sizes.head_dim,
        activation=activation,
        kernel_initializer=sizes.initializer,
    )(x)
    x = keras.layers.Dropout(training.head_dropout)(x)
    outputs = keras.layers.Dense(labels, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="sentiment")

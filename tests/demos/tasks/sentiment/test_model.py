"""Sentiment: the model."""

import numpy as np

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.tasks import word_tokenizer
from demos.tasks.sentiment.model import build_model
from demos.tasks.sentiment.options import ModelConfig, TrainingConfig
from demos.training.batches import predict


def test_padding_does_not_change_the_answer():
    sizes = ModelConfig(embedding_dim=8, heads=2)
    model, short = (
        build_model("serf", 2, 50, length, sizes, TrainingConfig())
        for length in (12, 4)
    )
    tokens = np.full((2, 12), word_tokenizer.PADDING, "int32")
    tokens[0, :4] = 5, 6, 7, 8
    tokens[1, 0] = word_tokenizer.UNKNOWN
    weights = model.get_weights()
    place = next(i for i, w in enumerate(weights) if w.shape == (12, 8))
    weights[place] = weights[place][:4]
    short.set_weights(weights)
    full = predict(model, tokens, 4)
    np.testing.assert_allclose(full.sum(axis=1), 1, rtol=1e-5)
    # A batch larger than the data costs no memory.
    found = predict(short, tokens[:, :4], 10**12)
    np.testing.assert_allclose(found, full, atol=1e-5)

"""Sentiment: the data of a trial, what is varied, the baselines."""

import numpy as np
import pytest

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.datasets.load import load_texts
from demos.datasets.types import Split, TextClassification
from demos.tasks import word_tokenizer
from demos.tasks.sentiment.options import ModelConfig, TrainingConfig
from demos.tasks.sentiment.task import SentimentTask


@pytest.fixture(scope="module")
def task(cases):
    return cases["sentiment"].load()


def load(dataset):
    return SentimentTask(dataset, ModelConfig(), TrainingConfig())


@pytest.mark.once
def test_the_vocabulary_is_that_of_the_training_texts(task):
    known = set(task.tokenizer.get_vocab())
    train = set(" ".join(task.dataset.train.texts).split())
    assert known - train == {"[PAD]", "[UNK]"}


@pytest.mark.usefixtures("trains")
def test_words_are_hidden_at_random_in_training_alone(task, started):
    plain = started(task, {"word_dropout": 0.0}).epoch()
    hiding = started(task, {"word_dropout": 0.4}).epoch()
    hidden = []
    for (tokens, labels), (ours, same) in zip(plain, hiding, strict=True):
        np.testing.assert_array_equal(labels, same)
        words = tokens != word_tokenizer.PADDING
        assert (ours[~words] == word_tokenizer.PADDING).all()
        changed = ours != tokens
        assert (ours[changed] == word_tokenizer.UNKNOWN).all()
        hidden.append(changed[words].mean())
    assert 0.3 < np.mean(hidden) < 0.5


@pytest.mark.usefixtures("trains")
def test_what_is_varied_reaches_the_model(task, started):
    usual = started(task, {}).model
    settings = {
        "layers": 2,
        "initializer": "zeros",
        "optimizer": "sgd",
        "learning_rate": 0.5,
        "dropout": 0.25,
        "head_dim": 7,
    }
    varied = started(task, settings).model

    def encoders(model):
        return [x for x in model.layers if "transformer_encoder" in x.name]

    def rates(model):
        return {x.rate for x in model.layers if "dropout" in x.name}

    assert (len(encoders(usual)), len(encoders(varied))) == (1, 2)
    assert rates(usual) == {0.5, 0.3}
    assert rates(varied) == {0.25}
    assert {encoder.dropout for encoder in encoders(varied)} == {0.25}
    head = varied.layers[-3]
    assert head.units == 7
    assert not np.any(head.get_weights()[0])
    assert type(varied.optimizer).__name__ == "SGD"
    assert float(varied.optimizer.learning_rate) == 0.5
    assert type(usual.optimizer).__name__ == "AdamW"


@pytest.mark.once
def test_baselines_of_the_reviews_do_not_move():
    scores = load(load_texts("rotten_tomatoes")).baselines()
    words = scores["TF-IDF + logistic regression"]
    assert words["accuracy"] == pytest.approx(0.7548, abs=5e-4)
    assert words["macro_f1"] == pytest.approx(0.7395, abs=5e-4)


@pytest.mark.once
def test_texts_without_words_have_a_baseline_and_two_tokens():
    split = Split(("!", "!!", "a", "?"), (0, 1, 0, 1))
    marks = load(
        TextClassification("marks", ("bad", "good"), split, split, split)
    )
    assert list(marks.baselines()) == ["majority class"]
    assert marks.sequence_length == 2

"""Multimodal entailment: options of the training, labels, examples."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.tasks.entailment.examples import draw_examples


@pytest.fixture(scope="module")
def task(cases):
    return cases["entailment"].load()


@pytest.mark.usefixtures("trains")
def test_what_is_varied_reaches_the_training(task, started):
    settings = {
        "focal_gamma": 2.0,
        "modality_dropout": 0.4,
        "batch_size": 8,
        "hidden_dim": 6,
        "optimizer": "sgd",
    }
    usual, varied = (started(task, each) for each in ({}, settings))
    focal = keras.losses.CategoricalFocalCrossentropy
    assert not isinstance(usual.model.loss, focal)
    assert isinstance(varied.model.loss, focal)
    assert varied.model.loss.gamma == 2
    count = len(task.dataset.train)
    assert (len(usual.data), len(varied.data)) == (count // 32, count // 8)
    usually, rarely = (
        np.mean([inputs["premise_shown"] for inputs, _ in begun.epoch()])
        for begun in (usual, varied)
    )
    assert usually == 1
    assert 0.5 < rarely < 0.7
    assert type(varied.model.optimizer).__name__ == "SGD"
    shapes = {tuple(w.shape) for w in varied.model.weights}
    assert {(6, 3), (3, 2)} <= shapes


@pytest.mark.usefixtures("trains")
def test_class_weights_are_inverse_frequencies(task, started):
    labels = [1] * 100 + [0] * (len(task.dataset.train) - 100)
    train = replace(task.dataset.train, labels=tuple(labels))
    dataset = replace(task.dataset, train=train)
    begun = started(replace(task, dataset=dataset), {"class_weights": True})
    weights = begun.options["class_weight"]
    assert weights[1] * 100 == pytest.approx(weights[0] * labels.count(0))
    assert started(task, {}).options["class_weight"] is None


@pytest.mark.once
def test_a_label_that_is_not_in_training_has_a_baseline(task):
    rare = replace(task.dataset, label_names=("No", "Yes", "Rare"))
    scores = replace(task, dataset=rare).baselines()["majority class"]
    assert scores["accuracy"] == 0.5


@pytest.mark.once
def test_labels_of_any_kind_are_drawn(task, tmp_path):
    odd = replace(task.dataset, label_names=("$a_{$", "a " * 60))
    draw_examples(tmp_path / "sheet.png", odd)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1000

"""Detection: the data of a trial, damaged images, scores, predict."""

import os
from dataclasses import replace

import numpy as np
import pytest

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.common.errors import UserError
from demos.datasets.load import load_detection
from demos.datasets.types import Box
from demos.study.trial import DivergedError
from demos.tasks.detection import model as detector
from demos.tasks.detection.options import ModelConfig, TrainingConfig
from demos.tasks.detection.task import DetectionTask, mean_boxes


@pytest.fixture(scope="module")
def task(cases):
    return cases["detection"].load()


@pytest.mark.usefixtures("trains")
def test_what_is_varied_reaches_the_model(task, started):
    settings = {"layers": 1, "channels": 4, "batch_size": 16}
    usual, varied = (started(task, each) for each in ({}, settings))
    layers = [len(begun.model.layers) for begun in (usual, varied)]
    assert layers[0] < layers[1]
    assert varied.model.output_shape == (None, 8, 8, 2 + detector.NUMBERS)
    assert (len(usual.data), len(varied.data)) == (18, 9)
    first = varied.model.weights[0]
    assert first.shape[-1] == 4


@pytest.mark.once
def test_damaged_images_are_left_out_and_counted(tmp_path, rectangles):
    folder = rectangles(tmp_path / "data", train=6, valid=2, test=2)

    def load():
        dataset = load_detection(str(folder))
        return DetectionTask(dataset, ModelConfig(), TrainingConfig())

    (folder / "train" / "1.png").write_bytes(b"not an image")
    task = load()
    assert len(task.dataset.train) == len(task._pixels["train"]) == 5
    damaged = os.path.join("train", "1.png")
    assert task.notes[1:] == (f"1 damaged images skipped, such as {damaged}",)
    for name in ("0.png", "1.png"):
        (folder / "test" / name).write_bytes(b"not an image")
    with pytest.raises(
        UserError, match="needs at least one readable test image"
    ):
        load()


@pytest.mark.once
def test_the_mean_box_is_that_of_training(task):
    train = task.dataset.train
    part = replace(
        train,
        pictures=train.pictures[:2],
        boxes=(
            (Box(0, 0.1, 0.1, 0.2, 0.2), Box(0, 0.3, 0.5, 0.4, 0.2)),
            (Box(1, 0.5, 0.5, 0.1, 0.1), Box(0, 0, 0, 1, 1, crowd=True)),
        ),
    )
    one, other = mean_boxes(part)
    assert one[1:] == pytest.approx((0, 2 / 3, 0.2, 0.3, 0.3, 0.2))
    assert other[1:] == pytest.approx((1, 1 / 3, 0.5, 0.5, 0.1, 0.1))


@pytest.mark.once
def test_a_prediction_that_is_not_finite_is_a_failure(task):
    maps = np.full((32, 8, 8, 2 + detector.NUMBERS), np.nan)
    with pytest.raises(DivergedError, match="not finite"):
        task.scores("test", maps)

"""Classification: what is varied, the baselines, images of the user."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.common.errors import UserError
from demos.datasets.types import ImageClassification, ImageSplit
from demos.study.trial import Trial, TrialContext
from demos.tasks.classification.options import ModelConfig, TrainingConfig
from demos.tasks.classification.task import ClassificationTask, read_image


@pytest.fixture(scope="module")
def task(cases):
    return cases["classification"].load("--network", "mlp", "--layers", "2")


def few_images(side):
    """Returns a dataset of 20 images of noise, with 2 labels."""
    draw = np.random.default_rng(0)
    split = ImageSplit(
        draw.integers(0, 256, (20, side, side, 3)).astype("uint8"),
        tuple(i % 2 for i in range(20)),
    )
    return ImageClassification("few", ("a", "b"), split, split, split)


@pytest.mark.usefixtures("trains")
def test_what_is_varied_reaches_the_model(task, started):
    settings = {
        "layers": 1,
        "width": 5,
        "batch_size": 16,
        "optimizer": "sgd",
        "dropout": 0.5,
        "shift": 2,
    }
    usual, varied = (started(task, each) for each in ({}, settings))
    assert varied.model.count_params() == 64 * 5 + 5 + 5 * 10 + 10
    count = len(task.dataset.train)
    assert (len(usual.data), len(varied.data)) == (count // 32, count // 16)
    assert type(varied.model.optimizer).__name__ == "SGD"
    rates = {
        layer.rate for layer in varied.model.layers if "dropout" in layer.name
    }
    assert rates == {0.5}
    shifted = np.concatenate([pixels for pixels, _ in varied.epoch()])
    assert not {tuple(each.ravel()) for each in shifted} <= {
        tuple(each.ravel()) for each in task.dataset.train.pixels
    }


@pytest.mark.usefixtures("trains")
def test_weights_may_be_scaled_to_unit_variance_first(task, started):
    plain, scaled = (
        started(task, {"unit_variance": scaled}).model.get_weights()
        for scaled in (False, True)
    )
    ratio = scaled[0] / plain[0]
    assert ratio == pytest.approx(ratio.flat[0], rel=1e-4)
    assert ratio.flat[0] != pytest.approx(1, rel=0.01)
    np.testing.assert_array_equal(scaled[-2], plain[-2])  # The logits'.


@pytest.mark.once
@pytest.mark.parametrize(
    ("model", "training", "varied", "says"),
    [
        ({"network": "vgg"}, {}, (), "--network"),
        ({}, {"shift": 8}, (), "--shift must be below .*, 8"),
        (
            {"network": "vgg16", "unit_variance": True},
            {},
            (),
            "--unit-variance needs --network cnn or mlp. Received: vgg16",
        ),
        (
            {"network": "MobileNetV2"},
            {},
            ("optimizer", "layers"),
            "--vary layers needs --network cnn or mlp. Received: mobilenetv2",
        ),
    ],
)
def test_options_must_fit_the_network_and_the_images(
    task, model, training, varied, says
):
    task.check(("layers", "optimizer"))
    wrong = replace(
        task, model=ModelConfig(**model), training=TrainingConfig(**training)
    )
    with pytest.raises(UserError, match=says):
        wrong.check(varied)


@pytest.mark.once
def test_baselines_of_images_that_are_large_and_few():
    task = ClassificationTask(few_images(64), ModelConfig(), TrainingConfig())
    scores = task.baselines()
    assert scores["majority class"]["accuracy"] == 0.5
    assert scores["linear discriminant analysis"]["accuracy"] > 0.5


@pytest.mark.once
def test_images_of_the_user_are_resized_and_made_grey(tmp_path):
    pixels = np.arange(64, dtype="uint8").reshape(8, 8)
    image = Image.fromarray(pixels).convert("RGB")
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png", 8, 8, 1), pixels[..., None]
    )
    assert read_image(tmp_path / "a.png", 4, 6, 3).shape == (4, 6, 3)


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="takes a minute to compile"
)
def test_a_network_of_keras_applications_trains(tmp_path):
    task = ClassificationTask(
        few_images(32),
        ModelConfig("mobilenetv2"),
        TrainingConfig(epochs=1, batch_size=10),
    )
    result = task.run(Trial({"activation": "serf"}, 0), TrialContext())
    assert np.isfinite(result.history["loss"]).all()
    result.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.count_params() == result.parameters

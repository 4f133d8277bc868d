"""The detector: its loss by hand, its maps there and back, its batches."""

import keras
import numpy as np
import pytest

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.datasets import animals
from demos.datasets.types import Box
from demos.tasks.detection import model as detector
from demos.tasks.detection.options import ModelConfig

LABELS = 12
SIZES = ModelConfig(image_size=32, channels=4)


def logits_of(heat):
    p = np.clip(heat, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def as_answer(target):
    """What a model would answer that has learned a target by heart."""
    labels = target.shape[-1] - 5
    return np.concatenate(
        [logits_of(target[..., :labels]), target[..., labels:-1]], axis=-1
    )


def losses(truth, answer):
    """Returns the loss of each picture, of arrays."""
    tensors = map(keras.ops.convert_to_tensor, (truth, answer))
    return keras.ops.convert_to_numpy(detector.loss(*tensors))


def test_what_is_encoded_is_found_again():
    part = animals.load(60, 3).train
    found = detector.decode(
        as_answer(detector.encode(part.boxes, LABELS, 16)), least_score=0.9
    )
    for i, boxes in enumerate(part.boxes):
        ours = sorted(box[1:2] + box[3:] for box in found if box.picture == i)
        np.testing.assert_allclose(
            ours, sorted(box[:5] for box in boxes), atol=1e-6
        )


def test_heat_falls_off_around_the_centre_of_a_thing():
    box = Box(1, 0.0, 0.25, 0.75, 0.5)  # Of 12 x 8 places, centre at (6, 8).
    (target,) = detector.encode([[box]], 3, 16)
    heat = target[..., 1]
    assert heat[8, 6] == 1
    # A standard deviation is 0.54 / 6 of a side, along either axis.
    assert heat[8, 7] == pytest.approx(np.exp(-1 / (2 * (0.09 * 12) ** 2)))
    assert heat[9, 6] == pytest.approx(np.exp(-1 / (2 * (0.09 * 8) ** 2)))
    assert not target[..., [0, 2]].any()
    np.testing.assert_allclose(target[8, 6, 3:], [12, 8, 0, 0, 1])
    assert target[..., -1].sum() == 1


def test_a_crowd_is_no_thing():
    crowd = Box(0, 0.1, 0.1, 0.5, 0.5, crowd=True)
    assert not detector.encode([[crowd], []], 2, 8).any()


def test_the_loss_is_that_of_the_paper():
    draw = np.random.default_rng(0)
    boxes = [
        [Box(0, 0.1, 0.2, 0.5, 0.4), Box(2, 0.5, 0.6, 0.3, 0.3)],
        [Box(1, 0.3, 0.3, 0.6, 0.6)],
        [],
    ]
    truth = detector.encode(boxes, 3, 8)
    answer = draw.normal(size=(3, 8, 8, 7)).astype("float32")
    expected = []
    for y, z in zip(
        truth.astype("float64"), answer.astype("float64"), strict=True
    ):
        total = 0.0
        for row in range(8):
            for column in range(8):
                for label in range(3):
                    p = 1 / (1 + np.exp(-z[row, column, label]))
                    heat = y[row, column, label]
                    if heat == 1:
                        total -= (1 - p) ** 2 * np.log(p)
                    else:
                        total -= (1 - heat) ** 4 * p**2 * np.log(1 - p)
                if y[row, column, -1]:
                    off = np.abs(y[row, column, 3:7] - z[row, column, 3:])
                    total += 0.5 * off[:2].sum() + off[2:].sum()
        expected.append(total / max(1, y[..., -1].sum()))
    found = losses(truth, answer)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    mean = detector.mean_loss(boxes, answer, batch_size=2)
    assert mean == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_loss_is_finite_however_sure_the_model_is():
    truth = detector.encode([[Box(0, 0.1, 0.2, 0.5, 0.4)]], 1, 4)
    for logit in (-1e4, 1e4):
        answer = np.full((1, 4, 4, 5), logit, "float32")
        found = losses(truth, answer)
        assert np.isfinite(found).all()


def test_a_peak_has_no_higher_neighbour():
    answer = np.full((1, 6, 6, 5), -9.0)
    answer[0, 2, 2, 0], answer[0, 2, 3, 0], answer[0, 5, 5, 0] = 2, 1, 0
    answer[..., 1:] = [2, 4, 0.5, 0.25]
    found = detector.decode(answer)
    assert [box.score for box in found] == pytest.approx(
        [0.8808, 0.5], abs=1e-4
    )
    assert found[0][3:] == pytest.approx((1.5 / 6, 0.25 / 6, 2 / 6, 4 / 6))


def test_at_most_100_boxes_a_picture():
    draw = np.random.default_rng(0)
    found = detector.decode(draw.normal(size=(2, 16, 16, 9)))
    assert [b.picture for b in found] == [0] * 100 + [1] * 100
    scores = [box.score for box in found[:100]]
    assert scores == sorted(scores, reverse=True)


def test_a_label_begins_as_rare():
    model = detector.build_model("serf", 3, SIZES)
    pixels = np.full((2, 32, 32, 3), 255, "uint8")  # White.
    answer = model.predict(pixels, verbose=0)
    assert answer.shape == (2, 8, 8, 3 + 4)
    assert answer.dtype == "float32"
    heat = 1 / (1 + np.exp(-answer[..., :3]))
    np.testing.assert_allclose(heat, detector.PRIOR, rtol=1e-3)


def test_all_that_a_model_sees_goes_through_the_activation():
    pixels = np.random.default_rng(0).integers(256, size=(2, 32, 32, 3))

    def answers(activation, pixels):
        model = detector.build_model(activation, 3, SIZES)
        return keras.ops.convert_to_numpy(model(pixels.astype("float32")))

    first, second = answers(keras.ops.zeros_like, pixels)
    np.testing.assert_array_equal(first, second)
    first, second = answers("serf", pixels)
    assert np.abs(first - second).max() > 1e-3


def test_there_is_no_other_function_than_the_activation():
    # With one that does nothing, the model is affine in its pixels.
    draw = np.random.default_rng(0)
    one, other = draw.uniform(0, 255, (2, 1, 32, 32, 3)).astype("float32")
    model = detector.build_model("linear", 3, SIZES)
    answers = keras.ops.convert_to_numpy(
        model(np.concatenate([one, other, (one + other) / 2]))
    )
    np.testing.assert_allclose(
        answers[2], (answers[0] + answers[1]) / 2, rtol=1e-4, atol=1e-3
    )


def test_every_hidden_convolution_is_under_the_activation():
    model = detector.build_model("serf", 3, SIZES)
    kinds = [
        layer.activation.__name__
        for layer in model.layers
        if isinstance(layer, keras.layers.Activation)
    ]
    assert set(kinds) == {"serf"}
    convolutions = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
        and layer.name not in ("logits", "numbers")
    ]
    # But those whose output is added first to what is there: three blocks and
    # two skips, each under one activation with what it is added to.
    sums = [x for x in model.layers if isinstance(x, keras.layers.Add)]
    assert len(sums) == 5
    assert len(kinds) == len(convolutions)
    for layer in convolutions:
        assert layer.activation.__name__ == "linear"


def served(seed, flip=False):
    part = animals.load(50, 3).train
    # The number of each picture in its pixels, more on the left.
    pixels = np.zeros((50, 64, 64, 3), "uint8")
    pixels[:, :, :32] = np.arange(1, 51)[:, None, None, None]
    batches = detector.BoxBatches(pixels, part.boxes, LABELS, 16, seed, flip)
    return part, [batches[i] for i in range(len(batches))]


def test_batches_hold_pictures_and_their_own_maps():
    part, batches = served(0)
    assert len(batches) == 3
    for pixels, maps in batches:
        rows = pixels[:, 0, 0, 0] - 1
        np.testing.assert_array_equal(
            maps, detector.encode([part.boxes[i] for i in rows], LABELS, 16)
        )
    _, same = served(0)
    _, other = served(1)
    for (one, _), (two, _), (three, _) in zip(
        batches, same, other, strict=True
    ):
        np.testing.assert_array_equal(one, two)
        assert (one != three).any()


def test_boxes_are_mirrored_with_their_pictures():
    part, batches = served(0, flip=True)
    mirrored = 0
    for pixels, maps in batches:
        for picture, target in zip(pixels, maps, strict=True):
            number = picture.max()
            boxes = part.boxes[number - 1]
            if picture[0, -1, 0] == number:
                mirrored += 1
                boxes = detector.flipped(boxes)
            np.testing.assert_allclose(
                target, detector.encode([boxes], LABELS, 16)[0], atol=1e-5
            )
    assert 12 < mirrored < 36

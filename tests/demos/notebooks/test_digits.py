"""Networks that read digits: their data, their depth, what they learn."""

import numpy as np
import pytest

from demos.notebooks import digits
from keras_serf import serf

pytestmark = pytest.mark.usefixtures("trains")


def test_each_digit_is_equally_often_in_both_parts():
    train, test = digits.load()
    shares = [np.bincount(part.y) / len(part.y) for part in (train, test)]
    np.testing.assert_allclose(*shares, atol=0.003)
    assert (train.x.min(), train.x.max()) == (0, 1)
    known = {row.tobytes() for row in train.x}
    assert sum(row.tobytes() in known for row in test.x) < 3


def test_a_network_is_as_deep_and_wide_as_asked_for():
    model = digits.build("serf", depth=3, width=5)
    widths = [layer.units for layer in model.layers]
    assert widths == [5, 5, 5, 10]
    assert [layer.activation for layer in model.layers[:-1]] == [serf] * 3


def test_a_network_learns_and_the_seed_decides_how():
    settings = {"depth": 2, "width": 32, "learning_rate": 0.003, "epochs": 4}
    first, same, other = (
        digits.train("serf", **settings, seed=seed) for seed in (0, 0, 1)
    )
    assert first.accuracy[-1] > 0.9
    assert first.dead == [0.0] * 5
    assert first.accuracy == same.accuracy
    assert first.accuracy != other.accuracy

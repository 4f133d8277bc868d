"""Optimizers by name: all learn, with the options of a training."""

import typing

import keras
import numpy as np
import pytest

from demos.training import optimizers

NAMES = typing.get_args(optimizers.Optimizer)
pytestmark = pytest.mark.usefixtures("trains")


@pytest.mark.parametrize("name", NAMES)
def test_every_one_goes_downhill(name):
    optimizer = optimizers.make(name, 0.01, weight_decay=0.0, use_ema=True)
    assert type(optimizer).__name__.lower() == name
    assert optimizer.use_ema
    variable = keras.Variable([1.0, -1.0])
    for _ in range(5):
        optimizer.apply([2 * variable], [variable])  # Of the sum of squares.
    first, second = keras.ops.convert_to_numpy(variable)
    assert 0 < first < 0.99
    assert second == pytest.approx(-first)


@pytest.mark.parametrize("name", NAMES)
def test_weight_decay_is_decoupled_in_all(name):
    """Where the gradient is 0, it alone moves: by rate x decay."""
    variable = keras.Variable([1.0])
    optimizers.make(name, 0.1, weight_decay=0.5).apply(
        [keras.ops.zeros((1,))], [variable]
    )
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(variable), [0.95], rtol=1e-6
    )


def test_a_schedule_is_a_rate_too():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.1)
    assert float(optimizers.make("sgd", schedule).learning_rate) == 0.5

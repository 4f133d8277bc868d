"""Optimizers by name: all learn, with the options of a training."""

import typing

import keras
import numpy as np
import pytest

from demos.tasks.options import Optimizer
from demos.training import optimizers

pytestmark = pytest.mark.usefixtures("trains")


@pytest.mark.parametrize("name", typing.get_args(Optimizer))
def test_every_one_goes_downhill_and_decays_weights(name):
    optimizer = optimizers.make(name, 0.01, weight_decay=0.5, use_ema=True)
    assert type(optimizer).__name__.lower() == name
    assert optimizer.use_ema
    variable, unused = keras.Variable([1.0, -1.0]), keras.Variable([1.0])
    optimizer.apply(
        [2 * variable, keras.ops.zeros((1,))],  # Of the sum of squares.
        [variable, unused],
    )
    first, second = keras.ops.convert_to_numpy(variable)
    assert 0 < first < 0.995
    assert second == pytest.approx(-first)
    # Where the gradient is 0, decay alone moves: by rate x decay.
    decayed = keras.ops.convert_to_numpy(unused)
    np.testing.assert_allclose(decayed, [0.995], rtol=1e-6)


def test_a_schedule_is_a_rate_too():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.1)
    assert float(optimizers.make("sgd", schedule).learning_rate) == 0.5

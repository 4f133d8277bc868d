"""Batches of arrays: order by the seed, one shape, every row once."""

import keras
import numpy as np
import pytest

from demos.training import batches


@pytest.mark.parametrize("keys", [(), ("a", "b")])
def test_rows_of_arrays_are_served_once_an_epoch_in_a_drawn_order(keys):
    rows = np.arange(10)
    inputs = {key: rows for key in keys} if keys else rows

    def epoch(served):
        found = []
        for i in range(len(served)):
            x, y = served[i]
            for key in keys or [slice(None)]:
                np.testing.assert_array_equal(x[key], y)
            found += y.tolist()
        served.on_epoch_end()
        return found

    served = batches.ArrayBatches(inputs, rows, 3, seed=5)
    first, second = epoch(served), epoch(served)
    assert len(first) == len(set(first)) == 9  # Full batches alone.
    assert first != second
    again = batches.ArrayBatches(inputs, rows, 3, seed=5)
    assert [epoch(again), epoch(again)] == [first, second]
    assert epoch(batches.ArrayBatches(inputs, rows, 3, seed=6)) != first


def test_what_changes_a_batch_draws_the_same_in_any_order():
    rows = np.arange(8)
    served = batches.ArrayBatches(
        rows, rows, 4, 0, lambda x, draw: x + draw.random(len(x))
    )
    second, first = served[1], served[0]
    np.testing.assert_array_equal(first[0], served[0][0])
    np.testing.assert_array_equal(second[0], served[1][0])
    assert (first[0] != first[1]).all()


@pytest.mark.parametrize("shape", [(10, 3), (10, 4, 4, 3)])
def test_a_model_is_asked_of_each_row_once(shape):
    rows = np.random.default_rng(0).normal(size=shape).astype("float32")
    inputs = keras.Input(shape[1:])
    model = keras.Model(inputs, keras.layers.Flatten()(inputs) * 2)
    for batch_size in (4, 10, 100):
        np.testing.assert_allclose(
            batches.predict(model, rows, batch_size),
            rows.reshape(10, -1) * 2,
            rtol=1e-6,
        )

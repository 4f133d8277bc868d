"""`compare`: how data is split."""

import numpy as np
import pytest

from demos.common.errors import UserError
from demos.tasks.compare.data import split

pytestmark = pytest.mark.once


def test_every_row_is_in_one_split():
    x = np.arange(100)
    parts = split((x, x))
    counts = {name: len(part[1]) for name, part in parts.items()}
    assert counts == {"train": 70, "validation": 15, "test": 15}
    rows = np.concatenate([part[1] for part in parts.values()])
    np.testing.assert_array_equal(np.sort(rows), x)
    for inputs, targets in parts.values():
        np.testing.assert_array_equal(inputs, targets)


def test_splits_may_be_given():
    x = np.arange(100)
    two = split(((x, x), (x[:7], x[:7])))
    assert [len(part[1]) for part in two.values()] == [85, 15, 7]
    np.testing.assert_array_equal(two["test"][0], x[:7])
    three = [(x, x), (x[:5], x[:5]), (x[:7], x[:7])]
    named = dict(zip(("train", "validation", "test"), three, strict=True))
    for given in (tuple(three), named):
        assert [len(p[1]) for p in split(given).values()] == [100, 5, 7]


def test_lists_and_structures_are_arrays():
    lists = split(([[1.0, 2.0]] * 20, [1] * 20))
    assert lists["train"][0].shape == (14, 2)
    x = np.arange(20)
    inputs, _ = split(({"a": x, "b": [x, x]}, x))["test"]
    np.testing.assert_array_equal(inputs["a"], inputs["b"][1])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (np.zeros((4, 2)), r"data must be \(x, y\).* Received: ndarray"),
        ((np.zeros((4, 2)), np.zeros(3)), "same number of rows.*4, 3"),
        ((np.zeros((3, 2)), np.zeros(3)), "too few rows.*3"),
        ({"train": 1}, "keys train, validation, test. Received: train"),
    ],
)
def test_data_that_cannot_be_read(data, says):
    with pytest.raises(UserError, match=says):
        split(data)

"""What all tasks share: fair starts, configs, small parts of the data."""

import numpy as np
import pytest

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.datasets.types import Pairs, Translation
from demos.tasks.task import evenly, sizes, smoke_test_part


def flat(batch):
    """The arrays of a batch, whatever structure they have."""
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, tuple | list):
        return [array for part in batch for array in flat(part)]
    return [batch]


@pytest.mark.usefixtures("trains")
def test_at_one_seed_all_activations_start_alike(case, started):
    task = case.load()
    starts = []
    for activation, seed in (("serf", 3), ("relu", 3), ("serf", 4)):
        begun = started(task, {"activation": activation}, seed)
        config = str([layer.get_config() for layer in begun.model.layers])
        assert ("keras_serf>serf" in config) == (activation == "serf")
        batches = [flat(begun.data[0])]
        begun.data.on_epoch_end()
        batches.append(flat(begun.data[0]))
        starts.append((begun.model.get_weights(), batches))
    (ours, first), (paired, same), (other, another) = starts
    for a, b in zip(ours, paired, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(ours, other, strict=True):  # All that is drawn differs.
        assert np.ptp(a) == 0 or not np.array_equal(a, b)
    for a, b in zip(flat(first), flat(same), strict=True):
        np.testing.assert_array_equal(a, b)
    assert differ(first, another)
    assert differ(first[0], first[1])


def differ(one, other):
    return any(
        a.shape != b.shape or (a != b).any()
        for a, b in zip(flat(one), flat(other), strict=True)
    )


def test_a_config_says_what_decides_a_result(case):
    config = case.load().config()
    assert config == case.load().config()
    assert config["task"] == case.name
    assert config["rows"]["train"] > 0
    assert len(config["dataset_digest"]) >= 12
    other = case.load("--learning-rate", "0.5").config()
    assert other["training"]["learning_rate"] == 0.5
    assert {**other, "training": config["training"]} == config


def test_part_of_the_data_for_a_smoke_test():
    part = Pairs(tuple("abcdefg"), tuple("ABCDEFG"))
    dataset = Translation("letters", "en", "de", part, part, part)
    small = smoke_test_part(dataset, 4)
    assert small.train.sources == tuple("aceg")
    assert small.validation.targets == small.test.targets == ("A",)
    assert sizes(small, "pairs") == (
        "letters-quick: 4 pairs for training, 1 for validation, 1 for testing"
    )
    last = smoke_test_part(dataset, 4, lambda part, most: [len(part) - 1])
    assert last.train.sources == last.test.sources == ("g",)


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_rows_are_evenly_spaced_and_not_too_many(count):
    for most in (1, 3, 200):
        rows = list(evenly(count, most))
        assert 1 <= len(rows) <= min(most, count)
        assert rows[0] == 0
        assert len(set(np.diff(rows))) <= 1

"""Batches of like length: nothing lost, little padding, order by the seed."""

import itertools

import numpy as np
import pytest

from demos.tasks.translation import batches
from demos.tasks.translation.subword_tokenizer import END, PADDING, START


@pytest.fixture
def pairs():
    """300 pairs of 1 to 30 tokens; no two sources are alike."""
    draw = np.random.default_rng(0)
    sources = [[10 + i] * draw.integers(1, 30) for i in range(300)]
    targets = [row[: draw.integers(1, 1 + len(row))] for row in sources]
    return sources, targets


def rows_of(served):
    """(source, target in, labels) without padding, in the order served."""
    found = []
    for i in range(len(served)):
        inputs, labels, weights = served[i]
        np.testing.assert_array_equal(weights, labels != PADDING)
        for source, target, label in zip(
            inputs["source"], inputs["target"], labels, strict=True
        ):
            if source.any():
                found.append(
                    tuple(
                        tuple(row[row != PADDING].tolist())
                        for row in (source, target, label)
                    )
                )
    return found


def test_a_score_is_served_every_pair_once(pairs):
    widths = batches.bucket_widths(batches.pair_lengths(*pairs), 4)
    served = batches.PairBatches(*pairs, widths, 256)
    expected = [
        ((*source, END), (START, *target), (*target, END))
        for source, target in zip(*pairs, strict=True)
    ]
    assert sorted(rows_of(served)) == sorted(expected)
    served.on_epoch_end()
    assert sorted(rows_of(served)) == sorted(expected)


def test_training_is_served_no_pair_twice_in_an_epoch(pairs):
    widths = batches.bucket_widths(batches.pair_lengths(*pairs), 4)
    served = batches.PairBatches(*pairs, widths, 256, seed=1)
    rows = rows_of(served)
    assert len(set(rows)) == len(rows) > 250
    for i in range(len(served)):
        inputs, labels, _ = served[i]
        assert labels.size <= 256
        assert inputs["source"].shape == labels.shape
        assert (inputs["source"] != PADDING).any(axis=1).all()


def test_order_depends_on_seed_and_epoch_alone(pairs):
    def epochs(seed):
        served = batches.PairBatches(*pairs, (10, 31), 256, seed=seed)
        first = rows_of(served)
        served.on_epoch_end()
        return first, rows_of(served)

    assert epochs(3) == epochs(3)
    assert epochs(3)[0] != epochs(3)[1]
    assert epochs(3)[0] != epochs(4)[0]


def test_the_first_two_batches_show_that_widths_vary(pairs):
    for seed in (None, *range(20)):
        served = batches.PairBatches(*pairs, (10, 20, 31), 256, seed=seed)
        for _ in range(3):
            first, second = (served[i][1].shape[1] for i in (0, 1))
            assert first != second
            served.on_epoch_end()


def test_widths_are_those_with_the_least_padding():
    draw = np.random.default_rng(0)
    lengths = (3 + draw.poisson(6, 200)).tolist()

    def cost(widths):
        return sum(min(w for w in widths if w >= n) for n in lengths)

    chosen = batches.bucket_widths(lengths, 3)
    every = sorted(set(lengths))
    best = min(
        cost((*some, every[-1])) for some in itertools.combinations(every, 2)
    )
    assert cost(chosen) == best
    assert chosen[-1] == max(lengths)


def test_fewer_lengths_than_buckets():
    assert batches.bucket_widths([5, 5, 7], 9) == (5, 7)


def test_more_buckets_than_lengths_cost_no_time():
    lengths = list(range(1, 200))
    assert batches.bucket_widths(lengths, 10**9) == tuple(lengths)


def test_what_an_epoch_leaves_over_is_counted(pairs):
    served = batches.PairBatches([[9]] * 5, [[9]] * 5, (2,), 4, seed=0)
    assert served.served() == pytest.approx(4 / 5)
    assert batches.PairBatches([[9]] * 5, [[9]] * 5, (2,), 4).served() == 1


def test_padding_is_counted():
    sources, targets = [[9, 9], [9]], [[9], [9]]
    served = batches.PairBatches(sources, targets, (3,), 100)
    # Of 2 x 2 x 3 places, 1 + 1 + 1 are empty: END takes one of each row.
    assert served.padding() == pytest.approx(3 / 12)


def test_what_is_too_long_is_cut_and_still_ends():
    served = batches.PairBatches([[9] * 9], [[8] * 9], (4,), 100)
    inputs, labels, weights = served[0]
    assert inputs["source"].tolist() == [[9, 9, 9, END]]
    assert inputs["target"].tolist() == [[START, 8, 8, 8]]
    assert labels.tolist() == [[8, 8, 8, END]]
    assert weights.tolist() == [[1, 1, 1, 1]]

"""Samples are reproducible, and cover what is difficult."""

import numpy as np
import pytest

from demos.benchmarks.accuracy.inputs import DIFFICULT, everything, sample

pytestmark = pytest.mark.once


def draw(chunks):
    return np.concatenate([chunk.draw() for chunk in chunks])


def test_float32_samples_cover_all_exponents_and_difficult_places():
    chunks = sample("float32", 5000)
    x = draw(chunks)
    assert x.size == sum(chunk.size for chunk in chunks)
    again = draw(sample("float32", 5000))
    np.testing.assert_array_equal(x.view("uint32"), again.view("uint32"))
    assert np.unique(x.view("uint32") >> 23).size == 512  # With either sign.
    for place in DIFFICULT:
        for direction in (-np.inf, np.inf):
            near = np.nextafter(np.float32(place), np.float32(direction))
            assert (x == near).any()


def test_half_types_are_complete():
    for dtype in ("float16", "bfloat16"):
        x = draw(sample(dtype, 1))
        assert x.dtype == dtype
        assert np.unique(x.view("uint16")).size == 2**16


def test_everything_is_every_pattern_once():
    chunks = everything()
    assert sum(chunk.size for chunk in chunks) == 2**32
    assert len({chunk.name for chunk in chunks}) == len(chunks)
    last = chunks[-1].draw().view("uint32")
    assert (last[0], last[-1]) == (2**32 - chunks[-1].size, 2**32 - 1)
    np.testing.assert_array_equal(np.diff(last), 1)


def test_blocks_are_the_chunk_in_parts():
    (chunk,) = sample("float64", 1)
    blocks = list(chunk.blocks(1000))
    assert [block.size for block in blocks] == [1000] * 4 + [96]
    np.testing.assert_array_equal(np.concatenate(blocks), chunk.draw())

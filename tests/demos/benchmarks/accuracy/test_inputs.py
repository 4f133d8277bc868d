"""Samples are reproducible, and cover what is difficult."""

import numpy as np
import pytest

from demos.benchmarks.accuracy.inputs import BLOCK, DIFFICULT, block, count

pytestmark = pytest.mark.once


def draw(dtype, samples=1):
    arrays = [block(dtype, samples, n) for n in range(count(dtype, samples))]
    assert max(map(len, arrays)) == len(arrays[0]) <= BLOCK
    return np.concatenate(arrays)


def test_float32_samples_cover_all_exponents_and_difficult_places():
    x = draw("float32", 5000)
    again = draw("float32", 5000)
    np.testing.assert_array_equal(x.view("uint32"), again.view("uint32"))
    exponents = x[-5000:].view("uint32") >> 23
    assert np.unique(exponents).size == 512  # With either sign.
    for place in DIFFICULT:
        for direction in (-np.inf, np.inf):
            near = np.nextafter(np.float32(place), np.float32(direction))
            assert (x == near).any()


def test_half_types_are_complete():
    for dtype in ("float16", "bfloat16"):
        x = draw(dtype)
        assert x.dtype == dtype
        assert np.unique(x.view("uint16")).size == 2**16


def test_float64_has_both_tails_and_the_limits():
    x = draw("float64")
    assert (np.nanmin(x), np.nanmax(x)) == (-np.inf, np.inf)
    assert ((x > -760) & (x < -700)).any()
    assert np.isnan(x).any()


def test_everything_is_every_pattern_once():
    assert count("float32", 2**32) == count("float32", 0) + 2**32 // BLOCK
    fixed = count("float32", 0)
    for number in (0, 1, 2**32 // BLOCK - 1):
        x = block("float32", 2**32, fixed + number).view("uint32")
        first = BLOCK * number
        np.testing.assert_array_equal(x, np.arange(first, first + BLOCK))

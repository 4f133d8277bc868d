"""The numbers on which activations are tried: samples, or all there are."""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from demos.benchmarks.accuracy.options import PATTERNS

Array = NDArray[Any]

CHUNK = 2**22  # The most numbers that are drawn at once.
NEIGHBOURS = 2**14  # On each side of a difficult place.
# Zero; the minimum; where the tables of the kernel change over or end; where
# f = x in float32; where e^x becomes subnormal, and where it vanishes.
DIFFICULT = (0.0, -1.1930599, -1.0, 1.0, 4.25, 17.5, -87.33654, -104.0)
GRID = (-100.0, 20.0, 2**19)  # First and last number, and how many.
FLOAT64 = 4096  # Numbers of float64, whose reference is slow.


@dataclass(frozen=True)
class Chunk:
    """A reproducible set of numbers.

    Attributes:
        name: What the progress bar shows.
        size: How many numbers it has.
        draw: Returns them.
    """

    name: str
    size: int
    draw: Callable[[], Array]

    def blocks(self, size: int) -> Iterator[Array]:
        """Yields the numbers in arrays of at most `size`."""
        x = self.draw()
        for start in range(0, x.size, size):
            yield x[start : start + size]


def everything() -> list[Chunk]:
    """Returns all float32 bit patterns."""

    def draw(start: int) -> Array:
        patterns = np.arange(start, start + CHUNK, dtype="uint32")
        return patterns.view("float32")

    return [
        Chunk(
            f"float32 from {start:#010x}",
            CHUNK,
            functools.partial(draw, start),
        )
        for start in range(0, PATTERNS, CHUNK)
    ]


def sample(dtype: str, count: int) -> list[Chunk]:
    """Returns a sample, always the same.

    Args:
        dtype: All numbers of float16 and bfloat16 are in their sample.
        count: How many float32 bit patterns to draw, spread evenly.
    """
    if dtype == "float64":
        return [Chunk("float64 sample", FLOAT64, _sampled_float64)]
    if dtype != "float32":
        draw = functools.partial(_all_of_16_bits, dtype)
        return [Chunk(f"all {dtype}", 2**16, draw)]
    difficult = _difficult()
    chunks = [
        Chunk("difficult float32", difficult.size, lambda: difficult),
        Chunk(
            *("float32 grid", GRID[2]),
            lambda: np.linspace(*GRID, dtype="float32"),
        ),
    ]
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        draw = functools.partial(_strata, first, last, count)
        chunks.append(Chunk(f"float32 from {first:,}", last - first, draw))
    return chunks


def numpy_dtype(dtype: str) -> Any:
    """Returns NumPy's dtype of a name; NumPy itself has no bfloat16."""
    return np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def _strata(first: int, last: int, count: int) -> Array:
    """Draws a bit pattern from each of `count` equal parts of all of them."""
    edges = np.arange(first, last + 1, dtype="int64") * PATTERNS // count
    draw = np.random.default_rng(first)
    return draw.integers(edges[:-1], edges[1:]).astype("uint32").view("float32")


def _all_of_16_bits(dtype: str) -> Array:
    return np.arange(2**16, dtype="uint16").view(numpy_dtype(dtype))


def _difficult() -> Array:
    """Returns neighbours of `DIFFICULT`, limits, and all 16-bit numbers."""
    steps = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    parts = [_limits("float32")]
    for place in np.array(DIFFICULT, "float32"):
        # Counted from zero along the line of floats; -n is sign and magnitude.
        size = int(np.abs(place).view("uint32"))
        at = (size if place >= 0 else -size) + steps
        bits = np.where(at < 0, 2**31 - at, at).astype("uint32")
        parts.append(bits.view("float32"))
    parts += [
        _all_of_16_bits(dtype).astype("float32")
        for dtype in ("float16", "bfloat16")
    ]
    return np.concatenate(parts)


def _sampled_float64() -> Array:
    draw = np.random.default_rng(0)
    limits = _limits("float64")
    quarter = FLOAT64 // 4
    tiny = draw.uniform(-300, 0, quarter)
    signs = draw.choice([-1.0, 1.0], quarter)
    near = np.repeat(DIFFICULT, quarter // len(DIFFICULT))
    parts = [
        limits,
        signs * 10.0**tiny,
        near + draw.normal(0, 1e-3, near.size),
        draw.uniform(-760, 40, quarter),
    ]
    rest = FLOAT64 - sum(map(len, parts))
    return np.concatenate([*parts, draw.uniform(-40, 10, rest)])


def _limits(dtype: str) -> Array:
    limits = np.finfo(dtype)
    sizes = np.array(
        [0, limits.smallest_subnormal, limits.tiny, limits.max, math.inf], dtype
    )
    return np.concatenate([sizes, -sizes, np.array([math.nan], dtype)])

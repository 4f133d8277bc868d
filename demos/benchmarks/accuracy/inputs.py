"""The inputs of the accuracy benchmark: samples or all numbers of a dtype."""

import functools
import math
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PATTERNS = 2**32  # Of 32 bits.
SAMPLES = 2**20  # Sample size for float32.
BLOCK = 2**18  # Number of inputs of one call.
NEIGHBOURS = 2**14  # Numbers on each side of a difficult point.
# Zero; the minimum; the boundaries of the kernel's tables; where f = x in
# float32; where e^x becomes subnormal, and where it becomes 0.
DIFFICULT = (0.0, -1.1930599, -1.0, 1.0, 4.25, 17.5, -87.33654, -104.0)
GRID = (-100.0, 20.0, 2**19)  # First and last number, and their count.
FLOAT64 = 4096  # Number of float64 inputs, whose reference is slow.


def block(dtype: str, samples: int, number: int) -> Array:
    """Returns a block of inputs, the same in every call.

    The inputs are all numbers of float16 and bfloat16. For float32, they are
    one number from each of `samples` equal parts of the bit patterns (with
    2^32, all numbers), a grid, and difficult points. No block is longer than
    the first.
    """
    if dtype == "float64":
        return _float64()
    if dtype != "float32":
        return _all_of_16_bits(dtype)
    for numbers in (_difficult(), np.linspace(*GRID, dtype="float32")):
        parts = math.ceil(len(numbers) / BLOCK)
        if number < parts:
            return numbers[BLOCK * number : BLOCK * (number + 1)]
        number -= parts
    first, last = BLOCK * number, min(BLOCK * (number + 1), samples)
    edges = np.arange(first, last + 1) * PATTERNS // samples
    patterns = edges[:-1]
    if samples < PATTERNS:
        draw = np.random.default_rng(number)
        patterns = draw.integers(patterns, edges[1:])
    return patterns.astype("uint32").view("float32")


def count(dtype: str, samples: int) -> int:
    """Returns the number of blocks."""
    if dtype != "float32":
        return 1
    parts = (len(_difficult()), GRID[2], samples)
    return sum(math.ceil(part / BLOCK) for part in parts)


def numpy_dtype(dtype: str) -> Any:
    """Returns the NumPy dtype of a name; NumPy itself lacks bfloat16."""
    return np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def _all_of_16_bits(dtype: str) -> Array:
    return np.arange(2**16, dtype="uint16").view(numpy_dtype(dtype))


@functools.cache
def _difficult() -> Array:
    """Returns neighbours of `DIFFICULT`, limits, and all 16-bit numbers."""
    steps = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    parts = [_limits("float32")]
    for place in np.array(DIFFICULT, "float32"):
        # Floats are counted from zero; -n is stored as sign and magnitude.
        size = int(np.abs(place).view("uint32"))
        at = (size if place >= 0 else -size) + steps
        bits = np.where(at < 0, 2**31 - at, at).astype("uint32")
        parts.append(bits.view("float32"))
    halves = map(_all_of_16_bits, ("float16", "bfloat16"))
    return np.concatenate(
        [*parts, *(half.astype("float32") for half in halves)]
    )


def _float64() -> Array:
    draw = np.random.default_rng(0)
    quarter = FLOAT64 // 4
    signs = draw.choice([-1.0, 1.0], quarter)
    near = np.repeat(DIFFICULT, quarter // len(DIFFICULT))
    parts = [
        _limits("float64"),
        signs * 10.0 ** draw.uniform(-300, 0, quarter),
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

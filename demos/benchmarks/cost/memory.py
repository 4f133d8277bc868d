"""Measures the memory that an activation keeps for the backward pass."""

from collections.abc import Callable
from typing import Any

from demos.benchmarks.frameworks.base import TrainingFramework, normal

SIZE = 2**16


def weigh(
    framework: TrainingFramework, function: Callable[[Any], Any], mode: str
) -> tuple[float, float]:
    """Measures what is kept from the forward pass to the backward pass.

    Args:
        framework: The active framework.
        function: The activation.
        mode: One of `framework.kept_modes`.

    Returns:
        Bytes per element of a float32 array: of all buffers, and without those
        of input and output. A scalar constant counts as nothing.
    """
    framework.forget()
    x = framework.array(normal(SIZE, 0), "float32")
    buffers, ends = framework.kept(function, mode, x)
    large = {a: n for a, n in buffers.items() if n >= SIZE // 8}
    besides = sum(n for address, n in large.items() if address not in ends)
    return sum(large.values()) / SIZE, besides / SIZE

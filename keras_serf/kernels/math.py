"""`Math`: functions of a framework. `Formulas`: Serf in terms of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Math:
    """Elementwise functions of one framework, named as in NumPy.

    `clip(x, low, high)` and `where(condition, x, y)` take arrays and keep NaN;
    `low` and `high` are numbers.
    """

    exp: Callable[[Any], Any]
    log1p: Callable[[Any], Any]
    erf: Callable[[Any], Any]
    clip: Callable[[Any, float, float], Any]
    where: Callable[[Any, Any, Any], Any]


class Formulas(Protocol):
    """Serf with the accuracy of a type: `composed` or `polynomial.SINGLE`."""

    def value(self, x: Any, math: Math) -> Any:
        """Returns f(x) for an array `x`."""
        ...

    def derivative(self, x: Any, math: Math) -> Any:
        """Returns f'(x) for an array `x`."""
        ...

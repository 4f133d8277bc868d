"""`Math`: the functions that a framework lends to the formulas."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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

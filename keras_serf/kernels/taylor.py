"""Serf as a Taylor polynomial around its own input, in plain operators.

It is for autodiff without custom derivatives: its value is that of the
formulas, and its derivatives by autodiff are f', f'' and f'''.
"""

from typing import Any

from keras_serf.kernels import composed
from keras_serf.kernels.math import Formulas, Math

_INFINITY = float("inf")


def value(x: Any, at: Any, formulas: Formulas, math: Math) -> Any:
    """Returns f(x), differentiable three times.

    Args:
        x: An array of float32 or wider.
        at: The same numbers, as constants for autodiff.
        formulas: The formulas of the required accuracy.
        math: Functions of the framework.
    """
    # The step is 0, but not a constant for autodiff. Infinity minus itself
    # would be NaN. MLX's forward mode needs an array of zeros here.
    zeros = math.clip(at, 0.0, 0.0)
    back = math.where(abs(at) == _INFINITY, zeros, at - x)
    derivative = formulas.derivative(at, math)
    # Its own derivative here is a third of it, which gives the cubic term.
    second_derivative = composed.second_derivative(at - back / 3, math)
    y = formulas.value(at, math) - back * (
        derivative - back * (second_derivative / 2)
    )
    return math.where(at == _INFINITY, x, y)

"""Serf as a Taylor polynomial about its own input, in plain operators.

For autodiff that has no closed derivatives of ours: the value is that of the
formulas, and what the framework derives from it is f', f'' and f'''.
"""

from typing import Any

from keras_serf.kernels import composed
from keras_serf.kernels.math import Formulas, Math

_INFINITY = float("inf")


def value(x: Any, at: Any, formulas: Formulas, math: Math) -> Any:
    """Returns f(x), differentiable three times.

    Args:
        x: An array of float32 or wider.
        at: The same numbers, as constants to autodiff.
        formulas: Those for the accuracy that is needed.
        math: Functions of the framework.
    """
    # It is 0, but autodiff does not know; infinity less itself would be NaN.
    # An array of zeros, for MLX's forward mode takes no number here.
    zeros = math.clip(at, 0.0, 0.0)
    back = math.where(abs(at) == _INFINITY, zeros, at - x)
    derivative = formulas.derivative(at, math)
    # Its own derivative here is a third of it, which makes the cubic term.
    second_derivative = composed.second_derivative(at - back / 3, math)
    y = formulas.value(at, math) - back * (
        derivative - back * (second_derivative / 2)
    )
    return math.where(at == _INFINITY, x, y)

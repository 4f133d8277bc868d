"""Exact values of Serf and its derivatives, and the units of errors."""

import math
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import mpmath as mp
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from demos.benchmarks.accuracy.results import QUANTITIES
from keras_serf import theory

Array = NDArray[Any]

# Where tails are flushed, in smallest normal numbers.
MARGIN = {"value": 64, "derivative": 64, "second_derivative": 512}
DIGITS = 40  # Of the reference for float64.


@dataclass(frozen=True)
class Exact:
    """The exact values of one quantity, and the units of their errors.

    Attributes:
        values: The exact values, rounded to float64.
        remainder: What that rounding lost.
        unit: The unit of the error; infinite where the absolute error counts.
        allowance: The largest absolute error allowed there.
    """

    values: Array
    remainder: Array
    unit: Array
    allowance: float

    def __getitem__(self, where: Any) -> "Exact":
        """Returns the part at these indices."""
        return replace(
            self,
            values=self.values[where],
            remainder=self.remainder[where],
            unit=self.unit[where],
        )


def exact(x: Array) -> dict[str, Exact]:
    """Computes the exact values of each quantity.

    Args:
        x: Numbers, in the dtype whose units count. Where they are not finite,
            the result is arbitrary.
    """
    limits = ml_dtypes.finfo(x.dtype)
    eps, least = float(limits.eps), float(limits.smallest_subnormal)
    tiny = smallest_normal(x)
    border = math.log(tiny)
    wide = to_float64(x)
    finite = np.isfinite(wide)
    wide[~finite] = 0.0
    reference = _precise_serf if x.dtype == "float64" else _serf
    values, remainder, scales = reference(wide)
    size = np.abs(values["value"])
    with np.errstate(over="ignore", under="ignore"):
        ulp = np.spacing(size.astype(x.dtype)).astype("float64")
    # The tail of f, not its root.
    scales["value"] = np.where(wide < -1, size, 1.0)
    result = {}
    for name in QUANTITIES:
        in_units = finite & (wide > border)
        in_units &= scales[name] >= MARGIN[name] * tiny
        unit = np.maximum(eps * scales[name], least)
        if name == "value":
            in_units &= (np.abs(wide) >= tiny) & (size >= tiny)
            unit = ulp
        result[name] = Exact(
            values[name],
            remainder.get(name, np.zeros_like(wide)),
            np.where(in_units, unit, np.inf),
            max(MARGIN[name], 1.15 * abs(border)) * tiny,
        )
    return result


def smallest_normal(x: Array) -> float:
    """Returns the smallest normal number of the dtype of the computation."""
    # The half types are computed in float32.
    dtype = "float64" if x.dtype == "float64" else "float32"
    return float(np.finfo(dtype).tiny)


def to_float64(x: Array) -> Array:
    """Returns a copy in float64."""
    with np.errstate(invalid="ignore"):  # Signalling NaNs.
        return x.astype("float64")


# The quantities, what rounding them lost, and the scales of those units that
# are no ulps.
_Reference = tuple[dict[str, Array], dict[str, Array], dict[str, Array]]


def _serf(x: Array) -> _Reference:
    """Computes Serf in float64."""
    f, first, second = (
        *(theory.serf(x), theory.derivative(x), theory.second_derivative(x)),
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        gate = np.where(x == 0, first, f / x)
    double = 2 * theory.preconditioner(x) * expit(x)
    scales = {
        "derivative": np.abs(gate) + np.abs(first - gate),
        "second_derivative": double + np.abs(second - double),
    }
    return dict(zip(QUANTITIES, (f, first, second), strict=True)), {}, scales


def _precise_serf(x: Array) -> _Reference:
    """Computes Serf with mpmath."""

    def at(x: Any) -> tuple[Any, ...]:
        u = mp.exp(x)
        s, sigmoid = mp.log1p(u), u / (1 + u)
        g = mp.erf(s)
        d = 2 / mp.sqrt(mp.pi) * mp.exp(-s * s) * sigmoid
        bend = x * d * (1 - sigmoid - 2 * s * sigmoid)
        return (
            *(x * g, g + x * d, 2 * d + bend),
            *(abs(g) + abs(x * d), abs(2 * d) + abs(bend)),
        )

    with mp.workdps(DIGITS):
        # Beyond 40, G is 1 to these digits; below -1e4 nothing is left.
        rows = [at(mp.mpf(min(v, 40.0))) if v > -1e4 else [0] * 5 for v in x]
        columns = [*zip(*rows, strict=True)]
        rounded = [np.array([float(v) for v in c]) for c in columns]
        lost = [
            np.array([float(v - r) for v, r in zip(c, near, strict=True)])
            for c, near in zip(columns, rounded, strict=True)
        ]
    rounded[0] = np.where(x > 40, x, rounded[0])
    lost[0] = np.where(x > 40, 0.0, lost[0])
    return (
        dict(zip(QUANTITIES, rounded[:3], strict=True)),
        dict(zip(QUANTITIES, lost[:3], strict=True)),
        dict(zip(QUANTITIES[1:], rounded[3:], strict=True)),
    )

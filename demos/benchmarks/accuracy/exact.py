"""Exact values of Serf and other activations, and the units of errors."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import ml_dtypes
import mpmath as mp
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.special import ndtr

from demos.benchmarks.accuracy.errors import QUANTITIES
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

    def __getitem__(self, where: Array) -> "Exact":
        """Returns the part where a mask is true."""
        return replace(
            self,
            values=self.values[where],
            remainder=self.remainder[where],
            unit=self.unit[where],
        )


def exact(activation: str, x: Array) -> dict[str, Exact]:
    """Computes the exact values of each quantity that has a reference.

    Args:
        activation: Any Serf, or one of `OTHERS`.
        x: Numbers, in the dtype whose units count. Where they are not finite,
            the result is arbitrary.
    """
    limits = ml_dtypes.finfo(x.dtype)
    eps, least = float(limits.eps), float(limits.smallest_subnormal)
    # The half types are computed in float32.
    inner = np.finfo("float64" if x.dtype == "float64" else "float32")
    tiny = float(inner.tiny)
    border = math.log(tiny)
    wide = to_float64(x)
    finite = np.isfinite(wide)
    wide[~finite] = 0.0
    if activation in OTHERS:
        reference = _gated(OTHERS[activation], wide)
    elif x.dtype == "float64":
        reference = _precise_serf(wide)
    else:
        reference = _serf(wide)
    exact, remainder, scales = reference
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.abs(exact["value"]).astype(x.dtype)
        units = {"value": np.spacing(rounded).astype("float64")}
        # The tail of f, not its root.
        scales["value"] = np.where(wide < -1, np.abs(exact["value"]), 1.0)
        for name in exact:
            if name != "value":
                units[name] = np.maximum(eps * scales[name], least)
    result = {}
    for name, values in exact.items():
        in_units = finite & (wide > border)
        in_units &= scales[name] >= MARGIN[name] * tiny
        if name == "value":
            in_units &= (np.abs(wide) >= tiny) & (np.abs(values) >= tiny)
        result[name] = Exact(
            values,
            remainder.get(name, np.zeros_like(wide)),
            np.where(in_units, units[name], np.inf),
            max(MARGIN[name], 1.15 * abs(border)) * tiny,
        )
    return result


def is_near_zero(x: Array) -> Array:
    """Returns where |x| is normal in the computation, but hardly."""
    inner = np.finfo("float64" if x.dtype == "float64" else "float32")
    size = np.abs(to_float64(x))
    return (size >= inner.tiny) & (size < 64 * float(inner.tiny))


def to_float64(x: Array) -> Array:
    """Returns a copy in float64."""
    with np.errstate(invalid="ignore"):  # Signalling NaNs.
        return x.astype("float64")


# The quantities, what rounding them lost, and the scales of those units that
# are no ulps.
_Reference = tuple[dict[str, Array], dict[str, Array], dict[str, Array]]
# Value and derivative.
_Pair = Callable[[Array], tuple[Array, Array]]


def _serf(x: Array) -> _Reference:
    values, remainder, scales = _gated(
        lambda x: (theory.serf(x), theory.derivative(x)), x
    )
    values["second_derivative"] = theory.second_derivative(x)
    double = 2 * theory.preconditioner(x) * expit(x)
    scales["second_derivative"] = double + np.abs(
        values["second_derivative"] - double
    )
    return values, remainder, scales


def _gated(function: _Pair, x: Array) -> _Reference:
    """Returns f = x G and f' = G + x D, and the size of the latter's terms."""
    value, derivative = function(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        gate = np.where(x == 0, derivative, value / x)
    scale = np.abs(gate) + np.abs(derivative - gate)
    values = {"value": value, "derivative": derivative}
    return values, {}, {"derivative": scale}


def _silu(x: Array) -> tuple[Array, Array]:
    return x * expit(x), expit(x) * (1 + x * expit(-x))


def _gelu(x: Array) -> tuple[Array, Array]:
    with np.errstate(over="ignore"):
        density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return x * ndtr(x), ndtr(x) + x * density


def _mish(x: Array) -> tuple[Array, Array]:
    gate = np.tanh(np.logaddexp(0.0, x))
    return x * gate, gate + x * expit(x) * (1 - gate * gate)


# What is measured beside Serf, in float32.
OTHERS: dict[str, _Pair] = {"silu": _silu, "gelu (erf)": _gelu, "mish": _mish}


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

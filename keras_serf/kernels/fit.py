"""Computes the coefficient tables of `rational.py` and certifies them.

Run by hand, `python -m keras_serf.kernels.fit`: fits in 60 digits with mpmath,
rounds the coefficients, prints the error that remains, and rewrites the tables
in place. The result is the same on every machine. Needs the `test` extra.

With u = e^x and s = log(1 + u), Serf is x G and its derivative G + x D, where

    G(u) = erf(s)                            G(u) / u  ~  P(u) / Q(u)
    D(u) = (2 / sqrt(pi)) e^(-s^2) u/(1+u)   D(u) / u  ~  S(u) / V(u)

Both are smooth in u, so one rational function each serves x <= 0 and x > 0,
and beyond x = BOUND they have reached 1 and 0 in float32. From P/Q come the two
forms that lose no digits: for x <= 0, G = u (BASE + M/Q) with M = P - BASE Q;
for x > 0, G = 1 - R/Q with R = Q - u P.

The fit is Remez' exchange for rational functions: at each step the levelled
error is an eigenvalue (Pachon and Trefethen, BIT 49, 2009, section 4), and the
start is the solution for a shorter interval.
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from typing import TypeAlias

import mpmath as mp
import numpy as np

from keras_serf.kernels import rational

Real: TypeAlias = Any  # mpmath.mpf, which has no types
Function = Callable[[Real], Real]

DIGITS = 60
GRID = 1000  # intervals between the points where the error is looked at
LEVELLED = 1.005  # largest error over levelled error at which to stop


@dataclass(frozen=True)
class Ratio:
    """A rational function, coefficients from the constant term up."""

    numerator: list[Real]
    denominator: list[Real]

    def __call__(self, u: Real) -> Real:
        """Returns the ratio at `u`."""
        return rational.horner(self.numerator, u) / rational.horner(
            self.denominator, u
        )


def value_ratio(u: Real) -> Real:
    """Returns `G(u) / u`, the function that P/Q approximates."""
    if u == 0:
        return 2 / mp.sqrt(mp.pi)
    return mp.erf(mp.log1p(u)) / u


def density_ratio(u: Real) -> Real:
    """Returns `D(u) / u`, the function that S/V approximates."""
    s = mp.log1p(u)
    return 2 / mp.sqrt(mp.pi) * mp.exp(-s * s) / (1 + u)


def value_weight(u: Real) -> Real:
    """Returns the weight that makes the error of P/Q one relative to `G`."""
    return 1 / value_ratio(u)


def density_weight(u: Real) -> Real:
    """Returns the weight of S/V: error of `x D` relative to `|G| + |x D|`.

    Near x = 0, where `x D` vanishes, the error is weighted as at |x| = 1/2.
    """
    size = max(abs(mp.log(u)), mp.mpf("0.5")) if u else mp.inf
    if mp.isinf(size):
        return 1 / density_ratio(u)
    return size / (value_ratio(u) + size * density_ratio(u))


def minimax(
    function: Function,
    weight: Function,
    degrees: tuple[int, int],
    bound: float,
) -> Ratio:
    """Fits the best rational function on `0 <= u <= e^bound`.

    Args:
        function: The function of `u` to fit.
        weight: Factor of the error at `u`; positive.
        degrees: Degree of the numerator and of the denominator.
        bound: The largest `x = log(u)`.

    Returns:
        The `Ratio` with the smallest largest weighted error, its denominator's
        constant term scaled to 1.

    Raises:
        ArithmeticError: If the exchange fails to converge.
    """
    count = sum(degrees) + 2
    reference = [round(GRID * i / (count - 1)) for i in range(count)]
    end, step = -0.5, 0.5
    fitted, reference = _exchange(function, weight, degrees, end, reference)
    while end < bound:
        longer = min(bound, end + step)
        try:
            fitted, reference = _exchange(
                function, weight, degrees, longer, reference
            )
            end = longer
        except ArithmeticError:
            step /= 2
            if step < 0.01:
                raise
    return fitted


def _exchange(
    function: Function,
    weight: Function,
    degrees: tuple[int, int],
    bound: float,
    reference: list[int],
) -> tuple[Ratio, list[int]]:
    grid = points(bound, GRID)
    f = [function(u) for u in grid]
    w = [weight(u) for u in grid]
    for _ in range(40):
        level, ratio = _levelled(
            [grid[i] for i in reference],
            [f[i] for i in reference],
            [w[i] for i in reference],
            degrees,
        )
        if min(rational.horner(ratio.denominator, u) for u in grid) <= 0:
            raise ArithmeticError("pole inside the interval")
        error = [w[i] * (ratio(u) - f[i]) for i, u in enumerate(grid)]
        reference = _alternation(error, len(reference))
        if max(map(abs, error)) < LEVELLED * abs(level):
            return ratio, reference
    raise ArithmeticError("no convergence")


def points(bound: float, intervals: int) -> list[Real]:
    """Returns points of `0 <= u <= e^bound`, Chebyshev-spaced in log(1 + u)."""
    end = mp.log1p(mp.exp(bound))
    return [
        mp.expm1(end * (1 - mp.cos(mp.pi * k / intervals)) / 2)
        for k in range(intervals + 1)
    ]


def _levelled(
    u: list[Real], f: list[Real], w: list[Real], degrees: tuple[int, int]
) -> tuple[Real, Ratio]:
    """Returns the ratio whose weighted errors at `u` are +-level in turn."""
    n, m = degrees
    count = n + m + 2
    scale = max(u)
    powers = mp.matrix(count, max(n, m) + 1)
    for i in range(count):
        for k in range(max(n, m) + 1):
            powers[i, k] = (u[i] / scale) ** k
    # numerator = (f - level * sign/w) * denominator: project the numerator's
    # powers out, and the denominator is an eigenvector.
    basis, _ = mp.qr(powers[:, : n + 1], mode="full")
    rest = basis[:, n + 1 : count].T
    sign = [(-1) ** i / w[i] for i in range(count)]
    plain, signed = mp.matrix(count, m + 1), mp.matrix(count, m + 1)
    for i in range(count):
        for k in range(m + 1):
            plain[i, k] = f[i] * powers[i, k]
            signed[i, k] = sign[i] * powers[i, k]
    values, vectors = mp.eig((rest * plain) ** -1 * (rest * signed))
    for j, value in enumerate(values):
        if abs(mp.im(value)) > abs(value) * mp.mpf(10) ** -20:
            continue
        level = -1 / mp.re(value)
        q = [mp.re(vectors[k, j] / vectors[0, j]) for k in range(m + 1)]
        at = [
            sum(q[k] * powers[i, k] for k in range(m + 1)) for i in range(count)
        ]
        if min(at) > 0:
            target = [(f[i] + level * sign[i]) * at[i] for i in range(n + 1)]
            p = mp.lu_solve(powers[: n + 1, : n + 1], mp.matrix(target))
            return level, Ratio(
                [p[k] / scale**k for k in range(n + 1)],
                [q[k] / scale**k for k in range(m + 1)],
            )
    raise ArithmeticError("no levelled ratio without a pole")


def _alternation(error: list[Real], count: int) -> list[int]:
    """Returns `count` grid indices of largest error with alternating signs."""
    peaks = [0]
    for i, e in enumerate(error):
        if (e >= 0) != (error[peaks[-1]] >= 0):
            peaks.append(i)
        elif abs(e) > abs(error[peaks[-1]]):
            peaks[-1] = i
    if len(peaks) < count:
        raise ArithmeticError("too few alternations")
    while len(peaks) > count:
        ends = (0, -1)
        peaks.pop(min(ends, key=lambda k: abs(error[peaks[k]])))
    return peaks


def value_table(
    degrees: tuple[int, int], bound: float
) -> dict[str, list[Real]]:
    """Returns the coefficients M, R and Q of the value."""
    fitted = minimax(value_ratio, value_weight, degrees, bound)
    p, q = fitted.numerator, fitted.denominator
    p = p + [mp.mpf(0)] * (len(q) - len(p))
    below = [a - mp.mpf(rational.BASE) * b for a, b in zip(p, q, strict=True)]
    above = [b - a for a, b in zip([mp.mpf(0), *p], q, strict=False)]
    return {"below": below, "above": above, "denominator": q}


def density_table(
    degrees: tuple[int, int], bound: float
) -> dict[str, list[Real]]:
    """Returns the coefficients S and V of the derivative's second term.

    The ratio is scaled so that both constant terms are integers, which float32
    holds exactly: for very negative x nothing but their quotient is left.
    """
    fitted = minimax(density_ratio, density_weight, degrees, bound)
    s, v = fitted.numerator, fitted.denominator
    exact = Fraction(mp.nstr(s[0] / v[0], 30)).limit_denominator(2**17)
    return {
        "numerator": [a / s[0] * exact.numerator for a in s],
        "denominator": [a / v[0] * exact.denominator for a in v],
    }


def rounded(table: dict[str, list[Real]]) -> dict[str, tuple[float, ...]]:
    """Rounds every coefficient to float32."""
    return {
        name: tuple(float(np.float32(float(a))) for a in coefficients)
        for name, coefficients in table.items()
    }


def certify(intervals: int = 20_000) -> dict[str, float]:
    """Measures the error of the tables in `rational.py` in exact arithmetic.

    Args:
        intervals: Between how many points the error is looked at.

    Returns:
        The largest relative error of `G` for x <= 0 and for x > 0, and the
        largest error of `x D` relative to `|G| + |x D|`, over
        `-infinity < x <= BOUND`. Rounding in the evaluation is not in it.
    """
    with mp.workdps(DIGITS):
        value, density = rational.VALUE, rational.DENSITY
        worst = {"G, x <= 0": 0.0, "G, x > 0": 0.0, "x D": 0.0}
        for u in points(rational.BOUND, intervals):
            exact = value_ratio(u)
            q = rational.horner(value.denominator, u)
            if u <= 1:
                below = rational.horner(value.below, u) / q
                error, name = (rational.BASE + below) / exact - 1, "G, x <= 0"
            else:
                above = rational.horner(value.above, u) / q
                error, name = (1 - above) / (u * exact) - 1, "G, x > 0"
            worst[name] = max(worst[name], float(abs(error)))
            ratio = Ratio([*density.numerator], [*density.denominator])
            error = density_weight(u) * (ratio(u) - density_ratio(u))
            worst["x D"] = max(worst["x D"], float(abs(error)))
    return worst


def source() -> str:
    """Fits all tables and returns them as the lines of `rational.py`."""
    with mp.workdps(DIGITS):
        value = rounded(value_table((5, 6), rational.BOUND))
        density = rounded(density_table((4, 8), rational.BOUND))
    lines = []
    for name, kind, table in (
        ("VALUE", "Value", value),
        ("DENSITY", "Density", density),
    ):
        lines.append(f"{name} = {kind}(\n")
        for key, coefficients in table.items():
            lines.append(f"    {key}=(\n")
            lines.extend(f"        {a!r},\n" for a in coefficients)
            lines.append("    ),\n")
        lines.append(")\n")
    return "".join(lines)


def rewritten(text: str, tables: str) -> str:
    """Returns the text of `rational.py` with `tables` between its markers."""
    begin, end = "# Tables, written by fit.py\n", "# End of tables\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"Expected one block between {begin!r} and {end!r}.")
    return pattern.sub(lambda _: begin + tables + end, text)


def main() -> None:
    """Rewrites the tables, or with `--certify` measures them as they are."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--certify",
        action="store_true",
        help="only measure the error of the tables as they are",
    )
    if not parser.parse_args().certify:
        path = Path(rational.__file__)
        path.write_text(rewritten(path.read_text("utf-8"), source()), "utf-8")
        print(f"rewrote {path.name}; run again with --certify to measure it")
        return
    for name, error in certify().items():
        print(f"{name}: {error:.3g} = {error * 2**23:.2f} * 2^-23")


if __name__ == "__main__":
    main()

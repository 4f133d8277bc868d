"""Computes the coefficient tables of `polynomial.py` and certifies them.

Run it manually: `python -m keras_serf.kernels.fit` fits in 40 digits with
mpmath, rounds the coefficients to float32 and rewrites the tables in place. The
result is the same on every machine. It needs the `test` extra.

With s = softplus(x), G = erf(s) and D = (2 / sqrt(pi)) e^(-s^2) sigmoid(x),
Serf is f = x G and its derivative f' = G + x D. All fits are linear:

    G / u - BASE  ~  polynomial in u                       x <= 0
    f' / u        ~  polynomial in u + x polynomial in u   x <= 0
    G - 1         ~  e^(x (a + b x)) polynomial in x       0 < x <= BOUND
    f' - 1        ~  e^(x (a + b x)) polynomial in x       0 < x <= BOUND

Each family is a Chebyshev system, so the weighted error of the best fit
alternates, and the Remez exchange algorithm finds it (Cheney, Introduction to
Approximation Theory, 1966, chapter 3). With the weights used, the error of f is
relative to G, and the error of f' is relative to |G| + |x D|.
"""

import argparse
import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import mpmath as mp
import numpy as np

from keras_serf.kernels import polynomial
from keras_serf.kernels.polynomial import horner

Real: TypeAlias = Any  # mpmath.mpf, which has no types
Function = Callable[[Real], Real]

DIGITS = 40
GRID = 800  # number of intervals between the points of the grid
LEVELLED = 1.001  # stop at this ratio of largest error to levelled error

# e^x is 0 in float32 below this.
LOWEST = -104.0


def parts(x: Real) -> tuple[Real, Real]:
    """Returns G and D at `x`."""
    u = mp.exp(x)
    s = mp.log1p(u)
    d = 2 / mp.sqrt(mp.pi) * mp.exp(-s * s) * u / (1 + u)
    return mp.erf(s), d


def slope_and_size(x: Real) -> tuple[Real, Real]:
    """Returns f' and |G| + |x D| at `x`."""
    g, d = parts(x)
    return g + x * d, g + abs(x) * d


def below_points(intervals: int) -> list[Real]:
    """Returns points of x <= 0: Chebyshev-spaced in u, evenly in the tail."""
    tail = [
        LOWEST - (LOWEST + 8) * k / mp.mpf(intervals // 4)
        for k in range(intervals // 4)
    ]
    cosine = [
        mp.log((1 - mp.cos(mp.pi * k / intervals)) / 2)
        for k in range(1, intervals + 1)
    ]
    return tail + [x for x in cosine if x > tail[-1]]


def above_points(intervals: int) -> list[Real]:
    """Returns Chebyshev-spaced points of 0 <= x <= BOUND."""
    return [
        polynomial.BOUND * (1 - mp.cos(mp.pi * k / intervals)) / 2
        for k in range(intervals + 1)
    ]


class Fit:
    """A fit of a function by a combination of others, on a grid.

    Args:
        points: Points of the grid, ascending.
        basis: A Chebyshev system.
        function: The function to fit.
        weight: Positive factor of the error.
    """

    def __init__(
        self,
        points: Sequence[Real],
        basis: Sequence[Function],
        function: Function,
        weight: Function,
    ) -> None:
        self._rows = [[b(x) * weight(x) for b in basis] for x in points]
        self._wanted = [function(x) * weight(x) for x in points]

    def minimax(self) -> list[Real]:
        """Returns the coefficients that minimize the largest weighted error.

        Raises:
            ArithmeticError: If the Remez exchange does not converge.
        """
        count = len(self._rows[0]) + 1
        last = len(self._rows) - 1
        chosen = [round(last * k / (count - 1)) for k in range(count)]
        for _ in range(60):
            system = mp.matrix(
                [[*self._rows[i], (-1) ** k] for k, i in enumerate(chosen)]
            )
            wanted = mp.matrix([self._wanted[i] for i in chosen])
            *coefficients, level = mp.lu_solve(system, wanted)
            error = self.errors(coefficients)
            chosen = alternation(error, count)
            if max(map(abs, error)) < LEVELLED * abs(level):
                return coefficients
        raise ArithmeticError("the Remez exchange has not converged")

    def rounded(self) -> list[float]:
        """Returns nearly optimal coefficients in float32.

        Each is rounded to nearest. Then, as long as this reduces the largest
        error, one of them is moved to the next number above or below.
        """
        coefficients = [np.float32(float(a)) for a in self.minimax()]
        error = self.errors([mp.mpf(float(a)) for a in coefficients])
        least = max(map(abs, error))
        improved = True
        while improved:
            improved = False
            for k, end in itertools.product(
                range(len(coefficients)), (-np.inf, np.inf)
            ):
                moved = np.nextafter(coefficients[k], np.float32(end))
                step = mp.mpf(float(moved)) - mp.mpf(float(coefficients[k]))
                trial = [
                    e + step * row[k]
                    for e, row in zip(error, self._rows, strict=True)
                ]
                largest = max(map(abs, trial))
                if largest < least:
                    coefficients[k], error, least = moved, trial, largest
                    improved = True
        return [float(a) for a in coefficients]

    def errors(self, coefficients: Sequence[Real]) -> list[Real]:
        """Returns the weighted errors at the points."""
        return [
            mp.fdot(row, coefficients) - wanted
            for row, wanted in zip(self._rows, self._wanted, strict=True)
        ]


def alternation(error: Sequence[Real], count: int) -> list[int]:
    """Returns `count` indices of largest error with alternating signs."""
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


def value_tables(
    exponent: tuple[float, float], below: int, above: int
) -> dict[str, list[float]]:
    """Fits the tables of f with polynomials of these degrees."""

    def ratio(x: Real) -> Real:
        return parts(x)[0] / mp.exp(x)

    return {
        "exponent": list(exponent),
        "below": Fit(
            below_points(GRID),
            exponentials(below),
            lambda x: ratio(x) - mp.mpf(polynomial.BASE),
            lambda x: 1 / ratio(x),
        ).rounded(),
        "above": Fit(
            above_points(GRID),
            gaussians(exponent, above),
            lambda x: parts(x)[0] - 1,
            lambda x: 1 / parts(x)[0],
        ).rounded(),
    }


def slope_tables(
    exponent: tuple[float, float], constant: int, linear: int, above: int
) -> dict[str, list[float]]:
    """Fits the tables of f' with polynomials of these degrees."""
    below = Fit(
        below_points(GRID),
        exponentials(constant, polynomial.CENTRE)
        + times_x(exponentials(linear, polynomial.CENTRE)),
        lambda x: slope_and_size(x)[0] / mp.exp(x),
        lambda x: mp.exp(x) / slope_and_size(x)[1],
    ).rounded()
    return {
        "exponent": list(exponent),
        "constant": below[: constant + 1],
        "linear": below[constant + 1 :],
        "above": Fit(
            above_points(GRID),
            gaussians(exponent, above),
            lambda x: slope_and_size(x)[0] - 1,
            lambda x: 1 / slope_and_size(x)[1],
        ).rounded(),
    }


def exponentials(degree: int, centre: float = 0) -> list[Function]:
    """Returns 1, v, ..., v^degree as functions of `x`; v = e^x - centre."""

    def power(k: int) -> Function:
        return lambda x: (mp.exp(x) - mp.mpf(centre)) ** k

    return [power(k) for k in range(degree + 1)]


def times_x(functions: Sequence[Function]) -> list[Function]:
    """Returns each function multiplied by its argument."""

    def product(function: Function) -> Function:
        return lambda x: x * function(x)

    return [product(function) for function in functions]


def gaussians(exponent: tuple[float, float], degree: int) -> list[Function]:
    """Returns 1, x, ..., x^degree times e^(x (a + b x))."""
    a, b = map(mp.mpf, exponent)

    def term(k: int) -> Function:
        return lambda x: x**k * mp.exp(x * (a + b * x))

    return [term(k) for k in range(degree + 1)]


def certify(
    polynomials: polynomial.Polynomials, intervals: int = 4000
) -> dict[str, float]:
    """Measures the error of tables in exact arithmetic.

    Args:
        polynomials: The tables, such as `polynomial.SINGLE`.
        intervals: Number of intervals between the points of the grid.

    Returns:
        The largest error of f relative to |f| and of f' relative to
        |G| + |x D|, for x <= 0 and for x > 0, over -104 <= x <= BOUND, without
        the rounding errors of an evaluation.
    """
    f, df = polynomials.f, polynomials.df
    worst = dict.fromkeys(
        ("f, x <= 0", "f', x <= 0", "f, x > 0", "f', x > 0"), 0.0
    )

    def record(name: str, error: Real) -> None:
        worst[name] = max(worst[name], float(abs(error)))

    with mp.workdps(DIGITS):
        for x in below_points(intervals):
            u, (g, _), (derivative, size) = (
                mp.exp(x),
                parts(x),
                slope_and_size(x),
            )
            record(
                "f, x <= 0",
                u * (mp.mpf(polynomial.BASE) + horner(f.below, u)) / g - 1,
            )
            v = u - mp.mpf(polynomial.CENTRE)
            ours = u * (horner(df.constant, v) + x * horner(df.linear, v))
            record("f', x <= 0", (ours - derivative) / size)
        for x in above_points(intervals):
            (g, _), (derivative, size) = parts(x), slope_and_size(x)
            z = mp.exp(x * horner(f.exponent, x))
            record("f, x > 0", (1 + z * horner(f.above, x)) / g - 1)
            z = mp.exp(x * horner(df.exponent, x))
            record(
                "f', x > 0", (1 + z * horner(df.above, x) - derivative) / size
            )
    return worst


def tables() -> dict[str, dict[str, dict[str, list[float]]]]:
    """Fits all tables.

    A search over multiples of 1/64 found the exponents (a, b) with the smallest
    error at these degrees. With (0, -1), the polynomials in x would need degree
    10.
    """
    with mp.workdps(DIGITS):
        return {
            "SINGLE": {
                "f": value_tables((-116 / 64, -59.5 / 64), below=8, above=6),
                "df": slope_tables(
                    (-116 / 64, -59.5 / 64), constant=7, linear=4, above=8
                ),
            },
            "HALF": {
                "f": value_tables((-88 / 64, -60 / 64), below=6, above=4),
                "df": slope_tables(
                    (-54 / 64, -63 / 64), constant=4, linear=4, above=5
                ),
            },
        }


def source() -> str:
    """Fits all tables and returns them as the lines of `polynomial.py`."""
    lines = []
    for name, fields in tables().items():
        lines.append(f"{name} = Polynomials(\n")
        for (field, table), kind in zip(
            fields.items(), ("Value", "Derivative"), strict=True
        ):
            lines.append(f"    {field}={kind}(\n")
            for key, coefficients in table.items():
                if key == "exponent":
                    lines.append(f"        {key}={tuple(coefficients)!r},\n")
                    continue
                lines.append(f"        {key}=(\n")
                lines.extend(f"            {a!r},\n" for a in coefficients)
                lines.append("        ),\n")
            lines.append("    ),\n")
        lines.append(")\n")
    return "".join(lines)


def rewritten(text: str, lines: str) -> str:
    """Returns the text of `polynomial.py` with `lines` between its markers."""
    begin, end = "# Tables, written by fit.py\n", "# End of tables\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"Expected one block between {begin!r} and {end!r}.")
    return pattern.sub(lambda _: begin + lines + end, text)


def main() -> None:
    """Rewrites the tables, or measures the present ones with `--certify`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--certify",
        action="store_true",
        help="only measure the error of the present tables",
    )
    if not parser.parse_args().certify:
        path = Path(polynomial.__file__)
        path.write_text(rewritten(path.read_text("utf-8"), source()), "utf-8")
        print(f"rewrote {path.name}; run again with --certify to measure it")
        return
    for title, polynomials in (
        ("float32", polynomial.SINGLE),
        ("float16 and bfloat16", polynomial.HALF),
    ):
        for name, error in certify(polynomials).items():
            print(f"{title}: {name}: {error:.3g} = {error * 2**23:.2f} * 2^-23")


if __name__ == "__main__":
    main()

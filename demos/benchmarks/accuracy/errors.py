"""The errors of one quantity: f, f' or f''."""

from dataclasses import dataclass
from typing import Self

QUANTITIES = ("value", "derivative", "second_derivative")
NEAR_ZERO = "near zero"  # The value again, at the smallest normal x.
SYMBOLS = {
    "value": "f",
    "derivative": "f′",
    "second_derivative": "f″",
    NEAR_ZERO: "f near 0",
}
# Of the figure: the interval of x, and in how many bins it is split.
SPAN, BINS = (-100.0, 20.0), 240


@dataclass(frozen=True)
class Errors:
    """The errors of one quantity on some numbers.

    Attributes:
        inputs: How many finite numbers were tried.
        error: The largest error of a finite result, in units.
        at: The number where it occurs.
        nonfinite: How many finite numbers gave NaN or an infinity.
        example: The smallest of them in size.
        flushed: The largest absolute error where units do not count, relative
            to the allowance.
        limits: The wrong results at -inf, inf and NaN.
        bins: The largest error in each bin of `SPAN`; empty without bins.
    """

    inputs: int = 0
    error: float = 0.0
    at: float | None = None
    nonfinite: int = 0
    example: float | None = None
    flushed: float = 0.0
    limits: tuple[str, ...] = ()
    bins: tuple[float, ...] = ()

    def __add__(self, other: Self) -> "Errors":
        """Returns the errors on the numbers of both."""
        worse = self if self.error >= other.error else other
        bins = self.bins or other.bins
        if self.bins and other.bins:
            bins = tuple(map(max, self.bins, other.bins))
        return Errors(
            inputs=self.inputs + other.inputs,
            error=worse.error,
            at=worse.at,
            nonfinite=self.nonfinite + other.nonfinite,
            example=min(
                (e for e in (self.example, other.example) if e is not None),
                key=abs,
                default=None,
            ),
            flushed=max(self.flushed, other.flushed),
            limits=tuple(sorted({*self.limits, *other.limits})),
            bins=bins,
        )

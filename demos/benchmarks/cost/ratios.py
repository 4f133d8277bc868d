"""From times to medians and ratios."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from demos.benchmarks.cost.types import REFERENCES, Cell, Timing


@dataclass(frozen=True)
class Ratio:
    """Median and quartiles, over the rounds, of one time over another."""

    median: float = math.nan
    low: float = math.nan
    high: float = math.nan

    def __str__(self) -> str:
        if math.isnan(self.median):
            return ""
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


def ratio(times: Sequence[float], reference: Sequence[float]) -> Ratio:
    """Compares two activations of the same cell.

    Args:
        times: The times of one, in each round.
        reference: The times of the other, in the same rounds.

    Returns:
        Median and quartiles of the ratios, round by round.

    Example:

    >>> ratio([1.0, 9.0, 2.0], [2.0, 9.0, 2.0]).median
    1.0
    """
    ratios = np.divide(times, reference)
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    return Ratio(float(median), float(low), float(high))


def tabulate(timings: Sequence[Timing]) -> pd.DataFrame:
    """Makes a table of times and ratios.

    Args:
        timings: The times in all cells.

    Returns:
        A row for each timing: the cell's `backend`, `work`, `mode`, `dtype` and
        `size`, `activation`, `rounds`, `seconds` (median) with its quartiles
        `seconds_q1` and `seconds_q3`, `nanoseconds` per element, and for each
        of `REFERENCES` the ratio `of <name>` with its quartiles; NaN where the
        reference was not measured.
    """
    by_cell: dict[Cell, dict[str, Timing]] = {}
    for timing in timings:
        by_cell.setdefault(timing.cell, {})[timing.activation] = timing
    rows = []
    for timing in timings:
        low, median, high = np.quantile(timing.seconds, (0.25, 0.5, 0.75))
        size = timing.cell.size
        row = {
            **asdict(timing.cell),
            "activation": timing.activation,
            "rounds": len(timing.seconds),
            "seconds": median,
            "seconds_q1": low,
            "seconds_q3": high,
            "nanoseconds": 1e9 * median / size if size else math.nan,
        }
        for name in REFERENCES:
            other = by_cell[timing.cell].get(name)
            found = ratio(timing.seconds, other.seconds) if other else Ratio()
            row[f"of {name}"] = found.median
            row[f"of {name} q1"] = found.low
            row[f"of {name} q3"] = found.high
        rows.append(row)
    return pd.DataFrame(rows)

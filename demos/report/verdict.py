"""How a verdict is reached: simultaneous intervals, a margin and five words.

These are functions of arrays whose last axis is the seeds, so that a simulation
can judge thousands of studies at once. A difference is (reference - other),
paired by seed and signed so that positive is better for the reference.

With K comparisons in a study, each has a t interval at level 1 - 0.05 / K and a
p-value multiplied by K (Bonferroni): the intervals cover all true differences
in at least 95% of studies, an interval excludes 0 exactly where p < 0.05, and
the probability of any wrong word is at most 5%. That is so for normal, skewed,
heavy-tailed and bounded scores (simulated); with three seeds and ten
activations of which each fails to learn in a fifth of its trials it is 6%.
"""

import bisect
import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

ALPHA = 0.05
CONFIDENCE = 1 - ALPHA
LEAST_SEEDS = 3  # With 2, the interval is 13 to 60 times as wide as the spread.
MOST_SEEDS = 10_000  # Beyond, "how many" is of no interest.
# A spread below this share of the differences is rounding errors.
ROUNDING = 1e-9

BETTER = "better"
WORSE = "worse"
EQUIVALENT = "equivalent"
INCONCLUSIVE = "inconclusive"
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Estimate:
    """Mean differences with simultaneous intervals.

    There is neither interval nor test (NaN) below three seeds, or where all
    seeds have the same difference.

    Attributes:
        mean: Mean over the seeds.
        half_width: Half the width of the interval around it.
        p: Two-sided p-value of a mean of 0, adjusted.
        deviation: Standard deviation over the seeds; NaN below two.
    """

    mean: np.ndarray
    half_width: np.ndarray
    p: np.ndarray
    deviation: np.ndarray


def estimate(differences: np.ndarray, family: int = 1) -> Estimate:
    """Estimates mean differences.

    Args:
        differences: Shape `(..., seeds)`.
        family: Number K of comparisons that are made together.

    Example:

    >>> one = estimate(np.array([1.0, 2.0, 3.0]))
    >>> round(float(one.mean), 3), round(float(one.half_width), 3)
    (2.0, 2.484)
    """
    seeds = differences.shape[-1]
    mean = differences.mean(axis=-1)
    if seeds < 2:
        none = np.full_like(mean, math.nan)
        return Estimate(mean, none, none, none)
    deviation = differences.std(axis=-1, ddof=1)
    size = np.abs(differences).max(axis=-1)
    tested = (deviation > ROUNDING * size) & (seeds >= LEAST_SEEDS)
    error = np.where(tested, deviation, math.nan) / math.sqrt(seeds)
    p = 2 * stats.t.sf(np.abs(mean) / error, seeds - 1)
    return Estimate(
        mean,
        _critical(seeds, family) * error,
        np.minimum(1, family * p),
        deviation,
    )


def learned(scores: np.ndarray, baseline: float, family: int) -> np.ndarray:
    """Tells whether models beat the trivial baseline.

    From three seeds on, the lower limit of a one-sided 95% interval must; one
    alone is no evidence.

    Args:
        scores: Shape `(..., seeds)`, higher is better.
        baseline: Score of the baseline.
        family: Number of activations that are asked about.
    """
    seeds = scores.shape[-1]
    limit = scores.mean(axis=-1)
    if seeds >= LEAST_SEEDS:
        error = scores.std(axis=-1, ddof=1) / math.sqrt(seeds)
        limit = limit - stats.t.ppf(1 - ALPHA / family, seeds - 1) * error
    return limit > baseline


def words(
    estimates: Estimate, margin: float, trained: np.ndarray | bool = True
) -> np.ndarray:
    """Judges differences.

    Args:
        estimates: Of shape `(...)`.
        margin: The smallest difference that matters; 0 for any.
        trained: Whether one of the two activations has learned something.

    Returns:
        Strings of shape `(...)`: "equivalent", where the interval lies within
        the margin; else "better" or "worse", where it excludes 0; else
        "inconclusive". "untrained" where neither has learned.

    Example:

    >>> one = estimate(np.array([[0.2, 0.3, 0.4], [2.0, 3.0, 4.0]]))
    >>> words(one, margin=1.0).tolist()
    ['equivalent', 'better']
    """
    low = estimates.mean - estimates.half_width
    high = estimates.mean + estimates.half_width
    return np.select(
        [
            ~np.broadcast_to(trained, low.shape),
            (-margin < low) & (high < margin),
            low > 0,
            high < 0,
        ],
        [UNTRAINED, EQUIVALENT, BETTER, WORSE],
        INCONCLUSIVE,
    )


def seeds_for(margin: float, deviation: float, family: int) -> int | None:
    """Computes how many seeds make the half-width at most the margin.

    It depends on the measured spread alone: planning by the measured
    difference would raise the error rate.

    Args:
        margin: Above 0.
        deviation: Standard deviation of the differences over the seeds.
        family: Number of comparisons that are made together.

    Returns:
        The number, three at least; None if 10,000 are not enough.

    Example:

    >>> seeds_for(margin=0.01, deviation=0.01, family=1)
    7
    """
    numbers = range(LEAST_SEEDS, MOST_SEEDS + 1)
    place = bisect.bisect_left(
        numbers,
        -margin,
        key=lambda n: -_critical(n, family) * deviation / math.sqrt(n),
    )
    return numbers[place] if place < len(numbers) else None


def adjusted(p: float, family: int) -> float:
    """Adjusts a p-value for the number of comparisons; NaN stays NaN."""
    return float(np.minimum(1, family * p))


def _critical(seeds: int, family: int) -> float:
    return float(stats.t.ppf(1 - ALPHA / (2 * family), seeds - 1))

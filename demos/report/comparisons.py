"""Paired comparisons over the seeds: the reference against the others.

The seed is the unit of replication, so that a test has one number for each.
Scores of one seed at several levels (2 and 4 layers, say) share initial weights
and data: they are averaged, never counted as further replications.
"""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any
from typing import TypeVar

import numpy as np

from demos.report import statistics
from demos.report.statistics import ALPHA
from demos.report.trials import ROUNDING
from demos.report.trials import activations_of
from demos.report.trials import complete
from demos.report.trials import differences
from demos.report.trials import levels_of
from demos.report.trials import numeric
from demos.report.trials import varied
from demos.study.trial import TrialRecord


@dataclass(frozen=True)
class Comparison:
    """The reference against another, on the seeds that both finished.

    Attributes:
        other: The other activation.
        difference: Mean of (reference - other) over those seeds.
        half_width: Half the width of its 95% t interval, for this comparison
            alone; NaN below two seeds.
        deviation: Standard deviation of (reference - other) over the seeds;
            NaN below two.
        effect: Difference in units of that deviation: `effect_size`.
        p: p-value of the paired t-test, after Holm's correction; NaN where
            there is no test: below three seeds, or the same difference on every
            seed.
        seeds: Number of seeds.
        level: The level that this holds for; empty for the mean over all.
    """

    other: str
    difference: float
    half_width: float
    deviation: float
    effect: float
    p: float
    seeds: int
    level: Mapping[str, Any] = field(default_factory=dict)

    @property
    def significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < ALPHA


@dataclass(frozen=True)
class Interaction:
    """Whether (reference - other) depends on another setting.

    Attributes:
        other: The other activation.
        setting: Name of the setting.
        trend: Mean change of (reference - other) from one value of it to the
            next; NaN where the values have no order.
        p: After Holm's correction; NaN where there is no test.
        seeds: Number of seeds that finished every trial of both.
    """

    other: str
    setting: str
    trend: float
    p: float
    seeds: int

    @property
    def significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < ALPHA


Tested = TypeVar("Tested", Comparison, Interaction)


def compare(
    results: Sequence[TrialRecord], metric: str, reference: str
) -> list[Comparison]:
    """Tests a reference against each other activation, seed by seed.

    Where something else was varied too, a seed's score is its mean over all
    levels, and only seeds that finished all of them count.

    Args:
        results: Records of all trials, failed ones too.
        metric: Name of the metric.
        reference: Name of the reference.

    Returns:
        One comparison for each other activation that shares a seed: two-sided
        paired t-tests, Holm's correction for their number.
    """
    return _adjusted(
        [
            _compared(other, complete(values).mean(axis=1), {})
            for other, values in _against(results, metric, reference).items()
            if len(complete(values))
        ]
    )


def compare_levels(
    results: Sequence[TrialRecord], metric: str, reference: str
) -> list[Comparison]:
    """Tests a reference against each other activation, level by level.

    Args:
        results: Records of all trials, failed ones too.
        metric: Name of the metric.
        reference: Name of the reference.

    Returns:
        One comparison for each level and other activation that share a seed;
        Holm's correction for the number of them all. None where nothing but
        the activation was varied.
    """
    if not varied(results):
        return []
    against = _against(results, metric, reference)
    return _adjusted(
        [
            _compared(other, values[~np.isnan(values[:, i]), i], level)
            for i, level in enumerate(levels_of(results))
            for other, values in against.items()
            if not np.isnan(values[:, i]).all()
        ]
    )


def interactions(
    results: Sequence[TrialRecord], metric: str, reference: str
) -> list[Interaction]:
    """Tests whether the reference's lead depends on what else was varied.

    For each seed, (reference - other) is averaged over the levels of further
    settings. If the values are numbers, or two, the least-squares slope over
    their ranks is tested: a t-test over the seeds. Otherwise it is the
    interaction of a two-way analysis of variance with repeated measures, which
    is that of the differences over the values, one way.

    Args:
        results: Records of all trials, failed ones too.
        metric: Name of the metric.
        reference: Name of the reference.

    Returns:
        One for each varied setting and other activation that share a seed with
        every level; Holm's correction for their number.
    """
    levels = levels_of(results)
    tests = []
    for name, values in varied(results).items():
        ordered = numeric(values) or len(values) == 2
        for other, table in _against(results, metric, reference).items():
            rows = complete(table)
            if not len(rows):
                continue
            means = np.stack(
                [
                    rows[:, [level[name] == value for level in levels]]
                    for value in values
                ],
                axis=1,
            ).mean(axis=2)
            if ordered:
                slopes = np.polyfit(range(len(values)), means.T, 1)[0]
                slopes[np.abs(slopes) < ROUNDING * np.abs(means).max()] = 0
                trend, p = float(slopes.mean()), statistics.t_test(slopes)
            else:
                trend, p = math.nan, statistics.repeated_measures(means)
            tests.append(Interaction(other, name, trend, p, len(rows)))
    return _adjusted(tests)


def _against(
    results: Sequence[TrialRecord], metric: str, reference: str
) -> dict[str, np.ndarray]:
    return {
        other: differences(results, metric, reference, other)
        for other in activations_of(results)
        if other != reference
    }


def _compared(
    other: str, values: np.ndarray, level: Mapping[str, Any]
) -> Comparison:
    mean, half_width = statistics.interval(values)
    return Comparison(
        other,
        mean,
        half_width,
        float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
        statistics.effect_size(values),
        statistics.t_test(values),
        len(values),
        level,
    )


def _adjusted(tests: Sequence[Tested]) -> list[Tested]:
    adjusted = statistics.holm([test.p for test in tests])
    return [replace(t, p=p) for t, p in zip(tests, adjusted, strict=True)]

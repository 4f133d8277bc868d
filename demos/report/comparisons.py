"""Paired comparisons of a study: the reference against the others.

The seed is the unit of replication, so that a test has one number for each.
Scores of one seed at several levels (2 and 4 layers, say) share initial weights
and data: they are averaged, never counted as further replications.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from demos.report import verdict
from demos.report.statistics import repeated_measures
from demos.report.trials import (
    REFERENCE,
    activations_of,
    complete,
    differences,
    finished,
    levels_of,
    numeric,
    reference_of,
    scores,
    varied,
)
from demos.report.types import Baselines, Metric
from demos.study.trial import TrialRecord

SHARE_MARGIN = 0.01  # One point of a score in percent.
LOSS_MARGIN = 0.05  # Share of the trivial baseline's loss.


@dataclass(frozen=True)
class Comparison:
    """The reference against another, on the seeds that both finished.

    Attributes:
        other: The other activation.
        word: The verdict: better, worse, equivalent, inconclusive or untrained.
        values: The difference at each seed, positive if the reference is
            better.
        mean: Mean of the values; NaN without a seed.
        half_width: Half the width of its simultaneous 95% interval; NaN below
            three seeds, or where all values are the same.
        p: Adjusted p-value of the paired t-test; NaN where there is no
            interval.
        seeds_for_margin: How many seeds would make the half-width as small as
            the margin; None if that is not known, or over 10,000.
        level: The level that this holds for; empty for the mean over all.
    """

    other: str
    word: str
    values: tuple[float, ...]
    mean: float
    half_width: float
    p: float
    seeds_for_margin: int | None
    level: Mapping[str, Any] = field(default_factory=dict)

    @property
    def low(self) -> float:
        """Lower limit of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper limit of the interval."""
        return self.mean + self.half_width


@dataclass(frozen=True)
class Interaction:
    """Whether the difference depends on another setting.

    Attributes:
        other: The other activation.
        setting: Name of the setting.
        slope: Least-squares slope of the difference over the ranks of its
            values; NaN where the values have no order.
        p: Adjusted p-value; NaN where there is no test.
        extreme: The value whose difference is the farthest from the others';
            None where there are two.
        p_without: Adjusted p-value without that value.
        seeds: Number of seeds that finished every trial of both.
    """

    other: str
    setting: str
    slope: float
    p: float
    extreme: Any
    p_without: float
    seeds: int

    @property
    def significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < verdict.ALPHA


@dataclass(frozen=True)
class Analysis:
    """All comparisons of a study.

    Attributes:
        metric: The metric compared.
        reference: The activation that is compared with each other one.
        margin: The smallest difference that matters; 0 where none is known.
        baseline: Name of the trivial baseline; "" without one.
        learned: Whether each activation that finished beats it; empty without
            one.
        comparisons: One for each other activation; means over the levels.
        levels: One for each level and other activation; empty where nothing but
            the activation was varied.
        interactions: One for each varied setting and other activation that
            shares a seed with every level.
    """

    metric: Metric
    reference: str
    margin: float
    baseline: str
    learned: Mapping[str, bool]
    comparisons: tuple[Comparison, ...]
    levels: tuple[Comparison, ...]
    interactions: tuple[Interaction, ...]

    @property
    def verdicts(self) -> dict[str, str]:
        """The word on each other activation."""
        return {c.other: c.word for c in self.comparisons}


def analyze(
    results: Sequence[TrialRecord],
    metric: Metric,
    baselines: Baselines,
    reference: str = REFERENCE,
    margin: float | None = None,
    studies: int = 1,
) -> Analysis:
    """Compares the reference with each other activation, seed by seed.

    Args:
        results: Records of all trials, failed ones too; at least one finished.
        metric: The metric to compare.
        baselines: Metrics by name; the first baseline is the trivial one.
        reference: The reference; the first activation if it did not finish.
        margin: The smallest difference that matters; None for the metric's.
        studies: Number of studies whose comparisons are made together.
    """
    reference = reference_of(results, reference)
    name = next((n for n, m in baselines.items() if metric.key in m), "")
    trivial = baselines[name][metric.key] if name else math.nan
    if margin is None:
        margin = _margin(metric, trivial)
    learned = _learned(results, metric, trivial) if name else {}
    against = {
        other: metric.sign * differences(results, metric.key, reference, other)
        for other in activations_of(results)
        if other != reference
    }

    def compared(
        other: str, values: np.ndarray, family: int, level: Mapping[str, Any]
    ) -> Comparison:
        trained = not name or any(
            learned.get(activation, False) for activation in (reference, other)
        )
        return _compare(other, values, family, margin, trained, level)

    levels = levels_of(results)
    family = len(against) * studies
    return Analysis(
        metric,
        reference,
        margin,
        name,
        learned,
        tuple(
            compared(other, complete(table).mean(axis=1), family, {})
            for other, table in against.items()
        ),
        tuple(
            compared(
                other,
                table[~np.isnan(table[:, i]), i],
                family * len(levels),
                level,
            )
            for i, level in enumerate(levels)
            for other, table in against.items()
            if level
        ),
        _interactions(against, levels, varied(results), studies),
    )


def _margin(metric: Metric, trivial: float) -> float:
    if metric.margin is not None:
        return metric.margin
    if metric.higher_is_better:
        return SHARE_MARGIN
    return 0.0 if math.isnan(trivial) else LOSS_MARGIN * abs(trivial)


def _learned(
    results: Sequence[TrialRecord], metric: Metric, trivial: float
) -> dict[str, bool]:
    names = activations_of(finished(results))
    means = {
        name: complete(scores(results, metric.key, name)).mean(axis=1)
        for name in names
    }
    return {
        name: bool(
            verdict.learned(
                metric.sign * values, metric.sign * trivial, len(names)
            )
        )
        for name, values in means.items()
        if len(values)
    }


def _compare(
    other: str,
    values: np.ndarray,
    family: int,
    margin: float,
    trained: bool,
    level: Mapping[str, Any],
) -> Comparison:
    if not len(values):
        none = math.nan
        word = verdict.INCONCLUSIVE
        return Comparison(other, word, (), none, none, none, None, level)
    estimate = verdict.estimate(values, family)
    half_width, deviation = map(
        float, (estimate.half_width, estimate.deviation)
    )
    return Comparison(
        other,
        str(verdict.words(estimate, margin, trained)),
        tuple(values.tolist()),
        float(estimate.mean),
        half_width,
        float(estimate.p),
        None
        if math.isnan(half_width) or not margin
        else verdict.seeds_for(margin, deviation, family),
        level,
    )


def _interactions(
    against: Mapping[str, np.ndarray],
    levels: Sequence[Mapping[str, Any]],
    choices: Mapping[str, Sequence[Any]],
    studies: int,
) -> tuple[Interaction, ...]:
    """Tests whether differences depend on what else was varied.

    For each seed, differences are averaged over the levels of further settings.
    If the values of the setting are numbers, or two, the slope over their ranks
    is tested: a t-test over the seeds. Otherwise it is the interaction of a
    two-way analysis of variance with repeated measures, which is that of the
    differences over the values, one way.
    """
    family = len(against) * len(choices) * studies
    tests = []
    for name, values in choices.items():
        ordered = numeric(values) or len(values) == 2
        for other, table in against.items():
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
            slope, p = _dependence(means, ordered, family)
            extreme, p_without = None, math.nan
            if len(values) > 2:
                average = means.mean(axis=0)
                place = int(np.abs(average - np.median(average)).argmax())
                extreme = values[place]
                rest = np.delete(means, place, axis=1)
                _, p_without = _dependence(rest, ordered, family)
            tests.append(
                Interaction(
                    other, name, slope, p, extreme, p_without, len(rows)
                )
            )
    return tuple(tests)


def _dependence(
    means: np.ndarray, ordered: bool, family: int
) -> tuple[float, float]:
    """Returns the slope over ranks, or NaN, and p; `(seeds, values)`."""
    if not ordered and means.shape[1] > 2:
        return math.nan, verdict.adjusted(repeated_measures(means), family)
    slopes = np.polyfit(range(means.shape[1]), means.T, 1)[0]
    slopes[np.abs(slopes) < 1e-12 * np.abs(means).max()] = 0
    estimate = verdict.estimate(slopes, family)
    slope = float(estimate.mean) if ordered else math.nan
    return slope, float(estimate.p)

"""Paired comparisons of a study: the reference against the others.

The seed is the unit of replication: a test uses one number per seed. Scores of
one seed at several levels (for example 2 and 4 layers) share initial weights
and data, so they are averaged and not counted as further replications.
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
LOSS_MARGIN = 0.05  # Fraction of the trivial baseline's loss.


@dataclass(frozen=True)
class Comparison:
    """The reference against another, on the seeds that both finished.

    Attributes:
        other: The other activation.
        word: The verdict: better, worse, equivalent, inconclusive or untrained.
        values: The difference at each seed, positive if the reference is
            better.
        mean: Mean of the values; NaN without seeds.
        half_width: Half-width of the simultaneous 95% interval; NaN with fewer
            than three seeds, or if all values are equal.
        p: Adjusted p-value of the paired t-test; NaN without an interval.
        seeds_for_margin: Number of seeds that would reduce the half-width to
            the margin; None if it is unknown or over 10,000.
        level: The level compared; empty for the mean over all levels.
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
        slope: Least-squares slope of the difference over the ranks of the
            values; NaN if the values have no order.
        p: Adjusted p-value; NaN without a test.
        extreme: The value whose difference is farthest from the others; None
            if there are only two values.
        p_without: Adjusted p-value without that value.
        seeds: Number of seeds for which both finished every trial.
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
        reference: The activation that is compared with each of the others.
        margin: The smallest difference that matters; 0 without a margin.
        baseline: Name of the trivial baseline; "" without one.
        learned: For each finished activation, whether it beats the baseline;
            empty without one.
        comparisons: One for each other activation; means over the levels.
        levels: One for each level and other activation; empty if only the
            activation was varied.
        interactions: One for each varied setting and other activation with a
            seed that has all levels.
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
        """The verdict on each other activation."""
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
        results: Records of all trials, including failed ones; at least one
            must have finished.
        metric: The metric to compare.
        baselines: Metrics by name; the first baseline is the trivial one.
        reference: The reference. If it did not finish, the first activation
            takes its place.
        margin: The smallest difference that matters; None for the metric's
            default.
        studies: Number of studies that are corrected together.
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
    """Tests whether differences depend on each varied setting.

    For each seed, differences are averaged over the levels of other settings.
    If the values are numbers, or there are two, a t-test over the seeds tests
    the slope over their ranks. Otherwise the test is the interaction of a
    two-way repeated-measures ANOVA, which equals a one-way ANOVA of the
    differences over the values.
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
    """Returns the slope over ranks (or NaN) and p of `(seeds, values)`."""
    if not ordered and means.shape[1] > 2:
        p = family * repeated_measures(means)
        return math.nan, float(np.minimum(1, p))  # NaN stays NaN.
    slopes = np.polyfit(range(means.shape[1]), means.T, 1)[0]
    slopes[np.abs(slopes) < 1e-12 * np.abs(means).max()] = 0
    estimate = verdict.estimate(slopes, family)
    slope = float(estimate.mean) if ordered else math.nan
    return slope, float(estimate.p)

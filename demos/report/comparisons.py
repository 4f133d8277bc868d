"""Is a difference more than chance? Paired statistics over the seeds.

A seed is what is repeated, so that a test has one number of each seed. What was
tried with one seed at several levels of another setting (2 and 4 layers, say)
shares its start and its data: those are averaged, never counted as further
repetitions.
"""

import bisect
import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from demos.study.trial import TrialRecord

CONFIDENCE = 0.95
ALPHA = 0.05
POWER = 0.8  # Cohen, Statistical Power Analysis, 2nd edition, 1988, 2.4.
LEAST_SEEDS = 3  # Of 2, one chance likeness makes a p of any smallness.
MOST_SEEDS = 10_000  # Beyond, "how many" is of no interest.
RESAMPLES = 9999
REFERENCE = "serf"
# Differences below this share of the scores are their rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Comparison:
    """The reference against another, on the seeds that both finished.

    Attributes:
        other: The other activation.
        difference: Mean of (reference - other) over those seeds.
        half_width: Of the 95% t interval around it, for this comparison alone;
            NaN below two seeds.
        deviation: Standard deviation of (reference - other) over the seeds;
            NaN below two.
        effect: Difference in units of that deviation: `effect_size`.
        p: Of the paired t-test, after Holm's correction; NaN where there is
            no test: below three seeds, or the same difference on every seed.
        seeds: How many.
        level: Of what else was varied, the values that this holds for; empty
            for the mean over all of them.
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
        """Whether chance explains the difference badly enough."""
        return self.p < ALPHA


@dataclass(frozen=True)
class Interaction:
    """Whether (reference - other) depends on another setting.

    Attributes:
        other: The other activation.
        setting: Name of what else was varied.
        trend: Mean change of (reference - other) from one value of it to the
            next; NaN where the values have no order.
        p: After Holm's correction; NaN where there is no test.
        seeds: How many finished every trial of both.
    """

    other: str
    setting: str
    trend: float
    p: float
    seeds: int

    @property
    def significant(self) -> bool:
        """Whether chance explains the dependence badly enough."""
        return self.p < ALPHA


@dataclass(frozen=True)
class Duel:
    """Two activations, trial against trial.

    Attributes:
        first: An activation.
        second: Another.
        wins: Trials in which the first scored better than the second with the
            same seed and settings.
        losses: Those in which it scored worse.
        ties: Those in which they scored the same.
        p: Of the paired t-test over the seeds, after Holm's correction for all
            pairs; NaN where there is no test.
    """

    first: str
    second: str
    wins: int
    losses: int
    ties: int
    p: float

    @property
    def significant(self) -> bool:
        """Whether chance explains the difference badly enough."""
        return self.p < ALPHA


def interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Computes a mean and half the width of its 95% interval.

    Args:
        values: A sample, assumed normal.

    Returns:
        The mean and t_{0.975, n-1} s / sqrt(n), s the sample's standard
        deviation; NaN instead of the latter when n = 1.

    Example:

    >>> mean, half_width = interval([1.0, 2.0, 3.0])
    >>> round(mean, 3), round(half_width, 3)
    (2.0, 2.484)
    """
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return mean, math.nan
    t = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)
    return mean, float(t * np.std(values, ddof=1) / math.sqrt(n))


def bootstrap(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Computes the 95% percentile bootstrap interval of a mean.

    It assumes no distribution, and pays for it: of few values it is too
    narrow. Of 3 it holds the true mean in about 3 of 4 studies, of 5 in 84 and
    of 10 in 91 of 100 (simulated, normal values). The t interval holds it in 95
    of 100 if the values are normal.

    Args:
        values: A sample.

    Returns:
        The interval's ends, the same in every run; NaN when n = 1.

    Example:

    >>> low, high = bootstrap([1.0, 2.0, 3.0])
    >>> low, high
    (1.0, 3.0)
    """
    if len(values) < 2:
        return math.nan, math.nan
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def effect_size(differences: Sequence[float] | np.ndarray) -> float:
    """Computes a paired difference in units of its own spread.

    Cohen's d_z, mean / standard deviation (Lakens, "Calculating and reporting
    effect sizes", 2013, eq. 7, https://doi.org/10.3389/fpsyg.2013.00863), times
    the factor that takes away its bias in small samples, with m = n - 1:
    gamma(m/2) / (sqrt(m/2) gamma((m-1)/2)) (Hedges, "Distribution theory for
    Glass's estimator of effect size", 1981, eq. 6e).

    Args:
        differences: Of each seed, one.

    Returns:
        The effect size; NaN below three seeds, or where nothing varies.

    Example:

    >>> round(effect_size([1.0, 2.0, 3.0, 4.0]), 3)
    1.401
    """
    m = len(differences) - 1
    if m < 2 or not varies(differences):
        return math.nan
    factor = math.exp(math.lgamma(m / 2) - math.lgamma((m - 1) / 2))
    d = np.mean(differences) / np.std(differences, ddof=1)
    return float(d * factor / math.sqrt(m / 2))


def varies(differences: Sequence[float] | np.ndarray) -> bool:
    """Says whether a sample has a spread that a test can be made with.

    Args:
        differences: At least one.

    Returns:
        False where they are the same to within rounding.
    """
    return bool(np.ptp(differences) > 1e-9 * np.max(np.abs(differences)))


def t_test(differences: Sequence[float] | np.ndarray) -> float:
    """Tests whether a mean is 0, two-sided.

    Args:
        differences: Of each seed, one.

    Returns:
        p; NaN below three seeds, or where nothing varies.
    """
    if len(differences) < LEAST_SEEDS or not varies(differences):
        return math.nan
    return float(np.asarray(stats.ttest_1samp(differences, 0.0))[1])


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p-values for their number, by Holm's method.

    Args:
        p_values: NaN for a test that could not be made.

    Returns:
        The corrected values, NaN where they were.
    """
    from statsmodels.stats.multitest import multipletests

    tested = [p for p in p_values if not math.isnan(p)]
    if len(tested) < 2:  # One needs no correction.
        return list(p_values)
    corrected = iter(np.asarray(multipletests(tested, method="holm")[1]))
    return [p if math.isnan(p) else float(next(corrected)) for p in p_values]


def power(effect: float, seeds: int, tests: int = 1) -> float:
    """Computes how likely a paired t-test sees an effect.

    Args:
        effect: Difference over its standard deviation.
        seeds: How many.
        tests: How many comparisons are made: the level is 0.05 over them, the
            first step of Holm's correction, which the smallest p must meet.

    Returns:
        The probability of p below that level, with the right sign.

    Example:

    >>> round(power(1.0, 10), 2)
    0.8
    """
    from statsmodels.stats.power import TTestPower

    # One tail at half the level: the other tail, which has next to no power,
    # is NaN in SciPy for effects that are large.
    found = TTestPower().power(
        abs(effect), seeds, ALPHA / tests / 2, alternative="larger"
    )
    # So is this one beyond about 38 standard errors, where power is all.
    return 1.0 if math.isnan(found) else float(found)


def seeds_needed(
    difference: float, deviation: float, tests: int = 1
) -> int | None:
    """Computes how many seeds see a difference with a power of 80%.

    Of a difference that was itself measured with few seeds this is a rough
    guide: it is as uncertain as the difference.

    Args:
        difference: Of two activations.
        deviation: Standard deviation of the difference over the seeds; above 0.
        tests: How many comparisons are made.

    Returns:
        The number, three at least; None if 10,000 are not enough.

    Example:

    >>> seeds_needed(difference=0.01, deviation=0.01)
    10
    """
    numbers = range(LEAST_SEEDS, MOST_SEEDS + 1)
    found = bisect.bisect_left(
        numbers,
        POWER,
        key=lambda seeds: power(difference / deviation, seeds, tests),
    )
    return numbers[found] if found < len(numbers) else None


def visible_difference(deviation: float, seeds: int, tests: int = 1) -> float:
    """Computes the smallest difference seen with a power of 80%.

    Args:
        deviation: Standard deviation of the difference over the seeds.
        seeds: How many; three at least.
        tests: How many comparisons are made.

    Returns:
        The difference.

    Example:

    >>> round(visible_difference(deviation=0.01, seeds=10), 3)
    0.01
    """
    from scipy.optimize import brentq

    most = 1e6  # Standard deviations: ample even for three seeds.
    effect = brentq(lambda d: power(d, seeds, tests) - POWER, 0, most)
    return float(deviation * effect)


def activations_of(results: Sequence[TrialRecord]) -> list[str]:
    """Returns the activations compared.

    Args:
        results: Of all trials.

    Returns:
        Their names, in the order of first appearance.
    """
    return list(dict.fromkeys(r.settings["activation"] for r in results))


def finished(results: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Returns the trials that did not fail.

    Args:
        results: Of all trials.

    Returns:
        Those with scores.
    """
    return [result for result in results if not result.reason]


def reference_of(results: Sequence[TrialRecord]) -> str:
    """Returns whom a comparison is about.

    Args:
        results: Of all trials; at least one finished.

    Returns:
        serf, or the first activation that finished a trial where it did not.
    """
    names = activations_of(finished(results))
    return REFERENCE if REFERENCE in names else names[0]


def varied(results: Sequence[TrialRecord]) -> dict[str, list[Any]]:
    """Returns what was varied besides the activation.

    Args:
        results: Of all trials.

    Returns:
        By its name, the values of each setting that has more than one: numbers
        from low to high, others in the order of first appearance.

    Example:

    >>> results = [
    ...     TrialRecord({"activation": "serf", "layers": n, "heads": 1}, 0, "")
    ...     for n in (4, 2)
    ... ]
    >>> varied(results)
    {'layers': [2, 4]}
    """
    found = {
        name: list(dict.fromkeys(result.settings[name] for result in results))
        for name in results[0].settings
        if name != "activation"
    }
    return {
        name: sorted(values) if numeric(values) else values
        for name, values in found.items()
        if len(values) > 1
    }


def numeric(values: Sequence[Any]) -> bool:
    """Says whether values have an order and a distance.

    Args:
        values: Of a setting.

    Returns:
        Whether all are numbers.
    """
    return all(isinstance(value, int | float) for value in values)


def levels_of(results: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """Returns the combinations that were tried of what was varied.

    Args:
        results: Of all trials.

    Returns:
        Settings without the activation, in the order of `varied`; one that is
        empty where the activation alone was varied.
    """
    choices = varied(results)

    def order(level: Mapping[str, Any]) -> list[int]:
        return [choices[name].index(value) for name, value in level.items()]

    found = {
        tuple(level.items()): level
        for result in results
        for level in [{name: result.settings[name] for name in choices}]
    }
    return sorted(found.values(), key=order)


def scores(
    results: Sequence[TrialRecord], metric: str, activation: str
) -> np.ndarray:
    """Gathers the scores of an activation.

    Args:
        results: Of all trials, failed ones too.
        metric: Name of the metric.
        activation: Name of the activation.

    Returns:
        Shape `(seeds, levels)`: the seeds of `results` from low to high, the
        levels of `levels_of`; NaN where no trial was finished.
    """
    seeds = sorted({result.seed for result in results})
    levels = levels_of(results)
    found = np.full((len(seeds), len(levels)), math.nan)
    for result in finished(results):
        if result.settings["activation"] == activation:
            level = {name: result.settings[name] for name in levels[0]}
            place = seeds.index(result.seed), levels.index(level)
            found[place] = result.metrics[metric]
    return found


def differences(
    results: Sequence[TrialRecord], metric: str, first: str, second: str
) -> np.ndarray:
    """Subtracts the scores of two activations, seed by seed.

    Args:
        results: Of all trials, failed ones too.
        metric: Name of the metric.
        first: Name of an activation.
        second: Name of the one to subtract.

    Returns:
        Shape `(seeds, levels)`, as of `scores`; NaN where either has none.
    """
    ours = scores(results, metric, first)
    theirs = scores(results, metric, second)
    found = ours - theirs
    size = np.abs(ours) + np.abs(theirs)
    return np.where(np.abs(found) > ROUNDING * size, found, found * 0)


def whole(values: np.ndarray) -> np.ndarray:
    """Returns the seeds that have every level.

    Args:
        values: Shape `(seeds, levels)`, with NaN for what is missing.

    Returns:
        The rows without NaN.
    """
    return values[~np.isnan(values).any(axis=1)]


def compare(
    results: Sequence[TrialRecord], metric: str, reference: str
) -> list[Comparison]:
    """Tests a reference against each other activation, seed by seed.

    Where something else was varied too, a seed's score is its mean over all
    levels, and only seeds that finished all of them count.

    Args:
        results: Of all trials, failed ones too.
        metric: Name of the metric.
        reference: Name of the reference.

    Returns:
        One comparison for each other activation that shares a seed: two-sided
        paired t-tests, Holm's correction for their number.
    """
    return _corrected(
        [
            _compared(other, whole(values).mean(axis=1), {})
            for other, values in _against(results, metric, reference).items()
            if len(whole(values))
        ]
    )


def compare_levels(
    results: Sequence[TrialRecord], metric: str, reference: str
) -> list[Comparison]:
    """Tests a reference against each other activation, level by level.

    Args:
        results: Of all trials, failed ones too.
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
    return _corrected(
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

    Of each seed, (reference - other) is averaged over the levels of further
    settings. If the values are numbers, or two, the least-squares slope over
    their ranks is tested: a t-test over the seeds. Otherwise it is the
    interaction of a two-way analysis of variance with repeated measures, which
    is that of the differences over the values, one way, with Greenhouse and
    Geisser's correction.

    Args:
        results: Of all trials, failed ones too.
        metric: Name of the metric.
        reference: Name of the reference.

    Returns:
        One for each varied setting and other activation that share a seed with
        every level; Holm's correction for their number.
    """
    levels = levels_of(results)
    found = []
    for name, values in varied(results).items():
        ordered = numeric(values) or len(values) == 2
        for other, table in _against(results, metric, reference).items():
            complete = whole(table)
            if not len(complete):
                continue
            means = np.stack(
                [
                    complete[:, [level[name] == value for level in levels]]
                    for value in values
                ],
                axis=1,
            ).mean(axis=2)
            trend, p = math.nan, _repeated_measures(means)
            if ordered:
                slopes = np.polyfit(range(len(values)), means.T, 1)[0]
                slopes[np.abs(slopes) < ROUNDING * np.abs(means).max()] = 0
                trend, p = float(slopes.mean()), t_test(slopes)
            found.append(Interaction(other, name, trend, p, len(complete)))
    return [
        replace(interaction, p=p)
        for interaction, p in zip(
            found, holm([i.p for i in found]), strict=True
        )
    ]


def duels(
    results: Sequence[TrialRecord], metric: str, higher_is_better: bool = True
) -> list[Duel]:
    """Counts who scored better, of every two activations.

    Args:
        results: Of all trials, failed ones too.
        metric: Name of the metric.
        higher_is_better: Which way it is to go.

    Returns:
        One duel for each pair, in the order of `activations_of`.
    """
    names = activations_of(finished(results))
    sign = 1 if higher_is_better else -1
    found = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            values = sign * differences(results, metric, first, second)
            complete = whole(values)
            found.append(
                Duel(
                    first,
                    second,
                    wins=int((values > 0).sum()),
                    losses=int((values < 0).sum()),
                    ties=int((values == 0).sum()),
                    p=t_test(complete.mean(axis=1)),
                )
            )
    return [
        replace(duel, p=p)
        for duel, p in zip(found, holm([d.p for d in found]), strict=True)
    ]


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
    mean, half_width = interval(values)
    return Comparison(
        other,
        mean,
        half_width,
        float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
        effect_size(values),
        t_test(values),
        len(values),
        level,
    )


def _corrected(found: Sequence[Comparison]) -> list[Comparison]:
    return [
        replace(comparison, p=p)
        for comparison, p in zip(found, holm([c.p for c in found]), strict=True)
    ]


def _repeated_measures(values: np.ndarray) -> float:
    """Tests, one way, whether columns differ; NaN where there is no test."""
    import pandas as pd
    from statsmodels.stats.anova import AnovaRM

    seeds, columns = values.shape
    centred = values - values.mean(axis=1, keepdims=True)
    residual = centred - centred.mean(axis=0)
    if seeds < LEAST_SEEDS or np.ptp(residual) <= 1e-9 * np.abs(values).max():
        return math.nan
    table = pd.DataFrame(
        {
            "seed": np.repeat(np.arange(seeds), columns),
            "column": np.tile(np.arange(columns), seeds),
            "value": values.ravel(),
        }
    )
    found = AnovaRM(table, "value", "seed", within=["column"]).fit()
    row = found.anova_table.iloc[0]
    # Greenhouse and Geisser, "On methods in the analysis of profile data",
    # 1959: fewer degrees of freedom, where differences do not vary alike.
    covariance = np.cov(residual.T)
    epsilon = np.trace(covariance) ** 2 / (
        (columns - 1) * np.sum(covariance**2)
    )
    return float(
        stats.f.sf(
            row["F Value"], epsilon * row["Num DF"], epsilon * row["Den DF"]
        )
    )

"""Several studies together: probability of improvement and mean rank.

They are defined as in Agarwal et al., "Deep Reinforcement Learning at the Edge
of the Statistical Precipice", NeurIPS 2021 (section 4.3), and in their package
rliable: a study is a task, a seed is a run, and stratified bootstrap intervals
resample the runs of each study and activation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from scipy import stats

from demos.report.comparisons import Analysis, Comparison
from demos.report.trials import activations_of, complete, scores
from demos.study.trial import TrialRecord

RESAMPLES = 2000  # As in rliable's examples.
LEVEL = 0.95

# Scores of one study over its seeds, by activation; higher is better.
Scores = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class StudyVerdict:
    """The results of a study for a summary, stored in `verdict.json`.

    Attributes:
        title: Title of the study.
        unit: Unit of the differences.
        scale: Factor from differences to that unit.
        reference: The activation that is compared with each of the others.
        margin: The smallest difference that matters; 0 without a margin.
        comparisons: One for each other activation.
        scores: Scores at each seed, by activation; higher is better.
    """

    title: str
    unit: str
    scale: float
    reference: str
    margin: float
    comparisons: tuple[Comparison, ...]
    scores: Mapping[str, Sequence[float]]

    @classmethod
    def of(
        cls, title: str, analysis: Analysis, results: Sequence[TrialRecord]
    ) -> Self:
        """Creates it from the comparisons and the trials of a study."""
        metric = analysis.metric
        return cls(
            title,
            metric.unit,
            metric.scale,
            analysis.reference,
            analysis.margin,
            analysis.comparisons,
            {
                name: (
                    metric.sign
                    * complete(scores(results, metric.key, name)).mean(axis=1)
                ).tolist()
                for name in activations_of(results)
            },
        )

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Self:
        """Creates it from the JSON of its `asdict`."""
        comparisons = tuple(
            Comparison(**each) for each in content["comparisons"]
        )
        return cls(**{**content, "comparisons": comparisons})

    def number(self, value: float) -> str:
        """Formats a difference in its unit, with a sign."""
        return f"{self.scale * value:+.3g}"


@dataclass(frozen=True)
class Aggregate:
    """A statistic over all studies, with its 95% interval."""

    value: float
    low: float
    high: float


def probability_of_improvement(
    studies: Sequence[Scores], one: str, other: str
) -> Aggregate:
    """Computes the probability that a run of `one` beats a run of `other`.

    It is the mean over the studies, which must have both activations, of
    P(X > Y) + P(X = Y) / 2, where X and Y are runs of the two.

    Example:

    >>> studies = [{"serf": np.array([2.0, 3.0]), "relu": np.array([1.0, 2.0])}]
    >>> probability_of_improvement(studies, "serf", "relu").value
    0.875
    """

    def statistic(drawn: Sequence[Scores]) -> np.ndarray:
        return np.mean(
            [_beats(study[one], study[other]) for study in drawn], axis=0
        )

    both = [{one: study[one], other: study[other]} for study in studies]
    return _bootstrap(both, statistic)


def mean_ranks(studies: Sequence[Scores]) -> dict[str, Aggregate]:
    """Ranks the activations by their mean score in each study; 1 is the best.

    Returns the mean rank over the studies, which must have the same
    activations, by activation.

    Example:

    >>> studies = [{"serf": np.array([2.0, 3.0]), "relu": np.array([1.0, 2.0])}]
    >>> mean_ranks(studies)["serf"].value
    1.0
    """
    names = list(studies[0])

    def rank(place: int, drawn: Sequence[Scores]) -> np.ndarray:
        ranks = []
        for study in drawn:
            means = np.stack([study[name].mean(axis=-1) for name in names])
            ranks.append(stats.rankdata(-means, axis=0)[place])
        return np.mean(ranks, axis=0)

    # All names are ranked in the same resamples.
    return {
        name: _bootstrap(studies, partial(rank, place))
        for place, name in enumerate(names)
    }


def _beats(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    difference = x[..., :, None] - y[..., None, :]
    return ((np.sign(difference) + 1) / 2).mean(axis=(-2, -1))


def _bootstrap(
    studies: Sequence[Scores],
    statistic: Callable[[Sequence[Scores]], np.ndarray],
) -> Aggregate:
    """Computes a statistic and its percentiles over resampled runs.

    The resamples are the same in every call.
    """
    generator = np.random.default_rng(0)
    resampled = [
        {
            name: runs[
                generator.integers(len(runs), size=(RESAMPLES, len(runs)))
            ]
            for name, runs in study.items()
        }
        for study in studies
    ]
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(statistic(resampled), [tail, 100 - tail])
    return Aggregate(float(statistic(studies)), float(low), float(high))

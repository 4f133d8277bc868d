"""Ablation: what the studies of all axes show together."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from demos.report.comparisons import Interaction
from demos.report.comparisons import compare
from demos.report.comparisons import interactions
from demos.report.html_report import NONE
from demos.report.statistics import ALPHA
from demos.report.statistics import LEAST_SEEDS
from demos.report.statistics import holm
from demos.report.trials import activations_of
from demos.report.trials import finished
from demos.report.trials import reference_of
from demos.report.types import Metric
from demos.study.trial import TrialRecord

CLAIM = "Deeper networks gain more"  # Of the paper, from Serf.
DEPTH = "layers"


@dataclass(frozen=True)
class Row:
    """Serf, or the reference, against another activation on one axis.

    Attributes:
        axis: What was varied.
        against: The other activation.
        difference: Mean of (reference - other) over values and seeds.
        p: Of the difference, after Holm's correction for all rows; NaN where
            there is no test.
        change: Of the difference, from one value to the next; NaN where the
            values have no order.
        p_change: Whether the difference depends on the value, after Holm's
            correction for all rows.
        seeds: That finished every trial of both.
    """

    axis: str
    against: str
    difference: float
    p: float
    change: float
    p_change: float
    seeds: int


def together(
    results: Mapping[str, Sequence[TrialRecord]], metric: Metric
) -> list[Row]:
    """Tests all axes as one family.

    Args:
        results: Of each axis' trials, by axis.
        metric: What is compared.

    Returns:
        A row for each axis and other activation that share a seed.
    """
    rows = []
    for axis, ours in results.items():
        reference = reference_of(ours)
        for other in activations_of(finished(ours)):
            # Of two activations alone, so that nothing is corrected yet.
            pair = [
                result
                for result in ours
                if result.settings["activation"] in (reference, other)
            ]
            compared = compare(pair, metric.key, reference)
            depends = interactions(pair, metric.key, reference)
            rows += [
                Row(
                    axis,
                    other,
                    comparison.difference,
                    comparison.p,
                    interaction.trend,
                    interaction.p,
                    interaction.seeds,
                )
                for comparison, interaction in zip(
                    compared, depends, strict=False
                )
            ]
    p, p_change = (
        holm([getattr(row, name) for row in rows]) for name in ("p", "p_change")
    )
    return [
        replace(row, p=first, p_change=second)
        for row, first, second in zip(rows, p, p_change, strict=True)
    ]


def table(
    rows: Sequence[Row], metric: Metric
) -> tuple[list[str], list[list[str]]]:
    """Lays the comparisons out as they are to be read.

    Args:
        rows: What `together` returns.
        metric: What was compared.

    Returns:
        The header, and the cells of each row.
    """

    def number(value: float) -> str:
        return NONE if math.isnan(value) else f"{value:+z.{metric.decimals}f}"

    def p(value: float) -> str:
        if math.isnan(value):
            return NONE
        return f"{value:.2g}{'*' if value < ALPHA else ''}"

    header = ["axis", "against", "difference", "p", "change", "p", "seeds"]
    return header, [
        [
            row.axis,
            row.against,
            number(row.difference),
            p(row.p),
            number(row.change),
            p(row.p_change),
            str(row.seeds),
        ]
        for row in rows
    ]


def summary(
    rows: Sequence[Row],
    results: Mapping[str, Sequence[TrialRecord]],
    metric: Metric,
) -> list[str]:
    """Says what the axes have shown together, and what becomes of the claim.

    Args:
        rows: What `together` returns.
        results: Of each axis' trials, by axis.
        metric: What was compared.

    Returns:
        Sentences.
    """
    sentences = []
    if DEPTH in results:
        ours = results[DEPTH]
        reference = reference_of(ours)
        sentences.append(
            claim(
                interactions(ours, metric.key, reference),
                reference,
                metric,
            )
        )
    tested = [row for row in rows if not math.isnan(row.p)]
    if not tested:
        return [
            *sentences,
            "No verdict on the axes: tests need at least "
            f"{LEAST_SEEDS} seeds that both activations finished.",
        ]
    ours = next(iter(results.values()))
    reference = reference_of(ours)
    for what, strong in (
        (
            "is better or worse on average over an axis",
            [
                f"{row.axis}, against {row.against} "
                f"({row.difference:+.{metric.decimals}f}, p = {row.p:.2g})"
                for row in tested
                if row.p < ALPHA
            ],
        ),
        (
            "gains or loses along an axis",
            [
                f"{row.axis}, against {row.against} (p = {row.p_change:.2g})"
                for row in tested
                if row.p_change < ALPHA
            ],
        ),
    ):
        sentences.append(
            f"Where {reference} {what}, of {len(tested)} tests corrected "
            f"together: {'; '.join(strong) or 'nowhere significantly'}."
        )
    return sentences


def claim(found: Sequence[Interaction], reference: str, metric: Metric) -> str:
    """Says whether deeper networks gain more: as an interaction, by a test.

    Args:
        found: Of activation and depth.
        reference: The activation of which it is claimed.
        metric: What was compared.

    Returns:
        The sentence.

    Example:

    >>> from demos.report.types import Metric
    >>> from demos.report.comparisons import Interaction
    >>> claim(
    ...     [Interaction("relu", "layers", 0.012, 0.004, seeds=5)],
    ...     "serf",
    ...     Metric("accuracy", "accuracy"),
    ... )
    'Deeper networks gain more from serf: yes, against relu (+0.0120 from one \
depth to the next, p = 0.004) (interaction of activation and depth, 1 test; \
the question came before the data, so that the other axes do not count).'
    """
    tested = [one for one in found if not math.isnan(one.p)]
    parts = []
    for answer, sign in (("yes", 1), ("on the contrary", -1)):
        texts = [
            f"{one.other} ({one.trend:+.{metric.decimals}f} from one depth to "
            f"the next, p = {one.p:.2g})"
            for one in tested
            if one.significant and sign * one.trend > 0
        ]
        if texts:
            parts.append(f"{answer}, against {', '.join(texts)}")
    weak = [one for one in tested if not one.significant]
    if weak:
        parts.append(
            f"no significant sign of it against "
            f"{', '.join(one.other for one in weak)} "
            f"({'smallest ' if len(weak) > 1 else ''}"
            f"p = {min(one.p for one in weak):.2g})"
        )
    told = "; ".join(parts) or "no verdict, too few seeds"
    several = f"{len(tested)} tests corrected together"
    tests = (
        " (interaction of activation and depth, "
        f"{several if len(tested) > 1 else '1 test'}; the question came before "
        "the data, so that the other axes do not count)"
    )
    return f"{CLAIM} from {reference}: {told}{tests if tested else ''}."

"""Ablation: the findings of the studies of all axes together."""

import math
from collections.abc import Mapping, Sequence

from demos.report import verdict
from demos.report.comparisons import Analysis, Comparison, Interaction
from demos.report.html_report import interval, p_value, signed
from demos.report.types import Metric

CLAIM = "Deeper networks gain more"  # A claim of the paper.
DEPTH = "layers"
HEADER = (
    *("axis", "against", "verdict", "difference", "95% interval", "p"),
    *("slope over ranks", "p", "seeds"),
)

Analyses = Mapping[str, Analysis]


def pairs(
    analyses: Analyses,
) -> list[tuple[str, Comparison, Interaction | None]]:
    """Lists the comparisons of all axes.

    Each compares means over the values of an axis, and comes with the test
    whether the difference depends on the value, or None if no seed finished.
    """
    rows = []
    for axis, analysis in analyses.items():
        depends = {i.other: i for i in analysis.interactions}
        rows += [(axis, c, depends.get(c.other)) for c in analysis.comparisons]
    return rows


def table(analyses: Analyses, metric: Metric) -> list[list[str]]:
    """Formats all comparisons as rows with the columns `HEADER`."""
    none = math.nan
    return [
        [
            axis,
            comparison.other,
            comparison.word,
            signed(comparison.mean, metric),
            interval(comparison, metric),
            p_value(comparison.p),
            signed(depends.slope if depends else none, metric),
            p_value(depends.p if depends else none),
            str(len(comparison.values)),
        ]
        for axis, comparison, depends in pairs(analyses)
    ]


def summary(
    analyses: Analyses, depth: Analysis | None, metric: Metric
) -> list[str]:
    """Describes the findings of all axes, and whether depth matters.

    The p-values of `analyses` are adjusted for all axes together. Those of
    `depth`, which is None if depth was not varied, are adjusted for that axis
    only.
    """
    sentences = []
    if depth:
        sentences.append(claim(depth.interactions, depth.reference, metric))
    rows = pairs(analyses)
    if all(math.isnan(comparison.p) for _, comparison, _ in rows):
        return [
            *sentences,
            "No verdict on the axes: a verdict needs at least "
            f"{verdict.LEAST_SEEDS} seeds that both activations finished.",
        ]
    reference = next(iter(analyses.values())).reference
    parts = []
    for word, preposition in (
        (verdict.BETTER, "than"),
        (verdict.WORSE, "than"),
        (verdict.EQUIVALENT, "to"),
    ):
        texts = [
            f"{c.other} on {axis} ({metric.amount(c.mean, '+')})"
            for axis, c, _ in rows
            if c.word == word
        ]
        if texts:
            parts.append(
                f"{reference} is {word} {preposition} {', '.join(texts)}"
            )
    others = [
        f"{count} {word}"
        for word in (verdict.INCONCLUSIVE, verdict.UNTRAINED)
        if (count := sum(c.word == word for _, c, _ in rows))
    ]
    parts += [" and ".join(others)] if others else []
    strong = [
        f"{axis}, against {depends.other} (p = {depends.p:.2g})"
        for axis, _, depends in rows
        if depends and depends.significant
    ]
    return [
        *sentences,
        f"Means over each axis ({len(rows)} simultaneous comparisons): "
        f"{'; '.join(parts)}.",
        f"The difference depends on: {'; '.join(strong) or 'no axis'}.",
    ]


def claim(
    depends: Sequence[Interaction], reference: str, metric: Metric
) -> str:
    """Describes whether deeper networks gain more, by an interaction test.

    Example:

    >>> claim(
    ...     [Interaction("relu", "layers", 0.012, 0.004, 32, 0.03, seeds=5)],
    ...     "serf",
    ...     Metric("accuracy", "accuracy"),
    ... )
    'Deeper networks gain more from serf: yes, against relu (slope over ranks \
+1.2 points, p = 0.004; p = 0.03 without 32 layers). Method: interaction of \
activation and depth (1 test, planned in advance, corrected for this axis \
only).'
    """
    tested = [one for one in depends if not math.isnan(one.p)]
    parts = []
    for answer, sign in (("yes", 1), ("no, they gain less", -1)):
        texts = [
            f"{one.other} (slope over ranks {metric.amount(one.slope, '+')}, "
            f"p = {one.p:.2g}"
            + (
                ""
                if math.isnan(one.p_without)
                else f"; p = {one.p_without:.2g} without {one.extreme} layers"
            )
            + ")"
            for one in tested
            if one.significant and sign * one.slope > 0
        ]
        if texts:
            parts.append(f"{answer}, against {', '.join(texts)}")
    weak = [one for one in tested if not one.significant]
    if weak:
        parts.append(
            f"no significant effect against "
            f"{', '.join(one.other for one in weak)} "
            f"({'smallest ' if len(weak) > 1 else ''}"
            f"p = {min(one.p for one in weak):.2g})"
        )
    answer = "; ".join(parts) or "no verdict, too few seeds"
    count = f"{len(tested)} tests" if len(tested) > 1 else "1 test"
    method = (
        f" Method: interaction of activation and depth ({count}, planned in "
        "advance, corrected for this axis only)."
    )
    return f"{CLAIM} from {reference}: {answer}.{method if tested else ''}"

"""What a comparison found, in sentences."""

import math
from collections.abc import Iterable
from collections.abc import Sequence

from demos.report import comparisons
from demos.report import statistics
from demos.report.comparisons import Comparison
from demos.report.comparisons import Interaction
from demos.report.statistics import ALPHA
from demos.report.statistics import LEAST_SEEDS
from demos.report.trials import REFERENCE
from demos.report.trials import activations_of
from demos.report.trials import finished
from demos.report.trials import level_name
from demos.report.trials import reference_of
from demos.report.trials import varied
from demos.report.types import Metric
from demos.study.trial import TrialRecord

FEW = 3  # Levels that a sentence can name.
ALIKE = 1.5  # Ratio up to which one number can stand for several.


def findings(results: Sequence[TrialRecord], metric: Metric) -> list[str]:
    """Says what the comparison found, sentence by sentence.

    Args:
        results: Records of all trials, failed ones too; at least one finished.
        metric: The metric compared.

    Returns:
        Which activations are better or worse; what the seeds could have shown;
        and, where more than the activation was varied, whether that matters.
        Where serf did not finish, the first activation is the reference.
    """
    reference = reference_of(results)
    compared = comparisons.compare(results, metric.key, reference)
    sentences = [_overall(results, metric, reference, compared)]
    if any(result.reason for result in results):
        sentences.append(_failures(results))
    tested = [c for c in compared if not math.isnan(c.p)]
    if tested:
        sentences.append(_power(tested, metric.decimals))
    depends = comparisons.interactions(results, metric.key, reference)
    for name in varied(results):
        mine = [i for i in depends if i.setting == name and not math.isnan(i.p)]
        if mine:
            sentences.append(_dependence(mine, metric.decimals))
    levels = comparisons.compare_levels(results, metric.key, reference)
    if any(not math.isnan(c.p) for c in levels):
        sentences.append(_level_by_level(levels, metric, reference))
    if reference != REFERENCE:
        sentences[0] = f"{REFERENCE} was not compared: {sentences[0]}"
    return [_capitalized(sentence) for sentence in sentences]


def _capitalized(sentence: str) -> str:
    """Begins a sentence with a capital, unless it begins like "mAP"."""
    if sentence[1:2].isupper():
        return sentence
    return sentence[0].upper() + sentence[1:]


def _overall(
    results: Sequence[TrialRecord],
    metric: Metric,
    reference: str,
    compared: Sequence[Comparison],
) -> str:
    if activations_of(finished(results)) == [reference]:
        return f"{reference} has nothing to be compared with."
    choices = list(varied(results))
    everywhere = f" at every value of {_and(choices)}" if choices else ""
    enough = [c for c in compared if c.seeds >= LEAST_SEEDS]
    if not enough:
        return (
            f"No verdict on {reference}: intervals and tests need at least "
            f"{LEAST_SEEDS} seeds that both activations finished{everywhere}."
        )
    sign = 1 if metric.higher_is_better else -1
    better, worse, same = [], [], []
    for comparison in enough:
        text = _describe(comparison, metric.decimals)
        if not comparison.significant:
            same.append(text)
        elif sign * comparison.difference > 0:
            better.append(text)
        else:
            worse.append(text)
    parts = [
        f"{reference} is significantly {word} than {', '.join(texts)}"
        for word, texts in (("better", better), ("worse", worse))
        if texts
    ]
    if same:
        parts.append(
            f"no significant difference between {reference} and "
            f"{', '.join(same)}"
        )
    known = {REFERENCE, reference, *(comparison.other for comparison in enough)}
    few = [n for n in activations_of(results) if n not in known]
    if few:
        parts.append(
            f"no verdict on {_and(few)}, with fewer than {LEAST_SEEDS} seeds "
            f"in common{everywhere}"
        )
    seeds = _numbers(comparison.seeds for comparison in enough)
    averaged = f", of means over {_and(choices)}" if choices else ""
    return (
        f"{metric.label}: {'; '.join(parts)} (paired t-test on {seeds} seeds"
        f"{averaged}, p by Holm's correction, alpha = {ALPHA:.2f})."
    )


def _failures(results: Sequence[TrialRecord]) -> str:
    """Names what failed: the scores of the remaining seeds flatter it."""
    parts = []
    for name in activations_of(results):
        ours = [r for r in results if r.settings["activation"] == name]
        failed = [r for r in ours if r.reason]
        if failed:
            parts.append(
                f"{name} in {len(failed)} of {len(ours)} trials "
                f"({failed[0].reason})"
            )
    return (
        f"Failed: {'; '.join(parts)}; what is compared are the seeds that both "
        "finished, and the means are of those that each did."
    )


def _power(tested: Sequence[Comparison], decimals: int) -> str:
    """Says what the seeds could have shown, and how many would show more."""
    visible = {
        c.other: statistics.visible_difference(
            c.deviation, c.seeds, len(tested)
        )
        for c in tested
    }
    low, high = (pick(visible, key=visible.__getitem__) for pick in (min, max))
    size = f"{visible[high]:.{decimals}f}"
    if visible[high] > ALIKE * visible[low]:
        size = f"{visible[low]:.{decimals}f} ({low}) to {size} ({high})"
    sentence = (
        f"With {_numbers(c.seeds for c in tested)} seeds, differences of about "
        f"{size} and more are seen with {statistics.POWER:.0%} power"
    )
    needed = {
        c.other: statistics.seeds_needed(c.difference, c.deviation, len(tested))
        for c in tested
        if not c.significant
    }
    if needed:
        most = statistics.MOST_SEEDS
        other = min(needed, key=lambda name: needed[name] or most + 1)
        seeds = needed[other]
        sentence += (
            f"; to see the one measured against {other}, if it is real, would "
            + (f"take about {seeds:,}" if seeds else f"take over {most:,}")
            + " seeds"
        )
    return f"{sentence}."


def _dependence(tested: Sequence[Interaction], decimals: int) -> str:
    """Says whether the difference depends on one setting."""
    strong = [interaction for interaction in tested if interaction.significant]
    weak = [i for i in tested if not i.significant]
    parts = []
    if strong:
        texts = [
            f"{i.other} ("
            + (
                ""
                if math.isnan(i.trend)
                else f"{i.trend:+z.{decimals}f} from one value to the next, "
            )
            + f"p = {i.p:.2g})"
            for i in strong
        ]
        parts.append(f"it does, significantly, against {', '.join(texts)}")
    if weak:
        whom = f" against {_and([i.other for i in weak])}" if strong else ""
        smallest = "smallest " if len(weak) > 1 else ""
        parts.append(
            f"no significant sign of it{whom} "
            f"({smallest}p = {min(i.p for i in weak):.2g})"
        )
    return (
        f"Whether the difference depends on {tested[0].setting}: "
        f"{'; '.join(parts)}."
    )


def _level_by_level(
    compared: Sequence[Comparison], metric: Metric, reference: str
) -> str:
    """Says where the reference is better or worse."""
    tested = [c for c in compared if not math.isnan(c.p)]
    sign = 1 if metric.higher_is_better else -1
    parts = []
    for word, side in (("better", sign), ("worse", -sign)):
        there: dict[str, list[str]] = {}
        for c in tested:
            if c.significant and side * c.difference > 0:
                there.setdefault(c.other, []).append(level_name(c.level))
        if there:
            texts = [
                f"{other} at {_some(levels)}" for other, levels in there.items()
            ]
            parts.append(
                f"{reference} is significantly {word} than {'; '.join(texts)}"
            )
    if not parts:
        parts.append("no significant difference anywhere")
    elif not all(c.significant for c in tested):
        parts.append("no significant difference in the rest")
    return f"Value by value, in {len(tested)} tests: {'; '.join(parts)}."


def _describe(comparison: Comparison, decimals: int) -> str:
    difference = (
        f"{comparison.difference:+z.{decimals}f} ± "  # z: no -0.0000
        f"{comparison.half_width:.{decimals}f}"
    )
    tested = (
        "not testable"
        if math.isnan(comparison.p)
        else f"d = {comparison.effect:z.1f}, p = {comparison.p:.2g}"
    )
    return f"{comparison.other} ({difference}, {tested})"


def _numbers(counts: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(set(counts))))


def _some(levels: Sequence[str]) -> str:
    """Names a few levels, and counts more."""
    return _and(levels) if len(levels) <= FEW else f"{len(levels)} values"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))

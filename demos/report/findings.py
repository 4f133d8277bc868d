"""The findings of a study, in sentences."""

import math
from collections.abc import Sequence

from demos.report import verdict
from demos.report.comparisons import Analysis, Comparison, Interaction
from demos.report.trials import activations_of, level_name, varied
from demos.report.types import Metric
from demos.study.trial import TrialRecord

FEW = 3  # A sentence names at most this number of levels.
PREPOSITIONS = {verdict.BETTER: "than", verdict.WORSE: "than"}


def findings(analysis: Analysis, results: Sequence[TrialRecord]) -> list[str]:
    """Describes the findings of a study, in sentences.

    They are the verdict; the number of seeds needed, if it is inconclusive; the
    method; failures; and whether the difference depends on other settings, if
    they were varied.
    """
    compared = analysis.comparisons
    choices = list(varied(results))
    sentences = [_verdict(analysis, choices)]
    if any(not math.isnan(c.half_width) for c in compared):
        sentences += [_precision(analysis), _method(analysis, choices)]
    if any(result.reason for result in results):
        sentences.append(_failures(results))
    for name in choices:
        mine = [i for i in analysis.interactions if i.setting == name]
        tested = [i for i in mine if not math.isnan(i.p)]
        if tested:
            sentences.append(_dependence(tested, analysis.metric))
    if any(not math.isnan(c.p) for c in analysis.levels):
        sentences.append(_levels(analysis))
    return [_capitalized(sentence) for sentence in sentences if sentence]


def alerts(analysis: Analysis, results: Sequence[TrialRecord]) -> list[str]:
    """Returns warnings of failed trials and of untrained models."""
    failed = sum(bool(result.reason) for result in results)
    lines = []
    if failed:
        lines.append(f"{failed} of {len(results)} trials failed.")
    if verdict.UNTRAINED in analysis.verdicts.values():
        lines.append(
            "Untrained models: the scores do not beat the trivial baseline."
        )
    return lines


def _capitalized(sentence: str) -> str:
    """Capitalizes a sentence, unless it begins with a name like "mAP"."""
    if sentence[1:2].isupper():
        return sentence
    return sentence[0].upper() + sentence[1:]


def _verdict(analysis: Analysis, choices: Sequence[str]) -> str:
    reference, metric = analysis.reference, analysis.metric
    if not analysis.comparisons:
        return f"{reference} has no other activation to compare with."
    everywhere = f" at every value of {_and(choices)}" if choices else ""
    least = verdict.LEAST_SEEDS
    few = [c.other for c in analysis.comparisons if len(c.values) < least]
    if len(few) == len(analysis.comparisons):
        return (
            f"no verdict on {reference}: a verdict needs at least {least} "
            f"seeds that both activations finished{everywhere}."
        )
    if analysis.baseline and not any(analysis.learned.values()):
        return (
            f"untrained: no activation beats the trivial baseline "
            f"({analysis.baseline}), so there is no verdict. Train longer or "
            "change the settings."
        )
    parts = []
    for word, sign in ((verdict.BETTER, 1), (verdict.WORSE, -1)):
        texts = []
        for c in _enough(analysis):
            if c.word == word:
                low, high = sorted((sign * c.low, sign * c.high))
                texts.append(
                    f"{c.other} by {metric.amount(sign * c.mean)} (95% "
                    f"interval {metric.number(low)} to {metric.number(high)})"
                )
        if texts:
            parts.append(f"{reference} is {word} than {', '.join(texts)}")
    same = [c for c in _enough(analysis) if c.word == verdict.EQUIVALENT]
    if same:
        most = max(max(-c.low, c.high) for c in same)
        others = [c.other for c in same]
        parts.append(
            f"{_and([reference, *others])} are equivalent: "
            f"{'they' if len(same) == 1 else f'{reference} and the others'} "
            f"differ by at most {metric.amount(most)}"
        )
    open_ = [c for c in _enough(analysis) if c.word == verdict.INCONCLUSIVE]
    if open_:
        texts = [f"{c.other} ({_range(c, metric)})" for c in open_]
        parts.append(f"inconclusive against {', '.join(texts)}")
    idle = [c.other for c in _enough(analysis) if c.word == verdict.UNTRAINED]
    if idle:
        parts.append(
            f"no verdict on {_and(idle)} (like {reference}, not better than "
            f"the trivial baseline, {analysis.baseline})"
        )
    if few:
        parts.append(
            f"no verdict on {_and(few)} (fewer than {least} seeds in "
            f"common{everywhere})"
        )
    return f"test {metric.label}: {'; '.join(parts)}."


def _enough(analysis: Analysis) -> list[Comparison]:
    return [
        c for c in analysis.comparisons if len(c.values) >= verdict.LEAST_SEEDS
    ]


def _range(comparison: Comparison, metric: Metric) -> str:
    """Describes an interval that includes 0."""
    if math.isnan(comparison.half_width):
        return "the same difference at every seed, so there is no interval"
    return (
        f"from {metric.number(-comparison.low)} worse to "
        f"{metric.amount(comparison.high)} better"
    )


def _precision(analysis: Analysis) -> str:
    """Estimates how many seeds inconclusive comparisons need."""
    metric, margin = analysis.metric, analysis.margin
    open_ = [
        c
        for c in analysis.comparisons
        if c.word == verdict.INCONCLUSIVE and c.half_width > margin > 0
    ]
    if not open_:
        return ""
    texts = []
    for c in open_:
        seeds = f"about {c.seeds_for_margin:,}"
        if c.seeds_for_margin is None:
            seeds = f"over {verdict.MOST_SEEDS:,}"
        texts.append(
            f"{seeds} seeds against {c.other} "
            f"(± {metric.number(c.half_width)} now)"
        )
    return (
        f"with the measured spread, a precision of ± {metric.amount(margin)} "
        f"(the margin) needs {', '.join(texts)}."
    )


def _method(analysis: Analysis, choices: Sequence[str]) -> str:
    metric, compared = analysis.metric, _enough(analysis)
    averaged = f" of means over {_and(choices)}" if choices else ""
    count = len(analysis.comparisons)
    comparisons = "1 comparison" if count == 1 else f"{count} comparisons"
    margin = "no margin"
    if analysis.margin:
        margin = f"margin {metric.amount(analysis.margin)}"
    seeds = " or ".join(map(str, sorted({len(c.values) for c in compared})))
    return (
        f"method: paired differences{averaged} on {seeds} seeds; simultaneous "
        f"95% t intervals for {comparisons}; {margin}."
    )


def _failures(results: Sequence[TrialRecord]) -> str:
    """Names the failures, since the remaining seeds give biased scores."""
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
        f"Failed: {'; '.join(parts)}. Comparisons use the seeds that both "
        "activations finished; means use all finished seeds."
    )


def _dependence(tested: Sequence[Interaction], metric: Metric) -> str:
    """Describes whether the difference depends on one setting."""
    strong = [interaction for interaction in tested if interaction.significant]
    weak = [i for i in tested if not i.significant]
    setting = tested[0].setting
    parts = []
    if strong:
        texts = []
        for i in strong:
            slope = ""
            if not math.isnan(i.slope):
                slope = f"slope over ranks {metric.amount(i.slope, '+')}, "
            without = ""
            if not math.isnan(i.p_without):
                without = (
                    f"; p = {i.p_without:.2g} without {i.setting}={i.extreme}"
                )
            texts.append(f"{i.other} ({slope}p = {i.p:.2g}{without})")
        parts.append(
            f"the difference depends on {setting} against {', '.join(texts)}"
        )
    if weak:
        whom = f" against {_and([i.other for i in weak])}" if strong else ""
        smallest = "smallest " if len(weak) > 1 else ""
        parts.append(
            f"no significant dependence on {setting}{whom} "
            f"({smallest}p = {min(i.p for i in weak):.2g})"
        )
    return f"{'; '.join(parts)}."


def _levels(analysis: Analysis) -> str:
    """Describes at which levels the reference is better or worse."""
    tested = [c for c in analysis.levels if not math.isnan(c.p)]
    parts = []
    for word in (verdict.BETTER, verdict.WORSE, verdict.EQUIVALENT):
        levels: dict[str, list[str]] = {}
        for c in tested:
            if c.word == word:
                levels.setdefault(c.other, []).append(level_name(c.level))
        if levels:
            texts = [
                f"{other} at {_some(names)}" for other, names in levels.items()
            ]
            preposition = PREPOSITIONS.get(word, "to")
            parts.append(f"{word} {preposition} {', '.join(texts)}")
    text = "all comparisons are inconclusive"
    if parts:
        text = f"{analysis.reference} is {'; '.join(parts)}"
        if any(c.word == verdict.INCONCLUSIVE for c in tested):
            text += "; the other comparisons are inconclusive"
    return f"At each value ({len(tested)} simultaneous comparisons), {text}."


def _some(levels: Sequence[str]) -> str:
    """Names up to three levels, or gives their number."""
    if len(levels) == 1:
        return f"{levels[0]} only"
    return _and(levels) if len(levels) <= FEW else f"{len(levels)} values"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))

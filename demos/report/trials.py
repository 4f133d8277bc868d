"""Trial records by activation, level and seed.

A level is a combination of values of the settings that a study varied besides
the activation. A study that varied nothing else has one empty level.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from demos.study.trial import TrialRecord

REFERENCE = "serf"
# Differences below this fraction of the scores are rounding errors.
ROUNDING = 1e-12


def activations_of(results: Sequence[TrialRecord]) -> list[str]:
    """Returns the activations, in the order of first appearance."""
    return list(dict.fromkeys(r.settings["activation"] for r in results))


def finished(results: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Returns the trials that did not fail."""
    return [result for result in results if not result.reason]


def by_label(results: Sequence[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """Groups trials by their settings, in the order of first appearance."""
    groups: dict[str, list[TrialRecord]] = {}
    for result in results:
        groups.setdefault(result.label, []).append(result)
    return groups


def reference_of(
    results: Sequence[TrialRecord], wanted: str = REFERENCE
) -> str:
    """Returns the reference if it finished, else the first that did."""
    names = activations_of(finished(results))
    return wanted if wanted in names else names[0]


def further_settings(result: TrialRecord) -> dict[str, Any]:
    """Returns the settings besides the activation."""
    return {k: v for k, v in result.settings.items() if k != "activation"}


def varied(results: Sequence[TrialRecord]) -> dict[str, list[Any]]:
    """Returns the settings that were varied besides the activation.

    Returns:
        The values of each setting with more than one value, by its name:
        numbers in ascending order, others in the order of first appearance.

    Example:

    >>> results = [
    ...     TrialRecord({"activation": "serf", "layers": n, "heads": 1}, 0, "")
    ...     for n in (4, 2)
    ... ]
    >>> varied(results)
    {'layers': [2, 4]}
    """
    values_of = {
        name: list(dict.fromkeys(result.settings[name] for result in results))
        for name in further_settings(results[0])
    }
    return {
        name: sorted(values) if numeric(values) else values
        for name, values in values_of.items()
        if len(values) > 1
    }


def numeric(values: Sequence[Any]) -> bool:
    """Returns whether all values are numbers, which have an order."""
    return all(isinstance(value, int | float) for value in values)


def levels_of(results: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """Returns the levels that were tried, in the order of `varied`."""
    choices = varied(results)

    def order(level: Mapping[str, Any]) -> list[int]:
        return [choices[name].index(value) for name, value in level.items()]

    levels = {
        tuple(level.items()): level
        for result in results
        for level in [{name: result.settings[name] for name in choices}]
    }
    return sorted(levels.values(), key=order)


def level_name(level: Mapping[str, Any], separator: str = ", ") -> str:
    """Names a level.

    Example:

    >>> level_name({"layers": 2, "optimizer": "adam"})
    'layers=2, optimizer=adam'
    """
    return separator.join(f"{name}={value}" for name, value in level.items())


def scores(
    results: Sequence[TrialRecord], metric: str, activation: str
) -> np.ndarray:
    """Collects the scores of an activation.

    Returns:
        Array of shape `(seeds, levels)`: all seeds of `results` in ascending
        order, and the levels of `levels_of`; NaN if no trial finished.
    """
    seeds = sorted({result.seed for result in results})
    levels = levels_of(results)
    table = np.full((len(seeds), len(levels)), math.nan)
    for result in finished(results):
        if result.settings["activation"] == activation:
            level = {name: result.settings[name] for name in levels[0]}
            place = seeds.index(result.seed), levels.index(level)
            table[place] = result.metrics[metric]
    return table


def differences(
    results: Sequence[TrialRecord], metric: str, first: str, second: str
) -> np.ndarray:
    """Subtracts the scores of two activations, trial by trial.

    Returns:
        `first - second`, with the shape of `scores`; NaN if either is missing.
    """
    ours = scores(results, metric, first)
    theirs = scores(results, metric, second)
    paired = ours - theirs
    size = np.abs(ours) + np.abs(theirs)
    return np.where(np.abs(paired) > ROUNDING * size, paired, paired * 0)


def complete(values: np.ndarray) -> np.ndarray:
    """Returns the rows (seeds) that have a value at every level."""
    return values[~np.isnan(values).any(axis=1)]

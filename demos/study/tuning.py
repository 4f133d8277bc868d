"""Tuning: chooses settings for each activation on the validation split.

All activations have the same budget: every value with every tuning seed. The
comparison uses other seeds, so that the chosen settings are not judged on the
trials that selected them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from demos.common.errors import UnfinishedError
from demos.study.trial import (
    Trial,
    TrialContext,
    TrialRecord,
    TrialResult,
    WrappedTask,
)

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class TunedTask(WrappedTask):
    """A task whose trials use the chosen settings of their activation.

    Attributes:
        task: The task.
        chosen: Settings by activation.
    """

    chosen: Mapping[str, Settings]

    def config(self) -> dict[str, Any]:
        """Returns everything except the trial that affects its result."""
        return {**self.task.config(), "tuned": dict(self.chosen)}

    def run(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model with the settings of its activation."""
        chosen = self.chosen.get(trial.settings["activation"], {})
        return self.task.run(
            Trial({**chosen, **trial.settings}, trial.seed), context
        )


def choose(
    records: Sequence[TrialRecord], objective: str
) -> dict[str, dict[str, Any]]:
    """Chooses, for each activation, the settings with the best mean score.

    Settings with a failed trial (for example, a diverged one) are never chosen.

    Args:
        records: Records of all tuning trials.
        objective: The metric on the validation split; higher is better.

    Returns:
        Settings by activation.

    Raises:
        UnfinishedError: If no settings of an activation finished all trials.

    Example:

    >>> def record(rate, seed, accuracy):
    ...     settings = {"activation": "serf", "learning_rate": rate}
    ...     return TrialRecord(settings, seed, "", metrics={"acc": accuracy})
    >>> choose([record(0.1, 0, 0.6), record(0.01, 0, 0.7)], "acc")
    {'serf': {'learning_rate': 0.01}}
    """
    groups: dict[str, dict[str, list[TrialRecord]]] = defaultdict(dict)
    for record in records:
        group = groups[record.settings["activation"]]
        group.setdefault(record.label, []).append(record)
    chosen = {}
    for activation, by_settings in groups.items():
        scores = {
            label: fmean(record.metrics[objective] for record in ours)
            for label, ours in by_settings.items()
            if not any(record.reason for record in ours)
        }
        if not scores:
            reasons = (r.reason for ours in by_settings.values() for r in ours)
            raise UnfinishedError(
                f"no settings of {activation} finished all tuning trials; the "
                f"first failure: {next(filter(None, reasons))}"
            )
        best = max(scores, key=lambda label: scores[label])
        settings = by_settings[best][0].settings
        chosen[activation] = {
            k: v for k, v in settings.items() if k != "activation"
        }
    return chosen


def at_the_edge(
    chosen: Mapping[str, Settings], axes: Mapping[str, Sequence[Any]]
) -> list[str]:
    """Reports best values that are the smallest or largest ones tried.

    Example:

    >>> at_the_edge({"serf": {"rate": 0.1}}, {"rate": (0.001, 0.01, 0.1)})
    ['The best rate of serf, 0.1, is the largest tried: try larger ones.']
    """
    notes = []
    for name, values in axes.items():
        if len(values) < 2 or not all(
            isinstance(v, int | float) and not isinstance(v, bool)
            for v in values
        ):
            continue
        for limit, edge, more in (
            (min(values), "smallest", "smaller"),
            (max(values), "largest", "larger"),
        ):
            names = [a for a, s in chosen.items() if s[name] == limit]
            if names:
                notes.append(
                    f"The best {name.replace('_', ' ')} of "
                    f"{', '.join(names)}, {limit}, is the {edge} tried: try "
                    f"{more} ones."
                )
    return notes

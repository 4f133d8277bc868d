"""Shows the progress of a study: one bar for all epochs of all trials.

Without a bar, each trial prints one line on stderr.
"""

from collections.abc import Mapping
from typing import Self

from demos.common.progress import log, progress_bar
from demos.study.trial import Trial, TrialRecord


class Progress:
    """Shows the progress of a study.

    Args:
        trials: The number of trials to run.
        epochs: The largest number of epochs of a trial.
    """

    def __init__(self, trials: int, epochs: int) -> None:
        self._trials = trials
        self._epochs = epochs
        self._ended = 0
        self._done: dict[str, int] = {}  # Finished epochs, by trial name.
        self._bar = progress_bar(trials * epochs, "epochs")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def trial_started(self, trial: Trial) -> None:
        """Shows the name of the trial."""
        self._done[trial.name] = 0
        self._show(trial, {})

    def epoch_ended(
        self, trial: Trial, epoch: int, logs: Mapping[str, float]
    ) -> None:
        """Moves the bar to that epoch."""
        shown = {
            name: f"{value:.3f}"
            for name, value in logs.items()
            if name == "loss" or "val" in name
        }
        self._advance(trial.name, epoch)
        self._show(trial, {"epoch": f"{epoch}/{self._epochs}", **shown})

    def trial_ended(self, record: TrialRecord) -> None:
        """Prints a line if there is no bar, or if the trial failed."""
        self._ended += 1
        # It may have stopped early or resumed from a checkpoint.
        self._advance(record.name, self._epochs)
        if not (self._bar.disable or record.reason):
            return
        if record.reason:
            outcome = f"failed: {record.reason}"
        else:
            outcome = ", ".join(
                f"{name} {value:.4f}" for name, value in record.metrics.items()
            )
        log(
            f"trial {self._ended}/{self._trials} {record.label} "
            f"seed {record.seed}: {outcome} ({record.seconds:.0f} s)"
        )

    def _advance(self, name: str, epoch: int) -> None:
        self._bar.update(max(0, epoch - self._done.get(name, 0)))
        self._done[name] = epoch

    def _show(self, trial: Trial, shown: Mapping[str, str]) -> None:
        self._bar.set_postfix(shown, refresh=False)
        self._bar.set_description_str(
            f"trial {len(self._done)}/{self._trials} {trial.label} "
            f"seed {trial.seed}"
        )

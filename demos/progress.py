"""Shows how far a study is: a bar on a terminal, else a line a trial."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from tqdm import tqdm

from demos.study import Result
from demos.study import Trial


class Progress:
    """The observer of a study that prints, on stderr.

    Args:
        trials: How many trials are to run.
        epochs: Epochs of each, at most.
    """

    def __init__(self, trials: int, epochs: int) -> None:
        self._trials = trials
        self._epochs = epochs
        self._trial = 0
        self._bar = tqdm(
            total=trials * epochs,
            unit="epoch",
            disable=not sys.stderr.isatty() or trials == 0,
            dynamic_ncols=True,
            leave=False,
            bar_format=(
                "{desc} {bar} {n_fmt}/{total_fmt} epochs, "
                "{remaining} left{postfix}"
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def trial_started(self, trial: Trial) -> None:
        """Names the trial on the bar."""
        self._trial += 1
        self._bar.set_description_str(
            f"trial {self._trial}/{self._trials} {trial.label} "
            f"seed {trial.seed}"
        )

    def epoch_ended(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Moves the bar on by an epoch."""
        shown = {k: f"{v:.3f}" for k, v in logs.items() if "val" in k}
        self._bar.set_postfix(
            {"epoch": f"{epoch}/{self._epochs}", **shown}, refresh=False
        )
        self._bar.update(1)

    def trial_ended(self, result: Result) -> None:
        """Writes a line where there is no bar, or where the trial failed."""
        done = self._trial * self._epochs
        self._bar.update(max(0, done - self._bar.n))
        if not self._bar.disable and not result.reason:
            return
        if result.reason:
            outcome = f"failed: {result.reason}"
        else:
            outcome = ", ".join(
                f"{name} {value:.4f}" for name, value in result.metrics.items()
            )
        self._bar.write(
            f"trial {self._trial}/{self._trials} {result.label} "
            f"seed {result.seed}: {outcome} ({result.seconds:.0f} s)",
            file=sys.stderr,
        )

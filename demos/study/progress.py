"""Shows how far a study is: a bar on a terminal, a line in a notebook.

Elsewhere there is a line a trial, on stderr.
"""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from typing import Self

from tqdm import tqdm

from demos.study.trial import Trial
from demos.study.trial import TrialRecord


def in_notebook() -> bool:
    """Returns whether a Jupyter kernel runs this process."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def log(line: str) -> None:
    """Prints a line for whoever watches; results alone go to stdout.

    A notebook, which parts nothing and shows stderr as a fault, has it on
    stdout too.

    Args:
        line: The line.
    """
    print(line, file=sys.stdout if in_notebook() else sys.stderr)


class Progress:
    """The observer of a study that shows how far it is.

    Args:
        trials: How many trials are to run.
        epochs: Epochs of each, at most.
    """

    def __init__(self, trials: int, epochs: int) -> None:
        self._trials = trials
        self._epochs = epochs
        self._ended = 0
        self._done: dict[str, int] = {}  # Epochs, by the name of the trial.
        self._line = _NotebookLine() if in_notebook() and trials else None
        self._bar = tqdm(
            total=trials * epochs,
            unit="epoch",
            disable=bool(self._line or not sys.stderr.isatty() or trials == 0),
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
        if self._line:
            self._line.write(f"{self._ended} of {self._trials} trials run")

    def trial_started(self, trial: Trial) -> None:
        """Names the trial."""
        self._done[trial.name] = 0
        self._show(trial, {})

    def epoch_ended(
        self, trial: Trial, epoch: int, logs: Mapping[str, float]
    ) -> None:
        """Moves the bar on to that epoch."""
        shown = {
            name: f"{value:.3f}"
            for name, value in logs.items()
            if name == "loss" or "val" in name
        }
        self._advance(trial.name, epoch)
        self._show(trial, {"epoch": f"{epoch}/{self._epochs}", **shown})

    def trial_ended(self, result: TrialRecord) -> None:
        """Writes a line where there is no bar, or where the trial failed."""
        self._ended += 1
        # It may have stopped early, or gone on from a checkpoint.
        self._advance(result.name, self._epochs)
        if (self._line or not self._bar.disable) and not result.reason:
            return
        if result.reason:
            outcome = f"failed: {result.reason}"
        else:
            outcome = ", ".join(
                f"{name} {value:.4f}" for name, value in result.metrics.items()
            )
        text = (
            f"trial {self._ended}/{self._trials} {result.label} "
            f"seed {result.seed}: {outcome} ({result.seconds:.0f} s)"
        )
        if self._line:
            log(text)
        else:
            self._bar.write(text, file=sys.stderr)

    def _advance(self, name: str, epoch: int) -> None:
        self._bar.update(max(0, epoch - self._done.get(name, 0)))
        self._done[name] = epoch

    def _show(self, trial: Trial, shown: Mapping[str, str]) -> None:
        name = (
            f"trial {len(self._done)}/{self._trials} {trial.label} "
            f"seed {trial.seed}"
        )
        self._bar.set_postfix(shown, refresh=False)
        self._bar.set_description_str(name)
        if self._line:
            told = ", ".join(f"{k} {v}" for k, v in shown.items())
            self._line.write(", ".join(filter(None, [name, told])))


class _NotebookLine:
    """A line of a notebook that is written anew in its place."""

    def __init__(self) -> None:
        from IPython.display import display

        self._began = time.monotonic()
        self._handle: Any = display(self._text(""), raw=True, display_id=True)

    def write(self, text: str) -> None:
        self._handle.update(self._text(text), raw=True)

    def _text(self, text: str) -> dict[str, str]:
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        return {"text/plain": f"{minutes}:{seconds:02d} {text}"}

"""Base class of the tasks: starts trials and reuses compiled models."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import keras

from demos.common.keras_config import clear_session
from demos.study.sweep import apply_overrides
from demos.study.trial import Trial, TrialContext, TrialResult, label_of

Compiled = TypeVar("Compiled")


@dataclass(frozen=True)
class TrainingTask:
    """A task that trains one Keras model in each trial.

    A subclass is a frozen dataclass with the fields `model` and `training`
    (dataclasses of options), the other members of `demos.study.trial.Task`, and
    `train` instead of `run`. `train` is called on a copy of the task with the
    settings of the trial, after all seeds are set:

        def train(self, trial, context):
            batches = ArrayBatches(...)
            model = self.reuse(trial, lambda: self.build(trial, len(batches)))
            history = fit(model, batches, context=context, ...)
            return TrialResult(self.scores(model), history, ...)

    For each seed, initial weights, data order and dropout are the same for
    every activation. On a CPU, a trial is reproducible. On a GPU it may not be,
    because sums are computed in varying order.
    """

    _compiled: dict[str, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def run(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model; see `demos.study.trial.Task`."""
        start_trial(trial)
        try:
            return apply_overrides(self, trial.settings).train(trial, context)
        except BaseException:  # Its state is unknown.
            self._compiled.pop(_key(trial), None)
            raise

    def train(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model with the options of this task.

        Args:
            trial: The trial, with the activation and the varied settings.
            context: The callback after each epoch, and the folders.

        Raises:
            DivergedError: If the loss is not finite.
        """
        raise NotImplementedError

    def reuse(self, trial: Trial, build: Callable[[], Compiled]) -> Compiled:
        """Builds a model, or reuses one that an earlier trial compiled.

        Compilation may take longer than training. A model with the same
        settings is reset to the state of a new one (initial weights, dropout
        seeds, optimizer), so the results are the same. On PyTorch, nothing is
        compiled or reused.

        Args:
            trial: The trial.
            build: Function that returns a new model, built and compiled, or a
                tuple of the model and objects that share its weights.

        Returns:
            The result of `build`, from this or an earlier trial.
        """
        new = build()
        if keras.backend.backend() == "torch":
            return new
        old = self._compiled.setdefault(_key(trial), new)
        if old is new:
            return new
        for source, target in zip(
            state_variables(_model(new)),
            state_variables(_model(old)),
            strict=True,
        ):
            target.assign(source)
        return old


def start_trial(trial: Trial) -> None:
    """Clears the Keras session, and sets all seeds."""
    clear_session()
    keras.utils.set_random_seed(trial.seed)


def state_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns the state that training changes: weights, seeds, optimizer."""
    model.optimizer.build(model.trainable_variables)
    seeds = [v for v in model.variables if "seed_generator" in v.path]
    return [*model.weights, *seeds, *model.optimizer.variables]


def _key(trial: Trial) -> str:
    """Returns the key of a compiled model: the settings without `sees`."""
    return label_of({k: v for k, v in trial.settings.items() if k != "sees"})


def _model(compiled: Any) -> keras.Model:
    return compiled[0] if isinstance(compiled, tuple) else compiled

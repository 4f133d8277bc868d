"""The base of the tasks: how a trial starts, and what it reuses of others."""

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
    `train` in the place of `run`. It is called on a copy of the task to which
    the settings of the trial have been applied, with all seeds set:

        def train(self, trial, context):
            batches = ArrayBatches(...)
            model = self.reuse(trial, lambda: self.build(trial, len(batches)))
            history = fit(model, batches, context=context, ...)
            return TrialResult(self.scores(model), history, ...)

    At the same seed, initial weights, the order of the data and dropout are the
    same for every activation. On a CPU a trial gives the same curves again; on
    a GPU it may not, because sums are computed in any order.
    """

    _compiled: dict[str, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def run(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model; see `demos.study.trial.Task`."""
        start_trial(trial)
        try:
            return apply_overrides(self, trial.settings).train(trial, context)
        except BaseException:  # Its state may be anything.
            self._compiled.pop(_key(trial), None)
            raise

    def train(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains and scores one model with the options of this task.

        Args:
            trial: Its settings hold the `activation` and what is varied.
            context: Receives each epoch; folders.

        Raises:
            DivergedError: The loss is not finite.
        """
        raise NotImplementedError

    def reuse(self, trial: Trial, build: Callable[[], Compiled]) -> Compiled:
        """Builds a model, or reuses one that an earlier trial has compiled.

        Compiling may take longer than training. A model of the same settings
        is reset to the state of a new one (initial weights, seeds of dropout,
        optimizer), so the results are the same. PyTorch compiles nothing.

        Args:
            trial: The trial.
            build: Returns a new model, built and compiled, or a tuple that
                starts with it and goes on with what shares its weights.

        Returns:
            What `build` returned, now or in an earlier trial.
        """
        new = build()
        if keras.backend.backend() == "torch":
            return new
        old = self._compiled.setdefault(_key(trial), new)
        if old is new:
            return new
        copy_state(_model(new), _model(old))
        return old


def start_trial(trial: Trial) -> None:
    """Clears what Keras knows of earlier models, and sets all seeds."""
    clear_session()
    keras.utils.set_random_seed(trial.seed)


def state_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns what training changes: weights, seeds and optimizer."""
    model.optimizer.build(model.trainable_variables)
    seeds = [v for v in model.variables if "seed_generator" in v.path]
    return [*model.weights, *seeds, *model.optimizer.variables]


def copy_state(source: keras.Model, target: keras.Model) -> None:
    """Copies what training changes between models built in the same way."""
    for new, old in zip(
        state_variables(source), state_variables(target), strict=True
    ):
        old.assign(new)


def _key(trial: Trial) -> str:
    """Names what is compiled: the same, whatever inputs a probe sees."""
    return label_of({k: v for k, v in trial.settings.items() if k != "sees"})


def _model(compiled: Any) -> keras.Model:
    return compiled[0] if isinstance(compiled, tuple) else compiled

"""The base of the tasks: seeds, overrides, and what is compiled once."""

from dataclasses import dataclass, field
from types import MappingProxyType

import keras
import numpy as np
import pytest

from demos.study.trial import Trial, TrialContext, TrialResult
from demos.training.batches import ArrayBatches
from demos.training.fit import fit
from demos.training.optimizers import make
from demos.training.task import TrainingTask

FAILS = 9  # A seed.
pytestmark = pytest.mark.usefixtures("trains")


@dataclass(frozen=True)
class Model:
    width: int = 4


@dataclass(frozen=True)
class Training:
    epochs: int = 2


@dataclass(frozen=True)
class Task(TrainingTask):
    """Trains a small network with dropout and averaged weights."""

    model: Model = field(default_factory=Model)
    training: Training = field(default_factory=Training)
    models: list = field(default_factory=list, init=False)
    groups = MappingProxyType({})
    fixed = ()

    def build(self, activation):
        model = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(self.model.width, activation),
                keras.layers.Dropout(0.5),
                keras.layers.Dense(1),
            ]
        )
        model.compile(make("adam", 0.01, use_ema=True), "mse")
        return model

    def train(self, trial, context):
        if trial.seed == FAILS:
            raise ValueError("no")
        draw = np.random.default_rng(trial.seed)
        x, y = draw.normal(size=(16, 3)), draw.normal(size=(16, 1))
        model = self.reuse(
            trial, lambda: self.build(trial.settings["activation"])
        )
        self.models.append(model)
        history = fit(
            model,
            ArrayBatches(x, y, 8, trial.seed),
            validation_data=(x, y),
            epochs=self.training.epochs,
            context=context,
            monitor="val_loss",
            mode="min",
            averaged=True,
        )
        return TrialResult({}, history, model.count_params(), None)


def run(task, seed, **settings):
    trial = Trial({"activation": "relu", **settings}, seed)
    return task.run(trial, TrialContext()).history


@pytest.mark.long
def test_a_reused_model_trains_as_a_new_one():
    task = Task()
    first, second, again = (run(task, seed) for seed in (0, 1, 0))
    assert first == again != second == run(Task(), 1)
    compiles = keras.backend.backend() != "torch"
    assert len({id(model) for model in task.models}) == (1 if compiles else 3)
    assert run(task, 0, sees="text") == first  # Of the same kind.

    with pytest.raises(ValueError, match="no"):  # Its state may be anything.
        run(task, FAILS)
    assert run(task, 0) == first
    assert task.models[-1] is not task.models[0]


def test_the_settings_of_a_trial_and_the_policy_of_dtypes_decide():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        task = Task()
        history = run(task, 0, epochs=1, width=5)
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(history["loss"]) == 1
    [model] = task.models
    assert model.count_params() == 3 * 5 + 5 + 5 + 1
    assert model.compute_dtype == "bfloat16"
    assert task.training.epochs == 2

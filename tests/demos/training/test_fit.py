"""Training resumes after an interruption as if there had been none."""

import functools
import importlib.util
import os

import keras
import numpy as np
import pytest

from demos.study.trial import CHECKPOINT, DivergedError, TrialContext
from demos.training import fit as training
from demos.training import optimizers
from demos.training.batches import ArrayBatches

EPOCHS, STEPS = 20, 4
pytestmark = pytest.mark.usefixtures("trains")


class Stopped(BaseException):
    """Ends a training as a signal would."""


class Stop(keras.callbacks.Callback):
    """Calls something in the middle of an epoch."""

    def __init__(self, epoch, action):
        super().__init__()
        self._epoch = epoch
        self._action = action

    def on_epoch_begin(self, epoch, logs=None):
        self._now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self._now, batch) == (self._epoch, STEPS // 2):
            self._action()


def stop():
    raise Stopped


def numbers(rows, seed):
    """Draws inputs, and targets that say little of them: soon overfitted."""
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(rows, 8)).astype("float32")
    targets = inputs[:, :1] + 2 * draw.normal(size=(rows, 1))
    return inputs, targets.astype("float32")


def make(averaged=False):
    """Makes a model with dropout, whose learning rate falls."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    model.compile(
        optimizers.make(
            "adamw",
            keras.optimizers.schedules.ExponentialDecay(0.01, STEPS, 0.95),
            use_ema=averaged,
            ema_momentum=0.8,
        ),
        "mse",
        metrics=["mae"],
    )
    return model


def train(model, folder=None, averaged=False, callbacks=(), **options):
    """Trains; returns the curves."""
    settings = {
        "context": TrialContext(checkpoint=folder),
        "epochs": EPOCHS,
        "monitor": "val_loss",
        "mode": "min",
        "patience": 3,
        **options,
    }
    return training.fit(
        model,
        ArrayBatches(*numbers(64, 0), batch_size=64 // STEPS, seed=5),
        validation_data=numbers(48, 1),
        averaged=averaged,
        callbacks=tuple(callbacks),
        **settings,
    )


@functools.cache
def uninterrupted(averaged):
    """Trains without a checkpoint; returns the weights and the curves."""
    model = make(averaged)
    history = train(model, None, averaged)
    # Otherwise early stopping would prove nothing.
    assert 5 < len(history["loss"]) < EPOCHS
    return model.get_weights(), history


def check_same(model, history, averaged):
    weights, expected = uninterrupted(averaged)
    assert history == expected
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(
    params=[pytest.param(False, marks=pytest.mark.once), True],
    ids=["plain", "averaged"],
)
def averaged(request):
    return request.param


def test_interrupted_it_ends_the_same(tmp_path):
    last = len(uninterrupted(True)[1]["loss"]) - 1
    model = make(averaged=True)  # Averages are one more thing to keep.
    for epoch in (2, last):
        with pytest.raises(Stopped):
            train(model, tmp_path, True, [Stop(epoch, stop)])
    model = make(averaged=True)  # As another process has it.
    seen = []
    context = TrialContext(lambda epoch, logs: seen.append(epoch), tmp_path)
    history = train(model, None, True, context=context)
    check_same(model, history, True)
    assert seen == [last + 1]  # All others had been done before.
    # The learning rate, which falls with the steps, was no exception.
    assert int(model.optimizer.iterations.numpy()) == STEPS * (last + 1)


@pytest.mark.parametrize("fault", ["damaged", "of another trial"])
def test_a_checkpoint_that_is_not_its_own_is_ignored(tmp_path, capsys, fault):
    with pytest.raises(Stopped):
        train(make(), tmp_path, callbacks=[Stop(2, stop)])
    path = tmp_path / CHECKPOINT
    if fault == "damaged":
        os.truncate(path, path.stat().st_size // 2)
    model = make()
    identity = "" if fault == "damaged" else "another study's"
    context = TrialContext(checkpoint=tmp_path, identity=identity)
    check_same(model, train(model, None, context=context), False)
    assert "is ignored" in capsys.readouterr().err


def test_the_weights_kept_are_those_of_the_best_epoch(averaged):
    weights, history = uninterrupted(averaged)
    best = min(history["val_loss"])
    assert history["val_loss"][-1] > best
    model = make(averaged)
    model.set_weights(weights)
    loss, mae = model.evaluate(*numbers(48, 1), verbose=0)
    assert loss == pytest.approx(best, rel=1e-5)
    place = history["val_loss"].index(best)
    assert mae == pytest.approx(history["val_mae"][place], rel=1e-5)


def test_the_best_may_be_the_highest_and_all_epochs_be_run():
    model = make()
    history = train(model, patience=None, monitor="val_mae", mode="max")
    assert len(history["loss"]) == EPOCHS
    _, mae = model.evaluate(*numbers(48, 1), verbose=0)
    assert mae == pytest.approx(max(history["val_mae"]), rel=1e-5)


def test_a_model_trained_again_begins_at_its_beginning(tmp_path):
    """A task may use one model for all its trials."""
    model = make()
    for epoch in (1, 2):  # The second one has resumed from a checkpoint.
        with pytest.raises(Stopped):
            train(model, tmp_path / "first", callbacks=[Stop(epoch, stop)])
    assert len(train(model, tmp_path / "second", epochs=2)["loss"]) == 2
    assert len(train(model, tmp_path / "first")["loss"]) > 2
    assert len(train(model, None, epochs=2)["loss"]) == 2


def test_what_diverges_says_when(tmp_path):
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                weights = self.model.get_weights()
                weights[-1][:] = np.nan
                self.model.set_weights(weights)

    told = []
    context = TrialContext(lambda epoch, logs: told.append((epoch, *logs)))
    with pytest.raises(DivergedError, match="is nan after epoch 3"):
        train(make(), callbacks=[Poison()], context=context)
    assert told == [
        (1, "loss", "mae", "val_loss", "val_mae"),
        (2, "loss", "mae", "val_loss", "val_mae"),
    ]


def test_logs_for_tensorboard(tmp_path):
    for module in ("tensorflow", "tensorboard"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    context = TrialContext(tensorboard=tmp_path / "logs")
    history = train(make(), context=context, epochs=2)
    for split, name in (("train", "loss"), ("validation", "val_loss")):
        events = EventAccumulator(str(tmp_path / "logs" / split))
        events.Reload()
        [tensor, _] = events.Tensors("epoch_loss")
        value = np.frombuffer(tensor.tensor_proto.tensor_content, "float32")
        assert value == pytest.approx(history[name][0], rel=1e-5)

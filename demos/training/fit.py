"""Trains a model, keeps its best epoch and resumes after interruptions."""

import functools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from demos.study.trial import DivergedError, TrialContext
from demos.training.checkpoint import Checkpoint

History = dict[str, list[float]]


def fit(
    model: keras.Model,
    data: keras.utils.PyDataset,
    *,
    validation_data: Any,
    epochs: int,
    context: TrialContext,
    monitor: str,
    mode: str,
    patience: int | None = None,
    averaged: bool = False,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
    **options: Any,
) -> History:
    """Trains a model and restores the weights of its best epoch.

    With a checkpoint folder, an interrupted training resumes after its last
    finished epoch, with the same results as an uninterrupted one.

    Args:
        model: A compiled and built model.
        data: Training data. Its order may depend only on the calls of its
            `on_epoch_end`; Keras does not shuffle it.
        validation_data: Validation data, as in `keras.Model.fit`.
        epochs: Maximum number of epochs.
        context: The callback after each epoch, and the folders of the
            checkpoint and of TensorBoard's logs.
        monitor: Name of the log that selects the best epoch.
        mode: `"max"` or `"min"`.
        patience: Number of epochs without improvement before training stops; by
            default it does not stop early.
        averaged: Whether the optimizer averages the weights (`use_ema`). Then
            the averages are validated and kept.
        callbacks: Additional callbacks.
        **options: Additional arguments of `keras.Model.fit`.

    Returns:
        The value of each log after each epoch, including the epochs before an
        interruption.

    Raises:
        DivergedError: If a log is not finite.
    """
    best = keras.callbacks.EarlyStopping(
        monitor,
        mode=mode,
        patience=epochs if patience is None else patience,
        restore_best_weights=True,
    )
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=functools.partial(_watch, context)
    )
    chain: list[keras.callbacks.Callback] = [watch, *callbacks, best]
    if averaged:  # First, so that later callbacks see the averaged weights ...
        chain.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    if context.tensorboard is not None:
        chain.append(keras.callbacks.TensorBoard(str(context.tensorboard)))
    earlier: History = {}
    done = 0
    if context.checkpoint is not None:
        # ... except the checkpoint, made after they are swapped back.
        checkpoint = Checkpoint(context.checkpoint, best, context.identity)
        chain.append(checkpoint)
        earlier, done = checkpoint.history, checkpoint.epoch
    for _ in range(done):
        data.on_epoch_end()
    later: History = model.fit(
        data,
        epochs=epochs,
        initial_epoch=done,
        validation_data=validation_data,
        shuffle=False,
        verbose=0,
        callbacks=chain,
        **options,
    ).history
    return {name: earlier.get(name, []) + later[name] for name in later}


def _watch(
    context: TrialContext, epoch: int, logs: Mapping[str, float]
) -> None:
    """Passes an epoch to the context; raises if a log is not finite."""
    for name, value in logs.items():
        if not np.isfinite(value):
            raise DivergedError(f"{name} is {value} after epoch {epoch + 1}")
    context.on_epoch(epoch + 1, logs)

"""Trains one model: keeps its best epoch, and goes on after an interruption."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from demos.common.files import write_json
from demos.study.trial import LATEST
from demos.study.trial import DivergedError
from demos.study.trial import TrialContext


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
) -> dict[str, list[float]]:
    """Trains a model and leaves it with the weights of its best epoch.

    With a checkpoint folder, a training that was interrupted goes on from the
    last epoch that it had finished, and ends with the same numbers as one that
    was not: weights, optimizer, the state of dropout, the order of the data,
    the best epoch so far and the curves are all kept.

    Args:
        model: Compiled and built.
        data: Its order may depend on the calls of its `on_epoch_end` alone;
            Keras does not shuffle it.
        validation_data: As `keras.Model.fit` takes it.
        epochs: Passes over the data at most.
        context: Who is told of each epoch; folders of the checkpoint and of
            TensorBoard's logs.
        monitor: Name of the log that decides which epoch is the best.
        mode: `"max"` or `"min"`.
        patience: Epochs without a better one before training stops; by default
            it never does.
        averaged: Whether the optimizer averages the weights (`use_ema`), which
            are then what is validated and kept.
        callbacks: Further ones.
        **options: Of `keras.Model.fit`.

    Returns:
        The value of each log after each epoch, those before an interruption
        included.

    Raises:
        DivergedError: A log is not finite.
    """
    best = keras.callbacks.EarlyStopping(
        monitor,
        mode=mode,
        patience=epochs if patience is None else patience,
        restore_best_weights=True,
    )
    chain: list[keras.callbacks.Callback] = [_Watch(context), *callbacks, best]
    if averaged:  # First, so that the others see the averaged weights ...
        chain.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    if context.tensorboard is not None:
        chain.append(keras.callbacks.TensorBoard(str(context.tensorboard)))
    backup = None
    if context.checkpoint is not None:
        # ... but for a checkpoint, made when they have been swapped back.
        backup = Backup(context.checkpoint, data, best)
        chain.append(backup)
    try:
        history = model.fit(
            data,
            epochs=epochs,
            validation_data=validation_data,
            shuffle=False,
            verbose=0,
            callbacks=chain,
            **options,
        ).history
    finally:
        # BackupAndRestore has told `fit` so, and nobody takes it back: another
        # training of the same model is to begin at its beginning.
        model._initial_epoch = 0
    return history if backup is None else backup.history


class Backup(keras.callbacks.Callback):
    """Checkpoints after each epoch, by `keras.callbacks.BackupAndRestore`.

    Besides what that keeps (weights, optimizer and epoch) this one keeps the
    state of dropout's random numbers, of early stopping and of the data, and
    the curves. It writes two folders in turns and names the last whole one in
    a third file, so that it can be killed at any time.

    Args:
        folder: Where to. If there is a checkpoint, training goes on from it.
        data: Is moved on to the epoch to go on from.
        best: Remembers the best epoch; its place in the list of callbacks is
            before this one.

    Attributes:
        history: The value of each log after each epoch, from the first.
    """

    def __init__(
        self,
        folder: Path,
        data: keras.utils.PyDataset,
        best: keras.callbacks.EarlyStopping,
    ) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self._folder = folder
        self._data = data
        self._best = best
        self._slots = {
            name: keras.callbacks.BackupAndRestore(
                str(folder / name), delete_checkpoint=False
            )
            for name in ("a", "b")
        }
        self._slot = "b"
        self._first_epoch = 0
        self._seconds = 0.0

    def set_model(self, model: keras.Model) -> None:
        """Takes the model, as Keras gives it to every callback."""
        super().set_model(model)
        for slot in self._slots.values():
            slot.set_model(model)

    def on_train_begin(self, logs: Any = None) -> None:
        """Restores what the last whole checkpoint holds."""
        self._began = time.monotonic()
        latest = _latest(self._folder)
        if latest is None:
            return
        self._slot = latest["slot"]
        self._seconds = latest["seconds"]
        self._first_epoch = latest["epoch"]
        self._slots[self._slot].on_train_begin()
        for _ in range(self._first_epoch):
            self._data.on_epoch_end()
        with np.load(self._state) as state:
            for i, seed in enumerate(self._seeds()):
                seed.assign(state[f"seed_{i}"])
            _set_torch_states(state)
            self._best.best_weights = [
                state[f"weight_{i}"] for i in range(state["weights"])
            ]
            self._best.best = float(state["best"])
            self._best.best_epoch = int(state["best_epoch"])
            self._best.wait = int(state["wait"])
            self.history.update(json.loads(str(state["history"])))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Makes a checkpoint of the epochs before this one."""
        if epoch == self._first_epoch:
            return
        self._slot = "a" if self._slot == "b" else "b"
        self._slots[self._slot].on_epoch_end(epoch - 1)
        weights = self._best.best_weights or []
        arrays: dict[str, Any] = {
            **{f"seed_{i}": s.numpy() for i, s in enumerate(self._seeds())},
            **{f"weight_{i}": weight for i, weight in enumerate(weights)},
            **_torch_states(),
            "weights": len(weights),
            "best": self._best.best,
            "best_epoch": self._best.best_epoch,
            "wait": self._best.wait,
            "history": json.dumps(self.history),
        }
        np.savez(self._state, **arrays)
        seconds = self._seconds + time.monotonic() - self._began
        write_json(
            self._folder / LATEST,
            {"slot": self._slot, "epoch": epoch, "seconds": seconds},
        )

    def on_epoch_end(
        self, epoch: int, logs: Mapping[str, float] | None = None
    ) -> None:
        """Remembers the curves."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))

    @property
    def _state(self) -> Path:
        return self._folder / self._slot / "state.npz"

    def _seeds(self) -> list[Any]:
        """Returns what holds the state of dropout's random numbers."""
        return [v for v in self.model.variables if "seed_generator" in v.path]


def _torch_states() -> dict[str, np.ndarray]:
    """Returns the state of PyTorch's own generators, of which dropout draws."""
    if keras.backend.backend() != "torch":
        return {}
    import torch

    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return {f"torch_{i}": state.numpy() for i, state in enumerate(states)}


def _set_torch_states(states: Mapping[str, np.ndarray]) -> None:
    if keras.backend.backend() != "torch":
        return
    import torch

    torch.set_rng_state(torch.from_numpy(states["torch_0"]))
    for device in range(torch.cuda.device_count()):
        torch.cuda.set_rng_state(
            torch.from_numpy(states[f"torch_{device + 1}"]), device
        )


class _Watch(keras.callbacks.Callback):
    """Tells the context of each epoch; raises when a log is not finite."""

    def __init__(self, context: TrialContext) -> None:
        super().__init__()
        self._context = context

    def on_epoch_end(
        self, epoch: int, logs: Mapping[str, float] | None = None
    ) -> None:
        for name, value in (logs or {}).items():
            if not np.isfinite(value):
                raise DivergedError(
                    f"{name} is {value} after epoch {epoch + 1}"
                )
        self._context.on_epoch(epoch + 1, logs or {})


def _latest(folder: Path) -> dict[str, Any] | None:
    path = folder / LATEST
    return json.loads(path.read_text()) if path.exists() else None

"""Checkpoints, from which a training resumes with the same results."""

import json
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from demos.common.files import atomic
from demos.common.progress import log
from demos.study.trial import CHECKPOINT
from demos.training.task import state_variables

if keras.backend.backend() == "torch":
    import torch


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state of a training before each epoch but the first.

    The state is the weights, the optimizer, the random state of dropout, the
    best epoch so far and the history. It is in one file that is replaced
    atomically, so the process can be killed at any time. If the file is damaged
    or belongs to another trial, training starts from the beginning.

    Args:
        folder: Folder of the file. An existing state is restored when training
            begins.
        best: The preceding callback, which stores the best epoch.
        identity: Identifies study and trial.

    Attributes:
        epoch: Number of epochs before the restored state, or 0.
        history: The value of each log after each of these epochs.
    """

    def __init__(
        self,
        folder: Path,
        best: keras.callbacks.EarlyStopping,
        identity: str = "",
    ) -> None:
        super().__init__()
        self.epoch = 0
        self.history: dict[str, list[float]] = {}
        self._path = folder / CHECKPOINT
        self._identity = identity
        self._best = best
        self._began = time.monotonic()
        self._arrays: dict[str, np.ndarray] = {}
        try:
            # NumPy would leave a damaged file open.
            with self._path.open("rb") as file, np.load(file) as arrays:
                self._arrays = dict(arrays)
            *state, owner = json.loads(str(self._arrays["state"]))
            if owner != identity:
                raise ValueError(f"it belongs to {owner}")
            self._began -= float(self._arrays["seconds"])
            self.epoch, self.history, self._best_state = state
        except FileNotFoundError:
            return
        except Exception as error:  # NumPy may raise anything.
            log(f"{self._path} is ignored ({error}); its trial starts again")
            self._arrays = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Restores the state."""
        if not self._arrays:
            return
        for i, variable in enumerate(state_variables(self.model)):
            # NumPy loads bfloat16 as two raw bytes.
            dtype = keras.ops.convert_to_numpy(variable).dtype
            variable.assign(self._arrays[f"variable{i}"].view(dtype))
        for i, generator in enumerate(_torch_generators()):
            generator.set_state(torch.from_numpy(self._arrays[f"torch{i}"]))
        vars(self._best).update(self._best_state)
        self._best.best_weights = [
            self._arrays[f"best{i}"].view(weight.dtype)
            for i, weight in enumerate(self.model.get_weights())
        ]
        self._arrays = {}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Saves the state after the epochs before this one."""
        if epoch == self.epoch:
            return
        lists = {
            "variable": map(
                keras.ops.convert_to_numpy, state_variables(self.model)
            ),
            "torch": [g.get_state().numpy() for g in _torch_generators()],
            "best": self._best.best_weights or [],
        }
        arrays = {
            f"{name}{i}": array
            for name, values in lists.items()
            for i, array in enumerate(values)
        }
        later = self.model.history.history
        history = {
            name: self.history.get(name, []) + later[name] for name in later
        }
        best = {
            name: getattr(self._best, name)
            for name in ("best", "best_epoch", "wait")
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(self._path) as path:
            np.savez(
                path,
                **arrays,
                seconds=time.monotonic() - self._began,
                state=json.dumps(
                    [epoch, history, best, self._identity], default=float
                ),
            )


def _torch_generators() -> list[Any]:
    """Returns PyTorch's own generators, which its dropout uses."""
    if keras.backend.backend() != "torch":
        return []
    return [torch.default_generator, *torch.cuda.default_generators]

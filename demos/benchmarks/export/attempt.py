"""Exports a model, runs it, and compares; in a process of one backend."""

import tempfile
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from demos.benchmarks.export.models import BATCH, MODELS, inputs
from demos.benchmarks.export.targets import TARGETS
from demos.benchmarks.export.trials import (
    ANY_BATCH,
    FIXED_BATCH,
    NEEDS,
    UNROLLED,
    Trial,
    TrialResult,
)
from demos.common.subprocesses import Emit


def measure(trial: Trial, emit: Emit) -> dict[str, Any]:
    """Makes a trial and returns its result as a dictionary."""
    print(f"\n== {trial}", flush=True)
    return asdict(attempt(trial))


def attempt(trial: Trial) -> TrialResult:
    """Makes a trial on the active backend.

    First with any batch size, and where that does not work, with more of what
    an exporter may need.
    """
    target = TARGETS[trial.format]
    missing = target.absent(trial.backend)
    if missing:
        reason = f"{', '.join(missing)}: not installed"
        return TrialResult(reason=reason, tried=False)
    result = TrialResult()
    needs = list(NEEDS) if trial.model == "lstm" else [ANY_BATCH, FIXED_BATCH]
    for need in [FIXED_BATCH] if target.is_integer else needs:
        try:
            error = compare(trial, need)
        except ImportError as failure:  # The model is not to blame.
            return TrialResult(reason=_reason(failure))
        except Exception as failure:  # Of Keras, a converter or a runtime.
            result = TrialResult(reason=_reason(failure))
            print(result.reason, flush=True)
            continue
        if error <= target.bound:
            return TrialResult(error, need)
        reason = (
            f"differs by {error:.1e} of the largest output, "
            f"{target.bound:g} allowed"
        )
        result = TrialResult(error, need, reason)
    return result


def compare(trial: Trial, need: str = ANY_BATCH) -> float:
    """Runs a model in Keras and elsewhere, and returns the error.

    Raises:
        RuntimeError: The outputs are not finite, or of another shape.
        Exception: What the exporter or the runtime raises.
    """
    target = TARGETS[trial.format]
    keras.utils.set_random_seed(0)
    batch = None if need == ANY_BATCH else BATCH
    model = MODELS[trial.model](trial.activation, batch, need == UNROLLED)
    x = inputs(trial.model)
    expected = keras.ops.convert_to_numpy(model(x))
    with tempfile.TemporaryDirectory() as folder:
        y = np.asarray(target.deploy(model, Path(folder), x)(x))
    if y.shape != expected.shape or not np.isfinite(y).all():
        raise RuntimeError(
            f"it gives {y.ravel()[:4]} of shape {y.shape}, not "
            f"{expected.ravel()[:4]} of shape {expected.shape}"
        )
    scale = 1.0 if target.is_integer else np.max(np.abs(expected))
    return float(np.max(np.abs(y - expected)) / scale)


def _reason(error: Exception) -> str:
    # Not its first line alone: a converter's error often begins with its name.
    return textwrap.shorten(f"{type(error).__name__}: {error}", 280)

"""Exports a model, runs it and compares, in a process with one backend."""

import tempfile
import textwrap
from pathlib import Path

import keras
import numpy as np

from demos.benchmarks.export.models import BATCH, build, inputs
from demos.benchmarks.export.targets import TARGETS
from demos.benchmarks.export.trials import (
    ANY_BATCH,
    FIXED_BATCH,
    NEEDS,
    UNROLLED,
    Trial,
    TrialResult,
)


def measure(trial: Trial) -> TrialResult:
    """Runs a trial on the active backend.

    The first attempt uses a dynamic batch size. If that fails, further attempts
    add requirements of exporters.
    """
    print(f"\n== {trial}", flush=True)
    target = TARGETS[trial.format]
    result = TrialResult()
    needs = list(NEEDS) if trial.model == "lstm" else [ANY_BATCH, FIXED_BATCH]
    for need in [FIXED_BATCH] if target.is_integer else needs:
        try:
            error = compare(trial, need)
        except ImportError as failure:  # A converter or runtime is missing.
            return TrialResult(reason=_reason(failure), tried=False)
        except Exception as failure:  # From Keras, a converter or a runtime.
            result = TrialResult(reason=_reason(failure))
            print(result.reason, flush=True)
            continue
        if error <= target.bound:
            return TrialResult(error, need)
        off = f"differs by {error:.1e} of the largest output"
        result = TrialResult(error, need, f"{off}, {target.bound:g} allowed")
    return result


def compare(trial: Trial, need: str = ANY_BATCH) -> float:
    """Runs a model in Keras and in the runtime, and returns the error."""
    target = TARGETS[trial.format]
    keras.utils.set_random_seed(0)
    batch = None if need == ANY_BATCH else BATCH
    unroll = need == UNROLLED
    model = build(trial.model, trial.activation, batch, unroll)
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
    # Not only the first line, which is often just the name of a converter.
    return textwrap.shorten(f"{type(error).__name__}: {error}", 280)

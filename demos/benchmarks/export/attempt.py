"""Exports a model, runs it, and compares; in a process of one backend."""

import importlib.util
import tempfile
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from demos.benchmarks.export.formats import FORMATS
from demos.benchmarks.export.models import BATCH, MODELS, inputs
from demos.benchmarks.export.targets import TARGETS, deploy
from demos.benchmarks.export.types import (
    ANY_BATCH,
    FIXED_BATCH,
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
    missing = absent(trial)
    if missing:
        reason = f"{', '.join(missing)}: not installed"
        return TrialResult(reason=reason, tried=False)
    result = TrialResult()
    for need in _needs(trial):
        try:
            error = compare(trial, need)
        except ImportError as failure:  # The model is not to blame.
            return TrialResult(reason=_reason(failure))
        except Exception as failure:  # Of Keras, a converter or a runtime.
            result = TrialResult(reason=_reason(failure))
            print(result.reason, flush=True)
            continue
        bound = FORMATS[trial.format].bound
        if error <= bound:
            return TrialResult(error, need)
        reason = (
            f"differs by {error:.1e} of the largest output, {bound:g} allowed"
        )
        result = TrialResult(error, need, reason)
    return result


def absent(trial: Trial) -> list[str]:
    """Lists the modules that a trial needs and that are not installed."""
    chosen = FORMATS[trial.format]
    modules = list(chosen.converters.get(trial.backend, ()))
    if chosen.target:
        modules.append(TARGETS[chosen.target].module)
    return [name for name in modules if importlib.util.find_spec(name) is None]


def _needs(trial: Trial) -> Sequence[str]:
    if not FORMATS[trial.format].target:
        return (ANY_BATCH,)
    if trial.model == "lstm":
        return (ANY_BATCH, FIXED_BATCH, UNROLLED)
    return (ANY_BATCH, FIXED_BATCH)


def compare(trial: Trial, need: str = ANY_BATCH) -> float:
    """Runs a model in Keras and elsewhere, and compares.

    Args:
        trial: On the active backend.
        need: One of `types.NEEDS`.

    Returns:
        The largest difference over the largest output.

    Raises:
        RuntimeError: The outputs are not finite, or of another shape.
        Exception: What the exporter or the runtime raises.
    """
    chosen = FORMATS[trial.format]
    keras.utils.set_random_seed(0)
    batch = None if need == ANY_BATCH else BATCH
    model = MODELS[trial.model](trial.activation, batch, need == UNROLLED)
    x = inputs(trial.model)
    expected = keras.ops.convert_to_numpy(model(x))
    if chosen.quantization:
        quantize(model, chosen.quantization, x)
        y = keras.ops.convert_to_numpy(model(x))
    else:
        with tempfile.TemporaryDirectory() as folder:
            y = np.asarray(deploy(model, chosen.target, Path(folder))(x))
    if y.shape != expected.shape or not np.isfinite(y).all():
        raise RuntimeError(
            f"it gives {y.ravel()[:4]} of shape {y.shape}, not "
            f"{expected.ravel()[:4]} of shape {expected.shape}"
        )
    return float(np.max(np.abs(y - expected)) / np.max(np.abs(expected)))


def quantize(model: keras.Model, mode: str, x: NDArray[Any]) -> None:
    """Quantizes a model, in place, as Keras does.

    Args:
        model: The model.
        mode: "int8", "int4" or "float8"; the last one takes its scales from
            training, which leaves the weights alone here.
        x: Inputs for that.

    Raises:
        RuntimeError: It has no layer that Keras quantizes.
    """
    with warnings.catch_warnings():
        # Each layer that has nothing to quantize says so.
        warnings.simplefilter("ignore", UserWarning)
        model.quantize(mode)
    modes = [
        getattr(layer.dtype_policy, "quantization_mode", None)
        for layer in model._flatten_layers()
    ]
    if mode not in modes:
        raise RuntimeError(f"Keras has quantized no layer to {mode}")
    if mode == "float8":
        y = keras.ops.convert_to_numpy(model(x))
        model.compile(keras.optimizers.SGD(0.0), "mse")
        model.fit(x, y, epochs=2, verbose=0)


def _reason(error: Exception) -> str:
    # Not its first line alone: a converter's error often begins with its name.
    return textwrap.shorten(f"{type(error).__name__}: {error}", 280)

"""The formats, with their exporters, runtimes and error bounds.

Nothing here imports Keras, NumPy, a converter or a runtime.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from demos.benchmarks.export import browser, exporters, runtimes
from demos.common.backend import TRAINING


@dataclass(frozen=True)
class Target:
    """A format and its runtime, with one table row for each backend."""

    label: str
    bound: float  # Error bound.
    package: str  # Package of the runtime.
    suffix: str  # Suffix of the files; empty for a folder.
    export: Callable[[Any, Path, Any], None]
    load: Callable[[Path], runtimes.Run]
    backends: tuple[str, ...] = TRAINING  # Backends that support the format.
    is_integer: bool = False  # Tested only on an activation.

    @property
    def version(self) -> str:
        """The package of the runtime and its version."""
        try:
            return f"{self.package} {metadata.version(self.package)}"
        except metadata.PackageNotFoundError:
            return self.package

    def deploy(self, model: Any, folder: Path, x: Any) -> runtimes.Run:
        """Exports a Keras model to a folder and loads it in its runtime.

        If the model has a dynamic batch size, so has the file. The ranges of
        integers are calibrated with the inputs `x`.
        """
        path = folder / f"model{self.suffix}"
        self.export(model, path, x)
        return self.load(path)


_OPENVINO = "openvino", ".xml", partial(exporters.keras, format="openvino")


def _onnx(label: str, bound: float, export: Any, **options: Any) -> Target:
    package = "onnxruntime", ".onnx"
    return Target(label, bound, *package, export, runtimes.onnx, **options)


def _litert(label: str, bound: float, export: Any, **options: Any) -> Target:
    package = "ai-edge-litert", ".tflite"
    return Target(label, bound, *package, export, runtimes.litert, **options)


def _litert_integer(label: str, operations: str) -> Target:
    # Only TensorFlow's converter supports integer arithmetic.
    options: Any = {"backends": ("tensorflow", "jax"), "is_integer": True}
    export = partial(exporters.litert_integer, operations=operations)
    return _litert(label, math.inf, export, **options)


def _quantized_by_keras(mode: str, bound: float) -> Target:
    export = partial(exporters.keras_quantized, mode=mode)
    package = "keras", ".keras"
    return Target(f"Keras {mode}", bound, *package, export, runtimes.keras)


TARGETS = {
    "saved_model": Target(
        *("SavedModel", 1e-5, "tensorflow", ""),
        partial(exporters.keras, format="tf_saved_model"),
        runtimes.saved_model,
    ),
    "onnx": _onnx("ONNX", 1e-5, partial(exporters.keras, format="onnx")),
    "onnx_web": Target(
        *("ONNX, in Chromium", 1e-5, browser.PACKAGE, ".onnx"),
        *(partial(exporters.keras, format="onnx"), browser.load),
    ),
    # 2^-11 per operation.
    "onnx_float16": _onnx("ONNX, float16", 1e-2, exporters.onnx_float16),
    "openvino": Target(
        *("OpenVINO, f32", 1e-5, *_OPENVINO),
        partial(runtimes.openvino, INFERENCE_PRECISION_HINT="f32"),
    ),
    # It uses bfloat16 if the processor has it: 2^-9 per rounding.
    "openvino_default": Target(
        *("OpenVINO, default", 5e-2, *_OPENVINO), runtimes.openvino
    ),
    "litert": _litert("LiteRT", 1e-5, exporters.litert),
    # 2^-11 per weight.
    "litert_float16": _litert(
        *("LiteRT, float16 weights", 1e-2),
        partial(exporters.litert, weights="float16"),
    ),
    # 1/254 of the largest weight, and of the largest activation.
    "litert_int8": _litert(
        *("LiteRT, int8 dynamic range", 1e-1),
        partial(exporters.litert, weights="int8"),
    ),
    "exported_program": Target(
        *("ExportedProgram", 1e-5, "torch", ".pt2"),
        *(exporters.exported_program, runtimes.exported_program, ("torch",)),
    ),
    "stablehlo": Target(
        *("StableHLO", 1e-5, "jax", ".stablehlo"),
        *(exporters.stablehlo, runtimes.stablehlo, ("jax",)),
    ),
    "keras_int8": _quantized_by_keras("int8", 1e-1),
    # 2^-4 per weight and per activation.
    "keras_float8": _quantized_by_keras("float8", 2e-1),
    # 1/14 of the largest weight.
    "keras_int4": _quantized_by_keras("int4", 5e-1),
    "litert_full_int8": _litert_integer("LiteRT, int8", "TFLITE_BUILTINS_INT8"),
    "litert_16x8": _litert_integer(
        "LiteRT, int16 with int8 weights",
        "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8",
    ),
    "onnx_int8": _onnx(
        "ONNX, int8 (QDQ)", math.inf, exporters.onnx_integer, is_integer=True
    ),
}

"""The formats: how each is written, what runs it, and how exact it should be.

Nothing here imports Keras, NumPy, a converter or a runtime.
"""

import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from demos.benchmarks.export import exporters, runtimes

BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True)
class Target:
    """A format and its runtime: a row of the table for each backend."""

    label: str
    bound: float  # Of the error.
    package: str  # The distribution of the runtime.
    suffix: str  # Of the files; empty for a folder.
    export: Callable[[Any, Path, Any], None]
    load: Callable[[Path], runtimes.Run]
    backends: tuple[str, ...] = BACKENDS  # Those that have such a format.
    # Modules that are needed to convert, on each backend.
    converters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_integer: bool = False  # Tried on an activation alone.

    @property
    def is_installed(self) -> bool:
        """Whether the runtime is installed."""
        return not self.absent("")

    @property
    def version(self) -> str:
        """The package of the runtime and its version."""
        try:
            return f"{self.package} {metadata.version(self.package)}"
        except metadata.PackageNotFoundError:
            return self.package

    def absent(self, backend: str) -> list[str]:
        """Lists the modules that are missing: the runtime and converters."""
        modules = (
            self.package.replace("-", "_"),
            *self.converters.get(backend, ()),
        )
        return [m for m in modules if importlib.util.find_spec(m) is None]

    def deploy(self, model: Any, folder: Path, x: Any) -> runtimes.Run:
        """Exports a Keras model to a folder and loads it in its runtime.

        Args:
            model: A Keras model of one input and one output, on the active
                backend. If its batch size is None, so is that of the file.
            folder: A folder for the file.
            x: Inputs of the model.
        """
        path = folder / f"model{self.suffix}"
        self.export(model, path, x)
        return self.load(path)


_ONNX: dict[str, Any] = {
    "package": "onnxruntime",
    "suffix": ".onnx",
    "load": runtimes.onnx,
    "converters": {
        "tensorflow": ("tf2onnx",),
        "jax": ("jax2onnx",),
        "torch": ("onnx", "onnxscript"),
    },
}
_OPENVINO = "openvino", ".xml", partial(exporters.keras, format="openvino")
_LITERT: dict[str, Any] = {
    "package": "ai-edge-litert",
    "suffix": ".tflite",
    "load": runtimes.litert,
    "converters": {"jax": ("tensorflow",), "torch": ("litert_torch",)},
}
_SMALLER_LITERT = _LITERT | {
    "converters": {
        "jax": ("tensorflow",),
        "torch": ("litert_torch", "ai_edge_quantizer"),
    }
}
# TensorFlow's converter has the integer arithmetic.
_INTEGER_LITERT = _LITERT | {
    "backends": ("tensorflow", "jax"),
    "is_integer": True,
}


def _quantized_by_keras(mode: str, bound: float) -> Target:
    export = partial(exporters.keras_quantized, mode=mode)
    label = f"Keras {mode}"
    return Target(label, bound, "keras", ".keras", export, runtimes.keras)


TARGETS = {
    "saved_model": Target(
        *("SavedModel", 1e-5, "tensorflow", ""),
        partial(exporters.keras, format="tf_saved_model"),
        runtimes.saved_model,
    ),
    "onnx": Target(
        *("ONNX", 1e-5), export=partial(exporters.keras, format="onnx"), **_ONNX
    ),
    "openvino": Target(
        *("OpenVINO, f32", 1e-5, *_OPENVINO),
        partial(runtimes.openvino, INFERENCE_PRECISION_HINT="f32"),
    ),
    # It chooses bfloat16 where the processor has it: 2^-9 a rounding.
    "openvino_default": Target(
        *("OpenVINO, default", 5e-2, *_OPENVINO), runtimes.openvino
    ),
    "litert": Target("LiteRT", 1e-5, export=exporters.litert, **_LITERT),
    # 2^-11 a weight.
    "litert_float16": Target(
        *("LiteRT, float16 weights", 1e-2),
        export=partial(exporters.litert, weights="float16"),
        **_SMALLER_LITERT,
    ),
    # 1/254 of the largest weight, and of the largest activation.
    "litert_int8": Target(
        *("LiteRT, int8 dynamic range", 1e-1),
        export=partial(exporters.litert, weights="int8"),
        **_SMALLER_LITERT,
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
    # 2^-4 a weight and an activation.
    "keras_float8": _quantized_by_keras("float8", 2e-1),
    # 1/14 of the largest weight.
    "keras_int4": _quantized_by_keras("int4", 5e-1),
    "litert_full_int8": Target(
        *("LiteRT, int8", math.inf),
        export=partial(
            exporters.litert_integer, operations="TFLITE_BUILTINS_INT8"
        ),
        **_INTEGER_LITERT,
    ),
    "litert_16x8": Target(
        *("LiteRT, int16 with int8 weights", math.inf),
        export=partial(
            exporters.litert_integer,
            operations="EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_"
            "WEIGHTS_INT8",
        ),
        **_INTEGER_LITERT,
    ),
    "onnx_int8": Target(
        *("ONNX, int8 (QDQ)", math.inf),
        export=exporters.onnx_integer,
        is_integer=True,
        **_ONNX,
    ),
}

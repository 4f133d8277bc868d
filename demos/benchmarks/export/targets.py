"""The targets of an export: how each is written, and what runs it."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Run = Callable[[Array], Array]


@dataclass(frozen=True)
class Target:
    """A file format and its runtime.

    Attributes:
        package: The distribution of the runtime.
        module: Its module.
        suffix: Of the files; empty for a folder.
        format: Keras' name of the format.
        runtime: The module in `runtimes` that loads a file. It needs neither
            Keras nor keras_serf.
        exporter: The module in `exporters` that writes a file.
        weights: The dtype that weights are converted to; empty for none.
        hints: Further arguments of `load`.
    """

    package: str
    module: str
    suffix: str
    format: str
    runtime: str
    exporter: str = "keras"
    weights: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_installed(self) -> bool:
        """Whether the runtime is installed."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """The package of the runtime and its version."""
        try:
            return f"{self.package} {metadata.version(self.package)}"
        except metadata.PackageNotFoundError:
            return self.package

    def export(self, model: Any, path: Path) -> None:
        """Writes a Keras model of one input and one output.

        Raises:
            Exception: What Keras or the converter raises.
        """
        module = importlib.import_module(
            f"{__package__}.exporters.{self.exporter}"
        )
        options = {"weights": self.weights} if self.weights else {}
        module.export(model, path, self.format, **options)

    def load(self, path: Path) -> Run:
        """Reads a file and returns a function of the input.

        Raises:
            Exception: What the runtime raises.
        """
        module = importlib.import_module(
            f"{__package__}.runtimes.{self.runtime}"
        )
        return module.load(path, **self.hints)


def deploy(model: Any, target: str, folder: Path) -> Run:
    """Exports a model and loads it in its runtime.

    Args:
        model: A Keras model of one input and one output, on the active
            backend. If its batch size is None, so is that of the file.
        target: One of `TARGETS`.
        folder: A folder for the file.

    Returns:
        A function from the input, an array, to the output.
    """
    chosen = TARGETS[target]
    path = folder / f"model{chosen.suffix}"
    chosen.export(model, path)
    return chosen.load(path)


_OPENVINO = ("openvino", "openvino", ".xml", "openvino", "openvino")
_LITERT = ("ai-edge-litert", "ai_edge_litert", ".tflite", "litert", "litert")

TARGETS = {
    "saved_model": Target(
        *("tensorflow", "tensorflow", "", "tf_saved_model", "saved_model")
    ),
    "onnx": Target("onnxruntime", "onnxruntime", ".onnx", "onnx", "onnx"),
    "openvino": Target(*_OPENVINO, hints={"INFERENCE_PRECISION_HINT": "f32"}),
    # It may choose bfloat16 by itself.
    "openvino_default": Target(*_OPENVINO),
    "litert": Target(*_LITERT, exporter="litert"),
    "litert_float16": Target(*_LITERT, exporter="litert", weights="float16"),
    "litert_int8": Target(*_LITERT, exporter="litert", weights="int8"),
    "exported_program": Target(
        *("torch", "torch", ".pt2", "torch", "exported_program"),
        exporter="exported_program",
    ),
    "stablehlo": Target(
        *("jax", "jax", ".stablehlo", "", "stablehlo"), exporter="stablehlo"
    ),
}

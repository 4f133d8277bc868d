"""The formats: rows of the table, with bounds of their errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True)
class Format:
    """A row of the table.

    Attributes:
        label: What the table calls it.
        bound: Of the error.
        target: In `targets.TARGETS`; empty if Keras runs it.
        quantization: Keras' name of it; empty if there is none.
        backends: Where there is such a format at all.
        converters: Modules that are needed to convert, on each backend.
    """

    label: str
    bound: float
    target: str = ""
    quantization: str = ""
    backends: tuple[str, ...] = BACKENDS
    converters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_TO_ONNX = {
    "tensorflow": ("tf2onnx",),
    "jax": ("jax2onnx",),
    "torch": ("onnx", "onnxscript"),
}
_TO_LITERT = {"jax": ("tensorflow",), "torch": ("litert_torch",)}
_TO_QUANTIZED_LITERT = {
    **_TO_LITERT,
    "torch": ("litert_torch", "ai_edge_quantizer"),
}

FORMATS = {
    "saved_model": Format("SavedModel", 1e-5, "saved_model"),
    "onnx": Format("ONNX", 1e-5, "onnx", converters=_TO_ONNX),
    "openvino": Format("OpenVINO, f32", 1e-5, "openvino"),
    # It chooses bfloat16 where the processor has it: 2^-9 a rounding.
    "openvino_default": Format("OpenVINO, default", 5e-2, "openvino_default"),
    "litert": Format("LiteRT", 1e-5, "litert", converters=_TO_LITERT),
    # 2^-11 a weight.
    "litert_float16": Format(
        *("LiteRT, float16 weights", 1e-2, "litert_float16"),
        converters=_TO_QUANTIZED_LITERT,
    ),
    # 1/254 of the largest weight, and of the largest activation.
    "litert_int8": Format(
        *("LiteRT, int8 dynamic range", 1e-1, "litert_int8"),
        converters=_TO_QUANTIZED_LITERT,
    ),
    "exported_program": Format(
        "ExportedProgram", 1e-5, "exported_program", backends=("torch",)
    ),
    "stablehlo": Format("StableHLO", 1e-5, "stablehlo", backends=("jax",)),
    "keras_int8": Format("Keras int8", 1e-1, quantization="int8"),
    # 2^-4 a weight and an activation.
    "keras_float8": Format("Keras float8", 2e-1, quantization="float8"),
    # 1/14 of the largest weight.
    "keras_int4": Format("Keras int4", 5e-1, quantization="int4"),
}

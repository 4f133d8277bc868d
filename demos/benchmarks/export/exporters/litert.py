"""LiteRT, by the converter for the active backend."""

import tempfile
from pathlib import Path
from typing import Any

import keras

from demos.benchmarks.export.exporters import keras as keras_exporter
from demos.benchmarks.export.runtimes.litert import dtypes


def export(model: Any, path: Path, format: str, weights: str = "") -> None:
    """Writes a LiteRT file without operations of TensorFlow.

    Args:
        model: A Keras model.
        path: The file.
        format: "litert".
        weights: "float16" or "int8", the dtype that weights become; empty to
            leave them as they are.

    Raises:
        RuntimeError: The converter left no weights in that dtype.
    """
    if keras.backend.backend() == "torch":
        keras_exporter.export(model, path, format)
        if weights:
            _quantize(path, weights)
    else:
        _convert(model, path, weights)
    if weights and weights not in dtypes(path):
        # TensorFlow leaves tensors of less than 1024 numbers alone.
        raise RuntimeError(f"the converter left no weights in {weights}")


def _convert(model: Any, path: Path, weights: str) -> None:
    """Converts a model from TensorFlow or JAX."""
    import tensorflow as tf  # PyTorch does not need it.

    # Keras would allow operations of TensorFlow too, through Flex.
    specification: dict[str, Any] = {
        "supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]
    }
    if weights == "float16":
        specification["supported_types"] = [tf.float16]
    optimizations = [tf.lite.Optimize.DEFAULT] if weights else []
    if keras.backend.backend() == "tensorflow":
        keras_exporter.export(
            *(model, path, "litert"),
            target_spec=specification,
            optimizations=optimizations,
        )
        return
    # Keras has no such export from JAX; a SavedModel is the way.
    with tempfile.TemporaryDirectory() as folder:
        keras_exporter.export(model, Path(folder), "tf_saved_model")
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        for name, value in specification.items():
            setattr(converter.target_spec, name, value)
        converter.optimizations = optimizations
        path.write_bytes(converter.convert())


def _quantize(path: Path, weights: str) -> None:
    """Quantizes a file that does not come from TensorFlow."""
    from ai_edge_quantizer import quantizer  # Only PyTorch needs it.
    from ai_edge_quantizer.qtyping import TFLOperationName

    every = (".*", TFLOperationName.ALL_SUPPORTED)
    work = quantizer.Quantizer(str(path))
    if weights == "int8":
        work.add_dynamic_config(*every, num_bits=8)
    else:
        work.add_weight_only_config(
            *every, num_bits=16, algorithm_key="float_casting"
        )
    work.quantize().export_model(str(path), overwrite=True)

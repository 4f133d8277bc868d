"""Exporters: each writes a Keras model with one input and output to a path.

Some calibrate the ranges of integers with inputs `x` of the model. Each imports
its converter locally, because few are installed on one machine.
"""

import importlib.util
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from demos.benchmarks.export.runtimes import litert_dtypes


def keras(model: Any, path: Path, x: Any, format: str, **options: Any) -> None:
    """Writes a format of Keras; a fixed batch size stays fixed."""
    from keras import InputSpec

    (inputs,) = model.inputs
    if inputs.shape[0] is not None:
        # Keras would not keep the fixed batch size.
        spec = {"shape": inputs.shape, "dtype": inputs.dtype}
        options["input_signature"] = [InputSpec(**spec, name=inputs.name)]
    model.export(str(path), format=format, verbose=False, **options)


def exported_program(model: Any, path: Path, x: Any) -> None:
    """Writes a PyTorch exported program."""
    import torch

    options = {}
    if model.inputs[0].shape[0] is None:
        options = {"dynamic_shapes": {0: torch.export.Dim("batch")}}
    keras(model, path, x, "torch", **options)


def stablehlo(model: Any, path: Path, x: Any) -> None:
    """Writes StableHLO with JAX."""
    import jax
    from jax import export

    batch, *shape = model.inputs[0].shape
    if batch is None:
        (batch,) = export.symbolic_shape("batch")
    inputs = jax.ShapeDtypeStruct((batch, *shape), model.inputs[0].dtype)
    function = jax.jit(lambda x: model(x, training=False))
    path.write_bytes(export.export(function)(inputs).serialize())


def litert(model: Any, path: Path, x: Any, weights: str = "") -> None:
    """Writes a LiteRT file; its weights may become "float16" or "int8"."""
    from keras import backend

    if backend.backend() == "torch":
        # Keras would tell users to install it next to everything else.
        if importlib.util.find_spec("litert_torch") is None:
            raise ImportError(
                "litert-torch needs its own environment; see demos/README.md"
            )
        keras(model, path, x, "litert")
        if weights:
            _quantize_weights(path, weights)
    else:
        import tensorflow as tf

        specification = {
            # Keras would also allow TensorFlow operations through Flex.
            "supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS],
            "supported_types": [tf.float16] if weights == "float16" else [],
        }
        optimizations = [tf.lite.Optimize.DEFAULT] if weights else []
        _convert(model, path, specification, optimizations=optimizations)
    if weights and weights not in litert_dtypes(path):
        # TensorFlow does not quantize tensors with fewer than 1024 numbers.
        raise RuntimeError(f"the converter left no weights in {weights}")


def litert_integer(model: Any, path: Path, x: Any, operations: str) -> None:
    """Writes a LiteRT file that computes only in integers.

    `operations` names a `tf.lite.OpsSet`, which sets their sizes.
    """
    import tensorflow as tf

    _convert(
        *(model, path, {"supported_ops": [tf.lite.OpsSet[operations]]}),
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: [[x]],
    )


def _convert(
    model: Any, path: Path, specification: dict[str, Any], **options: Any
) -> None:
    """Converts a TensorFlow or JAX model with TensorFlow's converter."""
    import tensorflow as tf
    from keras import backend

    if backend.backend() == "tensorflow":
        keras(model, path, None, "litert", target_spec=specification, **options)
        return
    # Keras has no such export from JAX, so a SavedModel is used.
    with tempfile.TemporaryDirectory() as folder:
        keras(model, Path(folder), None, "tf_saved_model")
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        for name, value in specification.items():
            setattr(converter.target_spec, name, value)
        for name, value in options.items():
            setattr(converter, name, value)
        path.write_bytes(converter.convert())


def _quantize_weights(path: Path, weights: str) -> None:
    """Quantizes a LiteRT file that was not made by TensorFlow."""
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer.qtyping import TFLOperationName

    every = (".*", TFLOperationName.ALL_SUPPORTED)
    work = quantizer.Quantizer(str(path))
    if weights == "int8":
        work.add_dynamic_config(*every, num_bits=8)
    else:
        cast = {"num_bits": 16, "algorithm_key": "float_casting"}
        work.add_weight_only_config(*every, **cast)
    work.quantize().export_model(str(path), overwrite=True)


def onnx_float16(model: Any, path: Path, x: Any) -> None:
    """Writes an ONNX file that computes in float16 (ONNX Runtime)."""
    import onnx
    from onnxruntime.transformers import float16

    keras(model, path, x, "onnx")
    # The converter breaks loops where it leaves these two in float32.
    left = sorted({*float16.DEFAULT_OP_BLOCK_LIST} - {"Max", "Min"})
    options = {"keep_io_types": True, "op_block_list": left}
    half = float16.convert_float_to_float16(onnx.load(path), **options)
    onnx.save(half, path)


def onnx_integer(model: Any, path: Path, x: Any) -> None:
    """Writes an ONNX file with int8 between operations (ONNX Runtime)."""
    from onnxruntime import InferenceSession, quantization

    whole = path.with_name(f"float-{path.name}")
    keras(model, whole, x, "onnx")
    (source,) = InferenceSession(str(whole)).get_inputs()
    batches = iter([{source.name: x}])
    reader = SimpleNamespace(get_next=lambda: next(batches, None))
    quantization.quantize_static(str(whole), str(path), reader)


def keras_quantized(model: Any, path: Path, x: Any, mode: str) -> None:
    """Saves a model that Keras has quantized to "int8", "int4" or "float8"."""
    from keras import ops, optimizers

    with warnings.catch_warnings():
        # Keras warns for each layer that has nothing to quantize.
        warnings.simplefilter("ignore", UserWarning)
        model.quantize(mode)
    modes = [
        getattr(layer.dtype_policy, "quantization_mode", None)
        for layer in model._flatten_layers()
    ]
    if mode not in modes:
        raise RuntimeError(f"Keras has quantized no layer to {mode}")
    if mode == "float8":  # Training sets only the scales here.
        y = ops.convert_to_numpy(model(x))
        model.compile(optimizers.SGD(0.0), "mse")
        model.fit(x, y, epochs=2, verbose=0)
    model.save(path)

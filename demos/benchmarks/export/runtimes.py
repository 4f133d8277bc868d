"""Exports Keras models to the runtimes of other makers, and runs them there.

A target's `export` needs Keras and the maker's converter; its `load` needs the
runtime alone, neither Keras nor keras_serf. What cannot be had raises whatever
Keras, the converter or the runtime raise.
"""

import functools
import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Run = Callable[[Array], Array]


@dataclass(frozen=True)
class Target:
    """A file format: how it is written, and how it is run.

    Attributes:
        package: The distribution that runs it.
        module: Its module.
        suffix: Of its files; empty for a folder.
        export: Writes a Keras model of one input and one output to a path.
        load: Reads it; returns a function of the input.
    """

    package: str
    module: str
    suffix: str
    export: Callable[[Any, Path], None]
    load: Callable[[Path], Run]

    @property
    def is_installed(self) -> bool:
        """Whether its runtime is."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """The package and its version."""
        try:
            return f"{self.package} {metadata.version(self.package)}"
        except metadata.PackageNotFoundError:
            return self.package


def deploy(model: Any, target: str, folder: Path) -> Run:
    """Exports a model, and loads it in its runtime.

    Args:
        model: A Keras model of one input and one output, on the active
            backend. If its batch size is None, so is that of the file.
        target: One of `TARGETS`.
        folder: Where the file goes.

    Returns:
        A function of the input, an array, to the output.
    """
    chosen = TARGETS[target]
    path = folder / f"model{chosen.suffix}"
    chosen.export(model, path)
    return chosen.load(path)


# Export: needs Keras.


def _export(format: str, model: Any, path: Path, **options: Any) -> None:
    import keras

    (x,) = model.inputs
    if x.shape[0] is not None:
        # Keras forgets it.
        options["input_signature"] = [
            keras.InputSpec(shape=x.shape, dtype=x.dtype, name=x.name)
        ]
    model.export(str(path), format=format, verbose=False, **options)


def _export_program(model: Any, path: Path) -> None:
    import torch

    options = {}
    if model.inputs[0].shape[0] is None:
        options = {"dynamic_shapes": {0: torch.export.Dim("batch")}}
    _export("torch", model, path, **options)


def _export_stablehlo(model: Any, path: Path) -> None:
    import jax
    from jax import export

    batch, *shape = model.inputs[0].shape
    if batch is None:
        (batch,) = export.symbolic_shape("batch")
    x = jax.ShapeDtypeStruct((batch, *shape), model.inputs[0].dtype)
    function = jax.jit(lambda x: model(x, training=False))
    path.write_bytes(export.export(function)(x).serialize())


def _export_litert(model: Any, path: Path, weights: str = "") -> None:
    # `weights` become "float16", or "int8", or stay as they are.
    import keras

    if keras.backend.backend() == "torch":
        _export("litert", model, path)
        if weights:
            _quantize_litert(path, weights)
    else:
        _convert_litert(model, path, weights)
    if weights and weights not in litert_dtypes(path):
        # TensorFlow leaves tensors of less than 1024 numbers alone.
        raise RuntimeError(f"the converter left no weights in {weights}")


def _convert_litert(model: Any, path: Path, weights: str) -> None:
    import keras
    import tensorflow as tf

    # Keras would allow operations of TensorFlow too, by way of Flex.
    specification: dict[str, Any] = {
        "supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]
    }
    if weights == "float16":
        specification["supported_types"] = [tf.float16]
    optimizations = [tf.lite.Optimize.DEFAULT] if weights else []
    if keras.backend.backend() == "tensorflow":
        _export(
            *("litert", model, path),
            target_spec=specification,
            optimizations=optimizations,
        )
        return
    # Keras has no such export from JAX; it goes by way of a SavedModel.
    with tempfile.TemporaryDirectory() as folder:
        _export("tf_saved_model", model, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        for name, value in specification.items():
            setattr(converter.target_spec, name, value)
        converter.optimizations = optimizations
        path.write_bytes(converter.convert())


def _quantize_litert(path: Path, weights: str) -> None:
    # What LiteRT has for files that do not come from TensorFlow.
    from ai_edge_quantizer import quantizer
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


# Run: needs no Keras.


def _load_saved_model(path: Path) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    # What TensorFlow Serving calls, too.
    serve = loaded.signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]

    def run(x: Array) -> Array:
        (y,) = serve(**{name: tf.constant(x)}).values()
        return y.numpy()

    # Its variables live as long as it does.
    run.loaded = loaded  # type: ignore[attr-defined]
    return run


def _load_onnx(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]


def _load_openvino(path: Path, **hints: str) -> Run:
    import openvino

    core = openvino.Core()
    model = core.compile_model(core.read_model(path), "CPU", hints)
    return lambda x: model([x])[0]


def _load_litert(path: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    foreign = custom_operations(path)
    if foreign:
        raise RuntimeError(f"LiteRT has no {', '.join(foreign)} of its own")
    # From memory: the file may be gone by then.
    interpreter = Interpreter(model_content=path.read_bytes())
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def run(x: Array) -> Array:
        interpreter.resize_tensor_input(source, x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source, x)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return run


def _load_program(path: Path) -> Run:
    import torch

    run = torch.export.load(path).module()

    def call(x: Array) -> Array:
        with torch.no_grad():
            return run(torch.from_numpy(x)).numpy()

    return call


def _load_stablehlo(path: Path) -> Run:
    from jax import export

    program = export.deserialize(bytearray(path.read_bytes()))
    return lambda x: np.asarray(program.call(x))


def custom_operations(path: Path) -> list[str]:
    """Lists the operations of a LiteRT file that LiteRT does not have.

    Args:
        path: The file.

    Returns:
        Their names, Flex operations of TensorFlow among them; none if LiteRT
        alone can run it.
    """
    codes = _litert(path).operatorCodes
    return sorted({c.customCode.decode() for c in codes if c.customCode})


def litert_dtypes(path: Path) -> set[str]:
    """Lists the dtypes of the tensors in a LiteRT file.

    Args:
        path: The file.

    Returns:
        Their names, such as "float16".
    """
    from ai_edge_litert.schema_py_generated import TensorType

    names = {
        number: name.lower()
        for name, number in vars(TensorType).items()
        if isinstance(number, int)
    }
    graphs = _litert(path).subgraphs
    return {names[tensor.type] for graph in graphs for tensor in graph.tensors}


def _litert(path: Path) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    content = schema.Model.GetRootAs(path.read_bytes(), 0)
    return schema.ModelT.InitFromObj(content)


_onnx = functools.partial(_export, "onnx")
_openvino = functools.partial(_export, "openvino")
_LITERT = ("ai-edge-litert", "ai_edge_litert", ".tflite")

TARGETS = {
    "saved_model": Target(
        *("tensorflow", "tensorflow", ""),
        functools.partial(_export, "tf_saved_model"),
        _load_saved_model,
    ),
    "onnx": Target("onnxruntime", "onnxruntime", ".onnx", _onnx, _load_onnx),
    "openvino": Target(
        *("openvino", "openvino", ".xml"),
        _openvino,
        functools.partial(_load_openvino, INFERENCE_PRECISION_HINT="f32"),
    ),
    # It may choose bfloat16 of its own accord.
    "openvino_default": Target(
        "openvino", "openvino", ".xml", _openvino, _load_openvino
    ),
    "litert": Target(*_LITERT, _export_litert, _load_litert),
    "litert_float16": Target(
        *_LITERT,
        functools.partial(_export_litert, weights="float16"),
        _load_litert,
    ),
    "litert_int8": Target(
        *_LITERT,
        functools.partial(_export_litert, weights="int8"),
        _load_litert,
    ),
    "exported_program": Target(
        "torch", "torch", ".pt2", _export_program, _load_program
    ),
    "stablehlo": Target(
        "jax", "jax", ".stablehlo", _export_stablehlo, _load_stablehlo
    ),
}

"""Runtimes: each loads a file with one input and output as a function.

Each is imported locally, because few are installed on one machine. Only Keras
needs keras_serf.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[[Any], Any]


def saved_model(path: Path) -> Run:
    """Loads a SavedModel and calls it like TensorFlow Serving."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))

    def run(x: Any) -> Any:
        serve = loaded.signatures["serving_default"]
        (name,) = serve.structured_input_signature[1]
        (y,) = serve(**{name: tf.constant(x)}).values()
        return y.numpy()

    return run


def onnx(path: Path) -> Run:
    """Loads an ONNX file with ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]


def openvino(path: Path, **hints: str) -> Run:
    """Loads an OpenVINO file; hints are properties of the compiled model."""
    from openvino import Core

    core = Core()
    model = core.compile_model(core.read_model(path), "CPU", hints)
    return lambda x: model([x])[0]


def exported_program(path: Path) -> Run:
    """Loads an exported program with PyTorch."""
    import torch

    module = torch.export.load(path).module()
    return torch.no_grad()(lambda x: module(torch.from_numpy(x)).numpy())


def stablehlo(path: Path) -> Run:
    """Loads a StableHLO file with JAX."""
    import numpy as np
    from jax import export

    program = export.deserialize(bytearray(path.read_bytes()))
    return lambda x: np.asarray(program.call(x))


def keras(path: Path) -> Run:
    """Loads a Keras file."""
    from keras import ops, saving

    model = saving.load_model(path)
    return lambda x: ops.convert_to_numpy(model(x))


def litert(path: Path) -> Run:
    """Loads a LiteRT file.

    Raises:
        RuntimeError: If it has operations that are not built into LiteRT.
    """
    from ai_edge_litert.interpreter import Interpreter

    foreign = custom_operations(path)
    if foreign:
        raise RuntimeError(f"LiteRT has no built-in {', '.join(foreign)}")
    # From memory, because the file may be deleted.
    interpreter = Interpreter(model_content=path.read_bytes())
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def run(x: Any) -> Any:
        interpreter.resize_tensor_input(source, x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source, x)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return run


def custom_operations(path: Path) -> list[str]:
    """Lists the operations of a LiteRT file that are not built into LiteRT.

    This includes Flex operations of TensorFlow.
    """
    codes = _read_litert(path).operatorCodes
    return sorted({c.customCode.decode() for c in codes if c.customCode})


def litert_dtypes(path: Path) -> set[str]:
    """Returns the dtypes of the tensors in a LiteRT file, such as "float16"."""
    from ai_edge_litert.schema_py_generated import TensorType

    names = {
        number: name.lower()
        for name, number in vars(TensorType).items()
        if isinstance(number, int)
    }
    graphs = _read_litert(path).subgraphs
    return {names[tensor.type] for graph in graphs for tensor in graph.tensors}


def _read_litert(path: Path) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    content = schema.Model.GetRootAs(path.read_bytes(), 0)
    return schema.ModelT.InitFromObj(content)

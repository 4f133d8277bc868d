"""LiteRT files in LiteRT, and what is in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter


def load(path: Path) -> Callable[[Any], Any]:
    """Loads a LiteRT file of one input and one output.

    Raises:
        RuntimeError: It has operations that are not LiteRT's own.
    """
    foreign = custom_operations(path)
    if foreign:
        raise RuntimeError(f"LiteRT has no {', '.join(foreign)} of its own")
    # From memory: the file may be gone by then.
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
    """Lists the operations of a file that LiteRT does not have.

    Returns:
        Their names, Flex operations of TensorFlow among them; none if LiteRT
        alone can run the file.
    """
    codes = _read(path).operatorCodes
    return sorted({c.customCode.decode() for c in codes if c.customCode})


def dtypes(path: Path) -> set[str]:
    """Returns the dtypes of the tensors in a file, such as "float16"."""
    names = {
        number: name.lower()
        for name, number in vars(schema.TensorType).items()
        if isinstance(number, int)
    }
    graphs = _read(path).subgraphs
    return {names[tensor.type] for graph in graphs for tensor in graph.tensors}


def _read(path: Path) -> Any:
    content = schema.Model.GetRootAs(path.read_bytes(), 0)
    return schema.ModelT.InitFromObj(content)

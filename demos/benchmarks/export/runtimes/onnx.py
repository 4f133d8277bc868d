"""ONNX files in ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime


def load(path: Path) -> Callable[[Any], Any]:
    """Loads an ONNX file of one input and one output."""
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]

"""OpenVINO files in OpenVINO."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openvino


def load(path: Path, **hints: str) -> Callable[[Any], Any]:
    """Loads an OpenVINO file of one input and one output.

    Args:
        path: The file.
        **hints: Properties of the compiled model.
    """
    core = openvino.Core()
    model = core.compile_model(core.read_model(path), "CPU", hints)
    return lambda x: model([x])[0]

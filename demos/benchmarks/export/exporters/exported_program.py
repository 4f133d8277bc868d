"""Exported programs of PyTorch."""

from pathlib import Path
from typing import Any

import torch

from demos.benchmarks.export.exporters import keras as keras_exporter


def export(model: Any, path: Path, format: str) -> None:
    """Writes an exported program, whose batch size is that of the model."""
    options = {}
    if model.inputs[0].shape[0] is None:
        options = {"dynamic_shapes": {0: torch.export.Dim("batch")}}
    keras_exporter.export(model, path, format, **options)

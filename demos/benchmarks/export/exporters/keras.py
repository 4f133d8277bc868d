"""Keras' own exporter."""

from pathlib import Path
from typing import Any

import keras


def export(model: Any, path: Path, format: str, **options: Any) -> None:
    """Writes a model; a fixed batch size stays fixed.

    Args:
        model: A Keras model of one input.
        path: The file or folder.
        format: Keras' name of the format.
        **options: Further arguments of `Model.export`.
    """
    (x,) = model.inputs
    if x.shape[0] is not None:
        # Keras would forget it.
        options["input_signature"] = [
            keras.InputSpec(shape=x.shape, dtype=x.dtype, name=x.name)
        ]
    model.export(str(path), format=format, verbose=False, **options)

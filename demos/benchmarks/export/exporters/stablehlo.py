"""StableHLO, by JAX."""

from pathlib import Path
from typing import Any

import jax
from jax import export as jax_export


def export(model: Any, path: Path, format: str) -> None:
    """Writes StableHLO, whose batch size is that of the model."""
    batch, *shape = model.inputs[0].shape
    if batch is None:
        (batch,) = jax_export.symbolic_shape("batch")
    x = jax.ShapeDtypeStruct((batch, *shape), model.inputs[0].dtype)
    function = jax.jit(lambda x: model(x, training=False))
    path.write_bytes(jax_export.export(function)(x).serialize())

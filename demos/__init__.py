"""Experiments with Serf: commands, notebooks, and `compare` for any model."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Imports `compare` on first use, because it starts Keras."""
    if name == "compare":
        from demos.tasks.compare.compare import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

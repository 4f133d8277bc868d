"""Does Serf help? Commands, notebooks, and `compare` for your own model."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Imports `compare` when it is asked for: it starts Keras."""
    if name == "compare":
        from demos.tasks.compare.compare import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

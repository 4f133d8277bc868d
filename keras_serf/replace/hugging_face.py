"""Prevents exports to Hugging Face with a wrong activation.

KerasHub's exporters write the fixed activation of a backbone's class into
Hugging Face's config (`hidden_act: silu` for Mistral, Llama 3 and Qwen), even
if the model has another one. KerasHub selects the exporter by the name of the
class. Therefore, the class of a backbone with other activations gets an unknown
name, and KerasHub raises an error before it writes anything.
"""

from typing import Any


def without_export(cls: type) -> tuple[str, dict[str, Any]]:
    """Returns the name and the namespace of a subclass with new activations.

    Args:
        cls: The class that fixes the activations.

    Returns:
        The name of the subclass and additions to its namespace. These are the
        name of `cls` and no additions, unless KerasHub may export `cls`.
    """
    if not is_exported(cls):
        return cls.__name__, {}
    name = f"{cls.__name__}WithOtherActivations"
    return name, {"export_to_transformers": _refuse}


def is_exported(cls: type) -> bool:
    """Returns whether KerasHub may have an exporter for a class."""
    return hasattr(cls, "export_to_transformers")


def _refuse(self: Any, path: Any) -> None:
    """Raises a `ValueError`: the export would have the old activations."""
    raise ValueError(
        "Expected a model with the activations of its class, because KerasHub "
        "always writes those into Hugging Face's config. "
        f"Received: {type(self).__name__} {self.name!r}"
    )

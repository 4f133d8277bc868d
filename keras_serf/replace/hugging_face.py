"""Refuses exports to Hugging Face that would compute another activation.

KerasHub's exporters write into Hugging Face's config the activation that a
backbone's class fixes (`hidden_act: silu` for Mistral, Llama 3 and Qwen),
whatever the model computes. They choose an exporter by the name of the class.
So the class of a backbone with other activations has a name that they do not
know, and KerasHub itself refuses it, before it writes anything.
"""

from typing import Any


def without_export(cls: type) -> tuple[str, dict[str, Any]]:
    """Returns what a subclass with other activations needs.

    Args:
        cls: The class that fixes the activations.

    Returns:
        The name of the subclass, and what to put in its namespace: the name of
        `cls` and nothing, unless KerasHub may export `cls`.
    """
    if not is_exported(cls):
        return cls.__name__, {}
    name = f"{cls.__name__}WithOtherActivations"
    return name, {"export_to_transformers": _refuse}


def is_exported(cls: type) -> bool:
    """Returns whether KerasHub may have an exporter for a class."""
    return hasattr(cls, "export_to_transformers")


def _refuse(self: Any, path: Any) -> None:
    """Raises a `ValueError`: the export would have the class's activations."""
    raise ValueError(
        "Expected a model with the activations of its class: KerasHub writes "
        "those into Hugging Face's config, whatever the model computes. "
        f"Received: {type(self).__name__} {self.name!r}"
    )

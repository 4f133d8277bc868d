"""`ActivationOperation`: an activation as a node of a functional graph."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="keras_serf")
class ActivationOperation(keras.Operation):
    """An activation as a node of a graph, or a layer used as a function.

    Args:
        activation: A name, a function, or a layer without weights.
        name: Name of the operation.
    """

    def __init__(self, activation: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self.activation = keras.activations.get(activation)

    def call(self, x: Any) -> Any:
        """Returns `activation(x)`."""
        return self.activation(x)

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        """Returns the shape and dtype of `x`."""
        return keras.KerasTensor(x.shape, x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        activation = keras.activations.serialize(self.activation)
        return {"name": self.name, "activation": activation}

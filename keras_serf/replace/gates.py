"""Activations that gate: those that are there for their bounds.

ReLU6 has two uses. It is the rectifier of MobileNet and MobileNetV2, and in
MobileNetV3 `relu6(x + 3) / 6` is a hard sigmoid, the gate of
squeeze-and-excitation.
"""

from typing import Any

from keras_serf.replace import private
from keras_serf.replace.call_code import constants_in_call
from keras_serf.replace.names import name_of
from keras_serf.replace.places import Place


def is_gate(place: Place) -> bool:
    """Returns whether an activation is a gate: of a cell, or a hard sigmoid."""
    if place.attribute == "recurrent_activation":
        return True
    if name_of(place.value) != "relu6":
        return False
    owner = place.owners[-1]
    parent = owner if place.attribute else place.owners[-2:][0]
    return _input_is_shifted(owner) or _call_has_hard_sigmoid(parent)


def _input_is_shifted(operation: Any) -> bool:
    """Returns whether an operation of a graph is applied to `x + 3`."""
    return any(
        type(producer).__name__ == "Add"
        and 3 in [x for x in arguments if isinstance(x, int | float)]
        for producer, arguments in private.producers(operation)
    )


def _call_has_hard_sigmoid(layer: Any) -> bool:
    """Returns whether the code of a layer has the numbers of a hard sigmoid."""
    constants = constants_in_call(layer)
    return 3 in constants and bool({6, 1 / 6} & constants)

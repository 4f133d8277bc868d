"""Gates: bounded activations that scale other signals.

ReLU6 is the rectifier of MobileNet and MobileNetV2, but in MobileNetV3
`relu6(x + 3) / 6` is a hard sigmoid, the gate of squeeze-and-excitation.
"""

from typing import Any

import keras

from keras_serf.replace import private
from keras_serf.replace.call_code import constants_in_call
from keras_serf.replace.names import name_of
from keras_serf.replace.places import Place


def is_gate(place: Place) -> bool:
    """Returns whether an activation gates a recurrent cell or a signal."""
    if place.attribute == "recurrent_activation":
        return True
    if name_of(place.value) != "relu6":
        return False
    *_, parent, owner = (None, *place.owners)
    if place.attribute and not isinstance(owner, keras.layers.Activation):
        return _call_has_hard_sigmoid(owner)
    return _input_is_shifted(owner) or _call_has_hard_sigmoid(parent)


def _input_is_shifted(operation: Any) -> bool:
    """Returns whether an operation of a graph is applied to `x + 3`."""
    return any(
        type(producer).__name__ == "Add"
        and 3 in [x for x in arguments if isinstance(x, int | float)]
        for producer, arguments in private.producers(operation)
    )


def _call_has_hard_sigmoid(layer: Any) -> bool:
    """Returns whether the code of a layer contains 3 and 6, or 3 and 1/6."""
    cls: Any = type(layer)
    constants = constants_in_call(cls)
    return 3 in constants and bool({6, 1 / 6} & constants)

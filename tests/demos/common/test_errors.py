"""Errors in one line."""

import keras
import pytest

from demos.common.errors import reason_of


class Broken(keras.layers.Layer):
    def call(self, inputs):
        raise ValueError("too wide\nby far")


@pytest.mark.parametrize("symbolic", [False, True])
def test_the_error_of_a_layer_is_quoted_in_its_own_words(symbolic):
    inputs = keras.Input((3,)) if symbolic else keras.ops.ones((2, 3))
    with pytest.raises(ValueError, match="too wide") as caught:
        Broken()(inputs)
    assert reason_of(caught.value) == "ValueError: too wide"

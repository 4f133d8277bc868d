"""`Serf`: the activation as a layer."""

from typing import Any

import keras

from keras_serf.activation import result_dtype
from keras_serf.activation import serf


@keras.saving.register_keras_serializable(package="keras_serf", name="Serf")
class Serf(keras.layers.Layer):
    """Applies the Serf activation function to an output.

    Formula:

    ```
    f(x) = x * erf(log(1 + exp(x)))
    ```

    Args:
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Input shape:
        Any. Masks are passed on unchanged.

    Output shape:
        Same shape as the input; the layer's compute dtype.

    Example:

    >>> layer = keras_serf.Serf()
    >>> y = layer(np.array([-1.0, 0.0, 1.0], "float32"))
    >>> [round(float(v), 4) for v in y]
    [-0.3422, 0.0, 0.9367]

    Reference:

    - [Nag et al., 2023](https://arxiv.org/abs/2108.09598)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Returns `serf(inputs)`."""
        # Keras has cast floating-point inputs already (unless autocast=False),
        # but it leaves integers alone.
        inputs = keras.ops.convert_to_tensor(inputs)
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if result_dtype(inputs) != dtype:
            inputs = keras.ops.cast(inputs, self.compute_dtype)
        return serf(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns `input_shape`."""
        return input_shape

"""`Serf`: the activation as a layer."""

from typing import Any

import keras

from keras_serf import kernels

_FLOATS = ("float16", "bfloat16", "float32", "float64")


@keras.saving.register_keras_serializable(package="keras_serf", name="Serf")
class Serf(keras.layers.Layer):
    """Serf activation layer.

    Formula:

    ```
    f(x) = x * erf(log(1 + exp(x)))
    ```

    It computes `keras_serf.serf` in the layer's compute dtype, has no weights
    and propagates masks.

    Args:
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Input shape:
        Arbitrary, of floating-point numbers, integers or booleans.

    Output shape:
        Same shape as the input, in the layer's compute dtype.

    Raises:
        TypeError: If the input has another dtype, such as `complex64`.

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
        x = keras.ops.convert_to_tensor(inputs)
        dtype = result_dtype(x, integers=self.compute_dtype)
        return kernels.serf(keras.ops.cast(x, dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns `input_shape`."""
        return input_shape


def result_dtype(x: Any, integers: str | None = None) -> str:
    """Returns the dtype of Serf of `x`.

    Args:
        x: A tensor or `KerasTensor`.
        integers: The dtype for integers and booleans; `floatx` by default.

    Raises:
        TypeError: If `x` has another dtype.
    """
    dtype = keras.backend.standardize_dtype(x.dtype)
    if dtype in _FLOATS:
        return dtype
    if "int" in dtype or dtype == "bool":
        return integers or keras.config.floatx()
    raise TypeError(
        f"Expected the dtype of `x` to be integer, boolean, or one of "
        f"{', '.join(_FLOATS)}. Received: x with dtype={dtype}"
    )

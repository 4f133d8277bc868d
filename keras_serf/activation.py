"""`serf(x)`: the activation as a function, symbolic or eager."""

from typing import Any

import keras

from keras_serf import kernels
from keras_serf.layer import Serf, result_dtype


@keras.saving.register_keras_serializable(package="keras_serf", name="serf")
def serf(x: Any) -> Any:
    """Serf activation function.

    It is defined as `serf(x) = x * erf(softplus(x))`, where
    `softplus(x) = log(1 + exp(x))`.

    It is smooth, nonmonotonic and bounded below: its only minimum is -0.348437
    at x = -1.193060. Its limits are `serf(-inf) = 0` and `serf(inf) = inf`; NaN
    gives NaN. For a finite `x`, neither the value nor the first or second
    derivative is NaN.

    Args:
        x: Input of any shape: a tensor of the active backend, a `KerasTensor`,
            a NumPy array, a number, or a list of numbers. Dtypes: `float16`,
            `bfloat16`, `float32` and `float64`; integers and booleans are cast
            to `keras.config.floatx()` first.

    Returns:
        A tensor with the shape and dtype of `x` (`floatx` for integers and
        booleans). `float16` and `bfloat16` are computed in `float32` and
        rounded once.

    Raises:
        TypeError: If `x` has another dtype, such as `complex64`.

    Example:

    >>> y = keras_serf.serf(np.array([-1.0, 0.0, 1.0], "float32"))
    >>> [round(float(v), 4) for v in y]
    [-0.3422, 0.0, 0.9367]

    Reference:

    - [Nag et al., 2023](https://arxiv.org/abs/2108.09598)
    """
    if isinstance(x, keras.KerasTensor):
        # A functional model saves this node by name. Using the layer as the
        # node avoids another name that must be supported forever.
        return Serf(dtype=result_dtype(x))(x)
    x = keras.ops.convert_to_tensor(x)
    return kernels.serf(keras.ops.cast(x, result_dtype(x)))

"""`serf(x)`: the activation as one function, symbolic or eager."""

from typing import Any

import keras

from keras_serf import kernels
from keras_serf.layer import Serf
from keras_serf.layer import result_dtype


@keras.saving.register_keras_serializable(package="keras_serf", name="serf")
def serf(x: Any) -> Any:
    """Serf activation function.

    It is defined as:

    `serf(x) = x * erf(softplus(x))`, with `softplus(x) = log(1 + exp(x))`.

    It is smooth, not monotone and bounded below: its only minimum is -0.348437
    at x = -1.193060. At the ends `serf(-inf) = 0` and `serf(inf) = inf`; NaN
    gives NaN. No finite `x` gives NaN, in the value or in a derivative.

    Args:
        x: Input of any shape: a tensor of the active backend, a `KerasTensor`,
            a NumPy array, or a number. Dtypes: `float16`, `bfloat16`,
            `float32`, `float64`; integers and booleans are first cast to
            `keras.config.floatx()`.

    Returns:
        A tensor with the same shape and dtype as `x` (`floatx` where `x` holds
        integers or booleans). `float16` and `bfloat16` are computed in
        `float32` and rounded once.

    Raises:
        TypeError: If `x` is of another dtype.

    Example:

    >>> y = keras_serf.serf(np.array([-1.0, 0.0, 1.0], "float32"))
    >>> [round(float(v), 4) for v in y]
    [-0.3422, 0.0, 0.9367]

    Reference:

    - [Nag et al., 2023](https://arxiv.org/abs/2108.09598)
    """
    if isinstance(x, keras.KerasTensor):
        # A functional model saves this node by name. With the layer as the
        # node, there is one name fewer to keep working forever.
        return Serf(dtype=result_dtype(x))(x)
    x = keras.ops.convert_to_tensor(x)
    return kernels.serf(keras.ops.cast(x, result_dtype(x)))

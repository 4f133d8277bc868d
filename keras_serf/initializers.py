"""`SerfNormal` and `SerfUniform`: He initialization with the gain of Serf.

Let q be the second moment of a layer's pre-activations. If the layer is wide
and the weights of the next one have variance gain^2 / fan_in, the second moment
of the next pre-activations is

    gain^2 E[f(z)^2],    z ~ N(0, q).

With the gain used here, 1.412205, q = 1 stays 1. With the gain of He
initialization, sqrt(2) = 1.414214, which is derived for ReLU, q becomes 1.0028
after one layer and 1.195 after 50. This effect is small, and it has limits:

- Random variation between networks is larger: after 50 layers of 512 units, one
  standard deviation is a factor of 3 in q; with 4,096 units, a factor of 1.4.
- Unlike ReLU, Serf is not homogeneous, so no gain preserves every q. A small
  deviation from q = 1 grows by 1% per layer. In the limit, q converges to 6, or
  decays towards 0 by 9.7% per layer. Therefore, scale the inputs of a deep
  network to unit variance, and initialize its first layer, which has no Serf
  before it, with `"lecun_normal"`.
- Gradients are not preserved: in the backward pass, their second moment grows
  by gain^2 E[f'(z)^2] = 1.057 per layer (1.060 with the gain of He), a factor
  of 16 in 50 layers.

Example:

>>> layer = keras.layers.Dense(
...     4, activation="serf", kernel_initializer="serf_normal"
... )
>>> type(layer.kernel_initializer) is keras_serf.initializers.SerfNormal
True
"""

import inspect
from typing import Any

import keras

# theory.gain() ** 2 in float64; calling it would import SciPy.
_SCALE = 1.9943236713673054
# The fixed arguments of VarianceScaling, and the free ones.
_FIXED = ("scale", "mode", "distribution")
_FREE = tuple(
    name
    for name in inspect.signature(keras.initializers.VarianceScaling).parameters
    if name not in _FIXED
)


class _FixedScaling(keras.initializers.VarianceScaling):
    """`VarianceScaling` with a fixed scale, mode and distribution."""

    _DISTRIBUTION: str

    def __init__(self, seed: Any = None, **kwargs: Any) -> None:
        for key, value in kwargs.items():
            if key not in _FREE:
                raise TypeError(
                    f"Expected only the arguments {', '.join(_FREE)} of "
                    f"{type(self).__name__}. Received: {key}={value!r}"
                )
        super().__init__(
            scale=_SCALE,
            mode="fan_in",
            distribution=self._DISTRIBUTION,
            seed=seed,
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        return {key: config[key] for key in config if key not in _FIXED}


@keras.saving.register_keras_serializable(
    package="keras_serf", name="SerfNormal"
)
class SerfNormal(_FixedScaling):
    """Serf normal initializer.

    Draws samples from a truncated normal distribution centered on 0 with
    `stddev = 1.412205 / sqrt(fan_in)`, where `fan_in` is the number of input
    units in the weight tensor. It is `HeNormal` with the gain of Serf instead
    of ReLU; see `keras_serf.initializers` for the effect.

    Args:
        seed: A Python integer or instance of `keras.random.SeedGenerator`, to
            make the initializer deterministic. With an integer or `None`, it
            returns the same values at every call.
        **kwargs: `input_axes` and `output_axes` of
            `keras.initializers.VarianceScaling`, in releases of Keras that have
            them.

    Call arguments:
        shape: Shape of the tensor to create.
        dtype: A floating-point dtype; `keras.config.floatx()` by default.

    Raises:
        TypeError: If an argument is not one of these, such as `mode`, which is
            fixed.

    Example:

    >>> initializer = keras_serf.initializers.SerfNormal(seed=0)
    >>> values = keras.ops.convert_to_numpy(initializer((1000, 200)))
    >>> round(float(values.std() * np.sqrt(1000)), 1)
    1.4

    Reference:

    - [He et al., 2015](https://arxiv.org/abs/1502.01852), section 2.2, with
      E[f(z)^2] of Serf in place of ReLU's 1/2
    """

    _DISTRIBUTION = "truncated_normal"


@keras.saving.register_keras_serializable(
    package="keras_serf", name="SerfUniform"
)
class SerfUniform(_FixedScaling):
    """Serf uniform initializer.

    Draws samples from a uniform distribution within `[-limit, limit]`, where
    `limit = 1.412205 * sqrt(3 / fan_in)` and `fan_in` is the number of input
    units in the weight tensor. It is `HeUniform` with the gain of Serf instead
    of ReLU; see `keras_serf.initializers` for the effect.

    Args:
        seed: A Python integer or instance of `keras.random.SeedGenerator`, to
            make the initializer deterministic. With an integer or `None`, it
            returns the same values at every call.
        **kwargs: `input_axes` and `output_axes` of
            `keras.initializers.VarianceScaling`, in releases of Keras that have
            them.

    Call arguments:
        shape: Shape of the tensor to create.
        dtype: A floating-point dtype; `keras.config.floatx()` by default.

    Raises:
        TypeError: If an argument is not one of these, such as `mode`, which is
            fixed.

    Example:

    >>> initializer = keras_serf.initializers.SerfUniform(seed=0)
    >>> values = keras.ops.convert_to_numpy(initializer((1000, 200)))
    >>> round(float(values.max() * np.sqrt(1000 / 3)), 2)
    1.41

    Reference:

    - [He et al., 2015](https://arxiv.org/abs/1502.01852), section 2.2, with
      E[f(z)^2] of Serf in place of ReLU's 1/2
    """

    _DISTRIBUTION = "uniform"

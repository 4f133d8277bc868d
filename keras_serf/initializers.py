"""`SerfNormal` and `SerfUniform`: weights that keep the size of Serf's signals.

Let q be the second moment of a layer's pre-activations. In a wide layer whose
weights have the variance gain^2 / fan_in, the next layer's is

    gain^2 E[f(z)^2],    z ~ N(0, q).

The gain here, 1.412205, takes q = 1 to 1. He's, sqrt(2) = 1.414214, is made for
ReLU and takes it to 1.0028, and in 50 layers to 1.195. What the gain is worth
is that and no more:

- Chance does more to a single network: after 50 layers of 512 units one
  standard deviation is a factor of 3 in q, and of 4,096 units one of 1.4.
- Serf is not homogeneous, as ReLU is, so no gain keeps every q. A small
  deviation from 1 grows by 1% a layer; in the end q comes to rest at 6, or
  falls towards 0, by 9.7% a layer. So give a deep network inputs of about unit
  variance, and to its first layer, which sees no Serf, `"lecun_normal"`.
- Gradients are not kept: on their way back, their second moment grows by
  gain^2 E[f'(z)^2] = 1.057 a layer (1.060 with He's gain), 16 times in 50.

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

# theory.gain() ** 2, to the last digit of float64. The function itself would
# cost an import of SciPy.
_SCALE = 1.9943236713673054
# What the classes here fix of what Keras' class takes, and what they do not.
_FIXED = ("scale", "mode", "distribution")
_FREE = tuple(
    name
    for name in inspect.signature(keras.initializers.VarianceScaling).parameters
    if name not in _FIXED
)


class _FixedScaling(keras.initializers.VarianceScaling):
    """A `VarianceScaling` that is saved without what its class fixes."""

    _DISTRIBUTION: str

    def __init__(self, seed: Any = None, **kwargs: Any) -> None:
        for key, value in kwargs.items():
            if key not in _FREE:
                raise TypeError(
                    f"Expected {type(self).__name__} with no more than "
                    f"{', '.join(_FREE)}. Received: {key}={value!r}"
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
    units in the weight tensor. It is to Serf what `HeNormal` is to ReLU: see
    `keras_serf.initializers` for what that is worth.

    Args:
        seed: A Python integer or instance of `keras.random.SeedGenerator`, to
            make the initializer deterministic. With an integer or `None`, it
            returns the same values at every call.
        **kwargs: `input_axes` and `output_axes`, where the release of Keras has
            them; see `keras.initializers.VarianceScaling`.

    Raises:
        TypeError: An argument is another one, such as the `mode`, which is
            fixed.

    Example:

    >>> initializer = keras_serf.initializers.SerfNormal(seed=0)
    >>> values = keras.ops.convert_to_numpy(initializer((1000, 200)))
    >>> round(float(values.std() * np.sqrt(1000)), 1)
    1.4

    Reference:

    - [He et al., 2015](https://arxiv.org/abs/1502.01852), section 2.2, with
      E[f(z)^2] of Serf in the place of ReLU's 1/2
    """

    _DISTRIBUTION = "truncated_normal"


@keras.saving.register_keras_serializable(
    package="keras_serf", name="SerfUniform"
)
class SerfUniform(_FixedScaling):
    """Serf uniform initializer.

    Draws samples from a uniform distribution within `[-limit, limit]`, where
    `limit = 1.412205 * sqrt(3 / fan_in)` and `fan_in` is the number of input
    units in the weight tensor. It is to Serf what `HeUniform` is to ReLU: see
    `keras_serf.initializers` for what that is worth.

    Args:
        seed: A Python integer or instance of `keras.random.SeedGenerator`, to
            make the initializer deterministic. With an integer or `None`, it
            returns the same values at every call.
        **kwargs: `input_axes` and `output_axes`, where the release of Keras has
            them; see `keras.initializers.VarianceScaling`.

    Raises:
        TypeError: An argument is another one, such as the `mode`, which is
            fixed.

    Example:

    >>> initializer = keras_serf.initializers.SerfUniform(seed=0)
    >>> values = keras.ops.convert_to_numpy(initializer((1000, 200)))
    >>> round(float(values.max() * np.sqrt(1000 / 3)), 2)
    1.41

    Reference:

    - [He et al., 2015](https://arxiv.org/abs/1502.01852), section 2.2, with
      E[f(z)^2] of Serf in the place of ReLU's 1/2
    """

    _DISTRIBUTION = "uniform"

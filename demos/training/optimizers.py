"""Optimizers by the names that the commands take."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal

if TYPE_CHECKING:
    import keras

Optimizer = Literal["adamw", "adam", "nadam", "lion", "rmsprop", "sgd"]
# Those that Keras gives them.
USUAL_RATE: Mapping[Optimizer, float] = {
    "adamw": 0.001,
    "adam": 0.001,
    "nadam": 0.001,
    "lion": 0.001,
    "rmsprop": 0.001,
    "sgd": 0.01,
}


def make(
    name: Optimizer, learning_rate: Any, **options: Any
) -> "keras.optimizers.Optimizer":
    """Makes an optimizer of Keras.

    Args:
        name: `"sgd"` has Nesterov's momentum, 0.9; all others are as Keras has
            them.
        learning_rate: A number, or a schedule.
        **options: Such as `weight_decay`, which is decoupled in all of them,
            `use_ema` or `global_clipnorm`.

    Returns:
        The optimizer.

    Example:

    >>> make("sgd", 0.1, weight_decay=0.01).momentum
    0.9
    """
    import keras

    if name == "sgd":
        options |= {"momentum": 0.9, "nesterov": True}
    kind = {
        "adamw": keras.optimizers.AdamW,
        "adam": keras.optimizers.Adam,
        "nadam": keras.optimizers.Nadam,
        "lion": keras.optimizers.Lion,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
    }[name]
    return kind(learning_rate, **options)


def cosine(
    peak: float, steps: int, warmup: int
) -> "keras.optimizers.schedules.CosineDecay":
    """Makes a learning rate that rises, and falls to 0 by a cosine.

    Args:
        peak: Its highest value.
        steps: Of the whole training.
        warmup: Steps in which it rises; with 0, it begins with the peak.

    Returns:
        The schedule.

    Example:

    >>> rate = cosine(0.1, steps=100, warmup=10)
    >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 55, 100)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    import keras

    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else peak,
        max(1, steps - warmup),
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )

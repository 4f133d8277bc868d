"""Optimizers by their names in the commands."""

from typing import Any

import keras

OPTIMIZERS = {
    "adamw": keras.optimizers.AdamW,
    "adam": keras.optimizers.Adam,
    "nadam": keras.optimizers.Nadam,
    "lion": keras.optimizers.Lion,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}
# Keras' default learning rates.
USUAL_RATE = {**dict.fromkeys(OPTIMIZERS, 0.001), "sgd": 0.01}


def make(
    name: str, learning_rate: Any, **options: Any
) -> keras.optimizers.Optimizer:
    """Creates an optimizer.

    Args:
        name: One of `OPTIMIZERS`. `"sgd"` uses Nesterov momentum 0.9; the
            others use Keras' defaults.
        learning_rate: A number or a schedule.
        **options: Arguments such as `weight_decay` (decoupled for every
            optimizer), `use_ema` or `global_clipnorm`.

    Example:

    >>> make("sgd", 0.1, weight_decay=0.01).momentum
    0.9
    """
    if name == "sgd":
        options |= {"momentum": 0.9, "nesterov": True}
    return OPTIMIZERS[name](learning_rate, **options)


def cosine(
    peak: float, steps: int, warmup: int
) -> keras.optimizers.schedules.CosineDecay:
    """Creates a learning rate with linear warm-up and cosine decay to 0.

    Args:
        peak: The peak learning rate.
        steps: Number of steps of the whole training.
        warmup: Number of warm-up steps. With 0, it starts at the peak.

    Example:

    >>> rate = cosine(0.1, steps=100, warmup=10)
    >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 55, 100)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else peak,
        max(1, steps - warmup),
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )

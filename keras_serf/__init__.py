"""Serf, the log-Softplus ERror activation Function, for Keras 3.

Importing this package registers the name "serf" with Keras. Then
`activation="serf"` works wherever Keras takes the name of an activation, and
saved models with Serf load. A process that loads or unpickles such a model must
import this package too.

Example:

>>> import keras
>>> import keras_serf
>>> layer = keras.layers.Dense(4, activation="serf")
>>> layer.activation is keras_serf.serf
True
"""

import sys

try:
    from keras_serf import initializers
    from keras_serf.activation import serf
    from keras_serf.layer import Serf
    from keras_serf.registry import register, unregister
    from keras_serf.replace import replace_activations
except Exception as error:  # Keras or its backend cannot start.
    # The self-check would report this, but it is imported later.
    if "-m keras_serf" not in " ".join(sys.orig_argv):
        raise
    sys.exit(f"FAIL  backend        {type(error).__name__}: {error}")

__all__ = [
    "Serf",
    "initializers",
    "register",
    "replace_activations",
    "serf",
    "unregister",
]
__version__ = "0.1.0"

register()

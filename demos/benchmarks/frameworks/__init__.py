"""What the benchmarks do differently on each framework, one module for each.

Import Keras first; only the module of its backend is ever imported, so that
module may import its framework at the top.
"""

import importlib

import keras

from demos.benchmarks.frameworks.base import Framework
from demos.common.backend import TRAINING


def active_framework() -> Framework:
    """Returns the framework of the active Keras backend."""
    backend = keras.backend.backend()
    if backend not in TRAINING:
        return Framework()
    return importlib.import_module(f"{__name__}.{backend}").FRAMEWORK()

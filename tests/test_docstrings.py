"""Every `Example:` in the library runs and prints what it says."""

import doctest
import importlib
import pkgutil

import keras
import numpy as np
import pytest

import keras_serf

# Modules that only their own framework can import; `inductor` holds objects of
# PyTorch's compiler, which warns where doctest looks at them.
KERNELS = {"inductor", "jax", "tensorflow", "torch", "triton"}
KERNELS -= {keras.backend.backend()}
MODULES = ["keras_serf"] + [
    module.name
    for module in pkgutil.walk_packages(keras_serf.__path__, "keras_serf.")
    if module.name.removeprefix("keras_serf.kernels.") not in KERNELS
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    names = {"keras": keras, "keras_serf": keras_serf, "np": np}
    failed, _ = doctest.testmod(module, extraglobs=names)
    assert failed == 0


@pytest.mark.parametrize("name", keras_serf.__all__)
def test_public_names_have_an_example(name):
    assert "Example:" in getattr(keras_serf, name).__doc__
    assert ">>> " in getattr(keras_serf, name).__doc__

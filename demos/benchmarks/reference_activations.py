"""The activations that Serf is measured against, on the active backend.

Each is an elementwise function of that backend's own tensors, and so is ours.
Import Keras first (`backend.start_keras`).
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import keras

Function = Callable[[Any], Any]

OURS = "serf"
# x * erf(softplus(x)) in the framework's own functions, left to its autodiff.
COMPOSED = "serf (composed)"


@dataclass(frozen=True)
class Peer:
    """An activation under comparison.

    Attributes:
        name: Unique on this backend.
        function: Tensor to tensor, of the same shape and dtype.
        source: Package and version.
    """

    name: str
    function: Function
    source: str

    @property
    def is_serf(self) -> bool:
        """Whether it computes Serf, in whatever way."""
        return self.name.startswith(OURS)


def peers() -> list[Peer]:
    """Returns all activations that can be compared on the active backend.

    Returns:
        Ours, named `OURS`, first; then the composition of the framework's own
        functions, named `COMPOSED`, and the Serfs of other packages, where
        installed; then relu, silu, gelu (erf), gelu (tanh) and mish.
    """
    import keras_serf

    backend = keras.backend.backend()
    package = backend if backend in _COMPOSED else "keras"
    framework = f"{package} {metadata.version(package)}"
    found = [
        Peer(OURS, keras_serf.serf, f"keras_serf {keras_serf.__version__}"),
        Peer(COMPOSED, _composed(backend), framework),
        *_packages(backend),
    ]
    native = _NATIVE.get(backend, _keras)()
    return found + [Peer(name, f, framework) for name, f in native.items()]


def _composed(backend: str) -> Function:
    return _COMPOSED.get(backend, _keras_composed)()


def _jax_composed() -> Function:
    import jax

    return lambda x: x * jax.lax.erf(jax.nn.softplus(x))


def _tensorflow_composed() -> Function:
    import tensorflow as tf

    return lambda x: x * tf.math.erf(tf.math.softplus(x))


def _torch_composed() -> Function:
    import torch

    return lambda x: x * torch.erf(torch.nn.functional.softplus(x))


def _keras_composed() -> Function:
    ops = keras.ops
    return lambda x: x * ops.erf(ops.softplus(x))


_COMPOSED = {
    "jax": _jax_composed,
    "tensorflow": _tensorflow_composed,
    "torch": _torch_composed,
}


def _jax() -> dict[str, Function]:
    import jax

    return {
        "relu": jax.nn.relu,
        "silu": jax.nn.silu,
        "gelu (erf)": lambda x: jax.nn.gelu(x, approximate=False),
        "gelu (tanh)": lambda x: jax.nn.gelu(x, approximate=True),
        "mish": jax.nn.mish,
    }


def _tensorflow() -> dict[str, Function]:
    import tensorflow as tf

    return {
        "relu": tf.nn.relu,
        "silu": tf.nn.silu,
        "gelu (erf)": lambda x: tf.nn.gelu(x, approximate=False),
        "gelu (tanh)": lambda x: tf.nn.gelu(x, approximate=True),
        # TensorFlow has none of its own; this is how Keras writes it there.
        "mish": lambda x: x * tf.math.tanh(tf.math.softplus(x)),
    }


def _torch() -> dict[str, Function]:
    from torch.nn import functional

    return {
        "relu": functional.relu,
        "silu": functional.silu,
        "gelu (erf)": functional.gelu,
        "gelu (tanh)": lambda x: functional.gelu(x, approximate="tanh"),
        "mish": functional.mish,
    }


def _keras() -> dict[str, Function]:
    activations = keras.activations
    return {
        "relu": activations.relu,
        "silu": activations.silu,
        "gelu (erf)": activations.gelu,
        "gelu (tanh)": lambda x: activations.gelu(x, approximate=True),
        "mish": activations.mish,
    }


_NATIVE = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}


def _packages(backend: str) -> list[Peer]:
    """Returns the Serfs of those packages that are installed and import."""
    found = []
    for package, (module, needs, load) in _PACKAGES.items():
        if needs != backend or importlib.util.find_spec(module) is None:
            continue
        try:
            function = load()
        except ImportError:  # It needs what its package does not declare.
            continue
        source = f"{package} {metadata.version(package)}"
        found.append(Peer(f"{OURS} ({package})", function, source))
    return found


def _e3x() -> Function:
    from e3x.nn import serf

    # Its features have axes of their own: one scalar feature of one degree.
    return lambda x: serf(x.reshape(-1, 1, 1, 1)).reshape(x.shape)


def _torch_activation() -> Function:
    from torch_activation.classical.sigmoid_weighted import Serf

    return Serf()


def _acttensor() -> Function:
    from ActTensor_tf.activations import serf

    return serf


_PACKAGES: dict[str, tuple[str, str, Callable[[], Function]]] = {
    "e3x": ("e3x", "jax", _e3x),
    "torch-activation": ("torch_activation", "torch", _torch_activation),
    "ActTensor-tf": ("ActTensor_tf", "tensorflow", _acttensor),
}

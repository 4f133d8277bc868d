"""Serf and the activations that it is compared with, on the active backend.

Import Keras first. Each activation is an elementwise function of the backend's
own tensors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import keras_serf
from demos.benchmarks.frameworks import active_framework
from demos.benchmarks.names import COMPOSED
from demos.benchmarks.names import SERF


@dataclass(frozen=True)
class ReferenceActivation:
    """An activation in a comparison.

    Attributes:
        name: Its name, unique on this backend.
        function: Tensor to tensor, of the same shape and dtype.
        source: Package and version that it comes from.
    """

    name: str
    function: Callable[[Any], Any]
    source: str


def reference_activations() -> dict[str, ReferenceActivation]:
    """Returns all activations of a comparison, by name.

    Returns:
        This package's Serf, named `SERF`; the framework's functions composed
        to Serf, named `COMPOSED`; then relu, silu, gelu (erf), gelu (tanh) and
        mish.
    """
    framework = active_framework()
    package = framework.package
    source = f"{package} {metadata.version(package)}"
    own = {COMPOSED: framework.composed, **framework.activations()}
    ours = f"keras_serf {keras_serf.__version__}"
    return {
        SERF: ReferenceActivation(SERF, keras_serf.serf, ours),
        **{
            name: ReferenceActivation(name, function, source)
            for name, function in own.items()
        },
    }

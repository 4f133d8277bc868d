"""Chooses the Keras backend and starts Keras, which is imported only then."""

import contextlib
import importlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence

from demos.common.errors import UserError, reason_of

# Backends that compute gradients, and those that do not.
TRAINING = ("tensorflow", "jax", "torch")
INFERENCE = ("numpy", "openvino")


def choose_backend(backend: str | None) -> None:
    """Chooses the backend. Call it before Keras is imported.

    Args:
        backend: Name of the backend; None for the value of KERAS_BACKEND.

    Raises:
        UserError: If Keras already uses another backend in this process.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow would warn about recompilation for every third model.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if backend is None:
        return
    keras = sys.modules.get("keras")
    if keras is None:
        os.environ["KERAS_BACKEND"] = backend
    elif keras.backend.backend() != backend:
        raise UserError(
            f"Expected --backend {keras.backend.backend()}, which Keras "
            f"already uses in this process. Received: {backend}"
        )


def start_keras(modules: Sequence[str] = ("keras_hub",)) -> None:
    """Imports Keras, registers "serf", and imports other modules.

    Args:
        modules: Names of the modules, which are imported without output.

    Raises:
        UserError: If one of them, or the backend, is not installed.
    """
    try:
        with silenced():
            for module in ("keras", "keras_serf", *modules):
                importlib.import_module(module)
    except MemoryError:
        raise
    except Exception as error:  # A library may raise anything.
        backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
        if backend not in TRAINING + INFERENCE:
            raise UserError(
                "Expected KERAS_BACKEND to be one of "
                f"{', '.join(TRAINING + INFERENCE)}. Received: {backend!r}"
            ) from None
        raise UserError(
            f"Keras cannot start on {backend} ({reason_of(error)}); install it "
            f"with: {remedy(backend)}"
        ) from None


def remedy(backend: str) -> str:
    """Returns the command that installs a backend."""
    if backend in TRAINING:
        return f'pip install -e ".[{backend},demos]"'
    # Keras' NumPy backend uses JAX for Fourier transforms.
    packages = "numpy jax" if backend == "numpy" else backend
    return f"pip install {packages}"


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Discards warnings and output on stderr.

    On import, TensorFlow's libraries write to stderr at any log level.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)

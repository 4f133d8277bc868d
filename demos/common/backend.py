"""Starts Keras for a demo: on which backend, with Serf, and without noise."""

import contextlib
import importlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from demos.common.errors import UserError

# Those of Keras that compute gradients, and those that do not.
TRAINING = ("tensorflow", "jax", "torch")
INFERENCE = ("numpy", "openvino")


def choose_backend(backend: str | None) -> None:
    """Decides, before Keras is imported, what it will run on.

    Args:
        backend: Its name; None for what KERAS_BACKEND says.

    Raises:
        UserError: Keras runs on another one in this process already.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow warns on every third model that it compiles another one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if backend is None:
        return
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = backend
        return
    import keras

    if keras.backend.backend() != backend:
        raise UserError(
            f"Expected --backend {keras.backend.backend()}, on which Keras "
            f"runs already in this process. Received: {backend}"
        )


def start_keras(modules: Sequence[str] = ("keras_hub",)) -> None:
    """Imports Keras, registers "serf" with it, and imports further modules.

    Args:
        modules: Their names. What they print while they are imported is lost.

    Raises:
        UserError: One of them, or the backend, is not installed.
    """
    try:
        with silenced():
            for module in ("keras", "keras_serf", *modules):
                importlib.import_module(module)
    except (ImportError, ValueError) as error:
        backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
        if backend not in TRAINING + INFERENCE:
            raise UserError(
                "Expected KERAS_BACKEND to be one of "
                f"{', '.join(TRAINING + INFERENCE)}. Received: {backend!r}"
            ) from None
        raise UserError(
            f"Keras cannot start on {backend} ({error}); install it with: "
            f"{remedy(backend)}"
        ) from None


def channels_last() -> None:
    """Has pictures as the demos have them, whatever keras.json says."""
    import keras

    keras.config.set_image_data_format("channels_last")


def clear_session() -> None:
    """Lets Keras forget all models, but not its policy of dtypes."""
    import keras

    policy = keras.config.dtype_policy()
    keras.backend.clear_session()
    keras.config.set_dtype_policy(policy)


def settings() -> dict[str, Any]:
    """Returns how Keras is set up, for `set_up` in another process."""
    import keras

    return {
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
        # By its name: to serialize it, Keras would import TensorFlow.
        "dtype_policy": keras.config.dtype_policy().name,
    }


def set_up(settings: Mapping[str, Any]) -> None:
    """Sets Keras up.

    Args:
        settings: What `settings` has returned.
    """
    import keras

    keras.config.set_floatx(settings["floatx"])
    keras.config.set_image_data_format(settings["image_data_format"])
    keras.config.set_dtype_policy(settings["dtype_policy"])


def remedy(backend: str) -> str:
    """Says how to install what a backend of Keras needs.

    Args:
        backend: Its name.

    Returns:
        The command.
    """
    if backend in TRAINING:
        return f'pip install -e ".[{backend},demos]"'
    # Keras' NumPy backend takes its Fourier transforms from JAX.
    packages = "numpy jax" if backend == "numpy" else backend
    return f"pip install {packages}"


def check_trains() -> None:
    """Checks that the backend on which Keras runs can train.

    Raises:
        UserError: It cannot.
    """
    import keras

    backend = keras.backend.backend()
    if backend not in TRAINING:
        raise UserError(
            "Expected a backend that can train: --backend "
            f"{', '.join(TRAINING[:-1])} or {TRAINING[-1]}. "
            f"Received: {backend}"
        )


def check_activations(names: Sequence[str]) -> None:
    """Checks that Keras knows activations by these names.

    Args:
        names: The names.

    Raises:
        UserError: It does not know one of them.
    """
    import keras

    for name in names:
        try:
            keras.activations.get(name)
        except ValueError:
            raise UserError(
                "Expected --activations to be names that Keras knows, such as "
                f"relu, gelu, silu, mish, elu, serf. Received: {name!r}"
            ) from None


def check_initializer(name: str) -> None:
    """Checks that Keras knows an initializer by this name.

    Args:
        name: The name.

    Raises:
        UserError: It does not know it.
    """
    import keras

    try:
        keras.initializers.get(name)
    except ValueError:
        raise UserError(
            "Expected --initializer to be a name that Keras knows, such as "
            "glorot_uniform, he_normal, orthogonal, serf_normal. Received: "
            f"{name!r}"
        ) from None


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Discards warnings and what is written to stderr.

    TensorFlow's libraries write there on import, whatever its log level.
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

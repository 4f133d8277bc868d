"""SavedModels, called as TensorFlow Serving does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf


def load(path: Path) -> Callable[[Any], Any]:
    """Loads a SavedModel of one input and one output."""
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]

    def run(x: Any) -> Any:
        (y,) = serve(**{name: tf.constant(x)}).values()
        return y.numpy()

    # Its variables live as long as it does.
    run.loaded = loaded  # type: ignore[attr-defined]
    return run

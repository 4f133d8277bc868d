"""A format whose runtime is Keras itself."""

from dataclasses import replace

import keras
import pytest

from demos.benchmarks.export.targets import TARGETS
from demos.common.backend import start_keras


@pytest.fixture(autouse=True)
def started():
    """Keras knows "serf", as in a child process."""
    start_keras(())


@pytest.fixture
def keras_as_onnx(monkeypatch, trains):
    """Makes ONNX such a format.

    Of the function that is returned, `refuse(model)` says why a model cannot be
    exported, if so, and `factor` is what outputs are multiplied by.
    """

    def install(refuse=lambda model: None, factor=1.0, **changes):
        models = []

        def export(model, path, x):
            reason = refuse(model)
            if reason is not None:
                raise RuntimeError(f"{reason}\nand a dump of the graph")
            models.append(model)

        def load(path):
            return lambda x: keras.ops.convert_to_numpy(models[-1](x)) * factor

        onnx = replace(TARGETS["onnx"], package="keras")
        onnx = replace(onnx, export=export, load=load, **changes)
        monkeypatch.setitem(TARGETS, "onnx", onnx)

    return install

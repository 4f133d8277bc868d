"""A format whose runtime is Keras itself."""

from dataclasses import replace

import keras
import pytest

from demos.benchmarks.export import formats, targets
from demos.common.backend import start_keras


@pytest.fixture(autouse=True)
def started():
    """Keras knows "serf", as in a child process."""
    start_keras(())


class KerasTarget(targets.Target):
    """Keeps the Keras model, and runs it in Keras."""

    def export(self, model, path):
        reason = self.refuse(model)
        if reason is not None:
            raise RuntimeError(f"{reason}\nand a dump of the graph")
        # Of a frozen dataclass.
        object.__setattr__(self, "model", model)

    def load(self, path):
        return lambda x: keras.ops.convert_to_numpy(self.model(x)) * self.factor


@pytest.fixture
def keras_as_onnx(monkeypatch, trains):
    """Makes ONNX such a format.

    Of the function that is returned, `refuse(model)` says why a model cannot be
    exported, if so, and `factor` is what outputs are multiplied by.
    """

    def install(refuse=lambda model: None, factor=1.0):
        format = replace(formats.FORMATS["onnx"], converters={})
        monkeypatch.setitem(formats.FORMATS, "onnx", format)
        target = KerasTarget("keras", "keras", "", "", "")
        object.__setattr__(target, "refuse", refuse)
        object.__setattr__(target, "factor", factor)
        monkeypatch.setitem(targets.TARGETS, "onnx", target)

    return install

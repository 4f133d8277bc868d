"""Serf in a browser, beside GELU and ReLU."""

import importlib.util
from functools import partial

import keras
import numpy as np
import pytest

from demos.benchmarks.export import browser
from demos.benchmarks.export.targets import TARGETS

CONVERTERS = {
    "jax": "jax2onnx",
    "tensorflow": "tf2onnx",
    "torch": "onnxscript",
}


@pytest.mark.filterwarnings("ignore")  # Of the exporters.
def test_onnx_runtime_web_computes_what_keras_computes(
    trains, tmp_path, request
):
    if not request.config.getoption("--all-backends"):
        pytest.skip("it downloads 150 MB; run with --all-backends")
    converter = CONVERTERS[keras.backend.backend()]
    if importlib.util.find_spec(converter) is None:
        pytest.skip(f"{converter} is not installed")
    try:
        browser.install()
    except ImportError as error:
        pytest.skip(str(error))
    x = np.linspace(-10, 10, 96, dtype="float32").reshape(3, 32)
    inputs = keras.Input((32,))
    # tf2onnx cannot convert the Erfc of GELU, so this is its approximation.
    gelu = partial(keras.activations.gelu, approximate=True)
    outputs = [
        keras.layers.Activation(activation)(inputs)
        for activation in ("serf", gelu, "relu")
    ]
    model = keras.Model(inputs, keras.layers.Concatenate()(outputs))
    expected = keras.ops.convert_to_numpy(model(x))
    run = TARGETS["onnx_web"].deploy(model, tmp_path, x)
    np.testing.assert_allclose(run(x), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(RuntimeError, match="Unexpected input data type"):
        run(x.astype("int32"))


@pytest.mark.once
def test_without_chromium_it_is_not_tried(monkeypatch):
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    with pytest.raises(ImportError, match="chromium is not installed"):
        browser.install()

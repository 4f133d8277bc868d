"""Serf in a browser, beside GELU and ReLU."""

import importlib.util
import os
import tempfile
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


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Returns `program(name, code)`, which makes a program of a shell script.

    The home is empty, and so is the folder of temporary files.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))

    def write(name, code):
        (tmp_path / name).write_text(f"#!/bin/sh\n{code}")
        (tmp_path / name).chmod(0o700)

    return write


DIST = 'mkdir -p "$5/node_modules/onnxruntime-web/dist"\n'


@pytest.mark.once
def test_half_a_download_is_not_used(program, tmp_path):
    program("chromium", "")
    program("npm", DIST + "printf 'error 404\nsee the log' >&2; exit 1")
    with pytest.raises(ImportError, match=r"^npm: error 404 see the log$"):
        browser.install()
    assert list((tmp_path / ".keras").iterdir()) == []
    program("npm", DIST)
    assert browser.install().is_dir()
    program("npm", "exit 1")  # It is not needed any more.
    assert browser.install().is_dir()


@pytest.mark.once
@pytest.mark.parametrize(
    ("code", "seconds", "reason"),
    [("exit 3", 60, "exit code 3"), ("exec sleep 60", 0.2, "not in 0.2 s")],
)
def test_a_browser_that_does_not_answer(
    program, tmp_path, monkeypatch, code, seconds, reason
):
    monkeypatch.setattr(browser, "SECONDS", seconds)
    program("npm", DIST)
    program("chromium", code)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"")
    with pytest.raises(RuntimeError, match=rf"no answer \({reason}\)"):
        browser.load(path)(np.ones((1, 2), "float32"))
    assert list((tmp_path / "scratch").iterdir()) == []

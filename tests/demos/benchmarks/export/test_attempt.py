"""What counts as working. Most runtimes here are Keras itself."""

import sys

import keras
import numpy as np
import pytest

from demos.benchmarks.export.attempt import measure
from demos.benchmarks.export.exporters import keras_quantized
from demos.benchmarks.export.models import BATCH, build, inputs
from demos.benchmarks.export.options import MODELS
from demos.benchmarks.export.trials import (
    ANY_BATCH,
    FIXED_BATCH,
    Trial,
    TrialResult,
)


def trial(format="onnx", model="dense"):
    return Trial(keras.backend.backend(), format, model, "serf")


def has_any_batch(model):
    return None if model.inputs[0].shape[0] else "what batch?"


def test_the_first_need_that_works_is_found(keras_as_onnx):
    keras_as_onnx()
    assert measure(trial()) == TrialResult(0.0, ANY_BATCH)
    keras_as_onnx(refuse=has_any_batch)
    assert measure(trial()) == TrialResult(0.0, FIXED_BATCH)


def test_wrong_outputs_do_not_work(keras_as_onnx):
    keras_as_onnx(factor=1.001)
    result = measure(trial())
    assert result.error == pytest.approx(1e-3, rel=1e-3)
    assert result.reason.startswith("differs by 1.0e-03")
    for factor in (np.nan, np.ones((2, 1, 1))):
        keras_as_onnx(factor=factor)
        assert measure(trial()).reason.startswith("RuntimeError: it gives")


def test_integer_arithmetic_has_an_absolute_error(keras_as_onnx):
    keras_as_onnx(factor=1.01, is_integer=True, bound=np.inf)
    result = measure(trial(model="within 8"))
    assert result.error == pytest.approx(0.08, rel=1e-3)
    assert result.reason == ""


def test_what_is_not_installed_is_not_tried(keras_as_onnx):
    def refuse(model):
        raise ImportError("Keras needs torch_xla")

    keras_as_onnx(refuse)
    reason = "ImportError: Keras needs torch_xla"
    assert measure(trial()) == TrialResult(reason=reason, tried=False)


def test_the_converter_that_replaces_keras_is_not_recommended(monkeypatch):
    if keras.backend.backend() != "torch":
        pytest.skip("PyTorch's converter to LiteRT")
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    result = measure(trial("litert"))
    assert "needs its own environment" in result.reason
    assert not result.tried


@pytest.mark.parametrize("model", MODELS)
def test_models_have_serf_in_all_their_places(model):
    built = build(model, "serf", None)
    config = built.to_json()
    for other in ('"relu"', '"gelu"', '"tanh"'):
        assert other not in config
    assert config.count("serf") >= 2
    y = keras.ops.convert_to_numpy(built(inputs(model)))
    assert y.shape == (BATCH, 4)
    assert np.ptp(y) > 0.01  # Not all alike.


@pytest.mark.usefixtures("trains")
@pytest.mark.parametrize("format", ["keras_int8", "keras_int4", "keras_float8"])
def test_keras_quantizes_models_with_serf(format):
    result = measure(trial(format))
    assert result.reason == ""
    assert result.error > 1e-4  # Or nothing was quantized.


@pytest.mark.slow
@pytest.mark.usefixtures("trains")
@pytest.mark.parametrize("activation", ["serf", "relu"])
# Keras warns for each layer that has nothing to quantize.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_keras_calibrates_transformers_with_serf(mode, activation):
    # Both need tokens. Keras cannot load what it saves of KerasHub's encoder.
    model = build("transformer", activation, None)
    x = inputs("transformer")
    expected = keras.ops.convert_to_numpy(model(x))
    embedding, encoder, *_ = model.layers[1:]
    kinds = {
        "gptq": keras.quantizers.GPTQConfig,
        "awq": keras.quantizers.AWQConfig,
    }
    config = kinds[mode](
        dataset=x,
        tokenizer=str.split,  # Unused, but required.
        num_samples=BATCH,
        sequence_length=x.shape[1],
        group_size=-1,
        quantization_layer_structure={
            "pre_block_layers": [embedding],
            "sequential_blocks": [encoder],
        },
    )
    model.quantize(mode, config=config)
    y = keras.ops.convert_to_numpy(model(x))
    error = np.max(np.abs(y - expected)) / np.max(np.abs(expected))
    assert 1e-3 < error < 0.2


@pytest.mark.usefixtures("trains")
def test_what_keras_does_not_quantize_is_no_success(tmp_path):
    x = np.ones((2, 3), "float32")
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Activation("serf")]
    )
    with pytest.raises(RuntimeError, match="no layer to int8"):
        keras_quantized(model, tmp_path / "model.keras", x, "int8")

"""`replace_activations` on models of KerasHub, each a few weights large."""

import os

import keras
import numpy as np
import pytest

from keras_serf import replace_activations

keras_hub = pytest.importorskip("keras_hub")
pytestmark = pytest.mark.once
MODELS = keras_hub.models
SIZES = {
    "vocabulary_size": 11,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 4,
    "intermediate_dim": 6,
}
BERT = {**SIZES, "max_sequence_length": 5}
MISTRAL = {
    **{key: SIZES[key] for key in SIZES if key != "num_heads"},
    "num_query_heads": 2,
    "num_key_value_heads": 1,
}
CLIP = {**SIZES, "max_sequence_length": 5, "embedding_dim": 4}
WHISPER = {
    **SIZES,
    "num_mels": 3,
    "max_encoder_sequence_length": 6,
    "max_decoder_sequence_length": 5,
}
VIT = {
    "image_shape": (8, 8, 3),
    "patch_size": 4,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 4,
    "mlp_dim": 6,
}
TOKENS = {
    "token_ids": np.arange(10).reshape(2, 5),
    "padding_mask": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
}
SEGMENTS = {**TOKENS, "segment_ids": np.zeros((2, 5), "int32")}
PAIR = {
    f"{part}_{name}": value
    for part in ("encoder", "decoder")
    for name, value in TOKENS.items()
}
SPEECH = {
    "encoder_features": np.linspace(-1, 1, 36).reshape(2, 6, 3),
    "decoder_token_ids": TOKENS["token_ids"],
    "decoder_padding_mask": TOKENS["padding_mask"],
}
IMAGES = np.linspace(-1, 1, 384, dtype="float32").reshape(2, 8, 8, 3)


def randomize(model):
    """Gives weights with which activations make a difference."""
    rng = np.random.default_rng(0)
    for w in model.weights:
        if len(w.shape) > 1:  # Biases and scales are left as they start.
            w.assign(3 * rng.normal(size=w.shape))


def output(model, x):
    y = model(keras.tree.map_structure(keras.ops.convert_to_tensor, x))
    return keras.ops.convert_to_numpy(keras.tree.flatten(y)[0])


def count(text, name):
    return sum(row.split()[1] == name for row in text.splitlines())


@pytest.mark.filterwarnings("ignore:.*destroy the mask:UserWarning")  # Of T5.
@pytest.mark.parametrize(
    ("name", "sizes", "inputs", "old", "places"),
    [
        ("GPT2Backbone", BERT, TOKENS, "gelu", 2),
        pytest.param(
            *("T5Backbone", SIZES, PAIR, "relu", 3), marks=pytest.mark.long
        ),
        ("LlamaBackbone", MISTRAL, TOKENS, "silu", 1),
        pytest.param(
            *("WhisperBackbone", WHISPER, SPEECH, "gelu", 6),
            marks=pytest.mark.long,
        ),
        pytest.param(
            *("BartBackbone", BERT, PAIR, "gelu", 4), marks=pytest.mark.long
        ),
        (
            "CLIPTextEncoder",
            CLIP,
            {"token_ids": TOKENS["token_ids"]},
            "quick_gelu",
            3,
        ),
        ("ViTBackbone", VIT, IMAGES, "gelu", 1),
    ],
)
def test_backbones(name, sizes, inputs, old, places, tmp_path, capsys):
    kind = getattr(MODELS, name)
    model = kind(**sizes)
    randomize(model)
    before = output(model, inputs)
    new = replace_activations(model, verbose=True)
    assert count(capsys.readouterr().out, old) == places
    replace_activations(new, verbose=True)
    assert count(capsys.readouterr().out, "serf") == places
    assert isinstance(new, kind)
    y = output(new, inputs)
    assert np.abs(y - before).max() > 1e-3
    np.testing.assert_array_equal(output(model, inputs), before)
    new.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, kind)
    np.testing.assert_allclose(output(loaded, inputs), y, rtol=1e-4, atol=1e-5)


# Of the default optimizer, which Keras builds when it loads a compiled model.
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_tasks_keep_their_preprocessor_compilation_and_presets(tmp_path):
    pytest.importorskip("tensorflow_text")
    words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "the", "fox"]
    preprocessor = MODELS.BertTextClassifierPreprocessor(
        MODELS.BertTokenizer(vocabulary=words), sequence_length=5
    )
    model = MODELS.BertTextClassifier(
        MODELS.BertBackbone(**BERT), num_classes=2, preprocessor=preprocessor
    )
    model.compile(keras.optimizers.SGD(0.5), "mse", metrics=["mae"])
    randomize(model)
    new = replace_activations(model)
    assert new.optimizer.get_config() == model.optimizer.get_config()
    assert new.loss == "mse"
    assert isinstance(new.backbone, MODELS.BertBackbone)
    text = ["the fox", "fox"]
    y = new.predict(text, verbose=0)
    np.testing.assert_allclose(
        y, output(new, new.preprocessor(text)), rtol=1e-5, atol=1e-5
    )
    assert np.abs(y - model.predict(text, verbose=0)).max() > 1e-3
    new.save_to_preset(str(tmp_path))
    loaded = MODELS.BertTextClassifier.from_preset(str(tmp_path))
    np.testing.assert_allclose(
        output(loaded, SEGMENTS), output(new, SEGMENTS), rtol=1e-5, atol=1e-5
    )


@pytest.mark.long
def test_tasks_generate_with_the_new_activation():
    model = MODELS.GPT2CausalLM(MODELS.GPT2Backbone(**BERT))
    randomize(model)
    new = replace_activations(model, cubic)
    prompt = {**TOKENS, "padding_mask": np.array([[1, 1, 0, 0, 0]] * 2)}
    expected = TOKENS["token_ids"].copy()
    for i in range(2, 5):
        mask = np.broadcast_to(np.arange(5) < i, (2, 5))
        logits = output(new, {"token_ids": expected, "padding_mask": mask})
        expected[:, i] = logits[:, i - 1].argmax(axis=-1)
    for m in (new, model):
        m.compile(sampler="greedy")
    tokens, old = (
        keras.ops.convert_to_numpy(
            m.generate(prompt, stop_token_ids=None)["token_ids"]
        )
        for m in (new, model)
    )
    np.testing.assert_array_equal(tokens, expected)
    assert np.any(tokens != old)


@keras.saving.register_keras_serializable("test_replace_keras_hub")
def cubic(x):
    return x * x * x


@pytest.mark.filterwarnings("ignore:.*compile.* was not called as part of")
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_no_export_to_hugging_face_names_the_wrong_activation(tmp_path, capsys):
    model = MODELS.MistralCausalLM(MODELS.MistralBackbone(**MISTRAL))
    new = replace_activations(model, verbose=True)
    assert "cannot be exported to Hugging" in capsys.readouterr().out
    new.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for copy in (new, loaded, new.backbone, loaded.backbone):
        with pytest.raises(ValueError, match="Backbone") as error:
            copy.export_to_transformers(str(tmp_path / "wrong"))
        assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == ["model.keras"]
    pytest.importorskip("safetensors")
    same = replace_activations(model, "silu")
    same.export_to_transformers(str(tmp_path / "right"))
    assert (tmp_path / "right" / "config.json").exists()


@pytest.mark.parametrize("name", ["Llama3Backbone", "QwenBackbone"])
def test_no_backbone_is_exported_to_hugging_face_with_another(name, tmp_path):
    copy = replace_activations(getattr(MODELS, name)(**MISTRAL))
    with pytest.raises(ValueError, match="the activations of its class"):
        copy.export_to_transformers(str(tmp_path / "wrong"))
    assert os.listdir(tmp_path) == []


@pytest.mark.long
def test_what_a_class_applies_in_code_is_warned_of(capsys):
    encoder = MODELS.MiTBackbone(
        image_shape=(32, 32, 3),
        hidden_dims=[4],
        num_layers=1,
        layerwise_depths=[2],
        layerwise_num_heads=[1],
        layerwise_sr_ratios=[1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7],
        layerwise_strides=[4],
    )
    with pytest.raises(ValueError, match="gelu: in the code of"):
        replace_activations(encoder)
    model = MODELS.SegFormerBackbone(encoder, projection_filters=4)
    with pytest.warns(UserWarning, match="be replaced: gelu in MixFFN"):
        replace_activations(model, verbose=True)
    rows = [row.split()[1:4] for row in capsys.readouterr().out.splitlines()]
    assert ["relu", "->", "serf"] in rows
    assert rows.count(["gelu", "kept:", "in"]) == 2

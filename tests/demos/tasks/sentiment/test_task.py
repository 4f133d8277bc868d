"""The sentiment demo, from the command line: trained, resumed, asked."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from tokenizers import Tokenizer

import keras_serf  # noqa: F401 - teaches Keras the word
from demos.__main__ import main
from demos.datasets.load import load_texts
from demos.datasets.types import Split
from demos.datasets.types import TextClassification
from demos.study.trial import Trial
from demos.study.trial import TrialContext
from demos.study.trial import gather
from demos.tasks import command
from demos.tasks import word_tokenizer as words
from demos.tasks.sentiment import task as sentiment
from demos.training import batches
from demos.training.scores import classification_scores

BACKENDS = {"tensorflow", "jax", "torch"}


@pytest.fixture
def task(sentences):
    """A task on a few easy sentences."""
    rows = sentences(160)
    train, validation, test = (
        Split(
            tuple(text for text, _ in part),
            tuple(int(label == "good") for _, label in part),
        )
        for part in (rows[:96], rows[96:128], rows[128:])
    )
    return sentiment.SentimentTask(
        TextClassification("small", ("bad", "good"), train, validation, test),
        sentiment.ModelConfig(embedding_dim=8, heads=2),
        sentiment.TrainingConfig(epochs=2),
    )


def test_a_run_writes_all_that_it_promises(study):
    names = {
        str(path.relative_to(study))
        for path in study.rglob("*.*")
        if path.parent.name != "locks"
    }
    trials = {
        f"trials/{activation}-seed{seed}.json"
        for activation in ("relu", "serf")
        for seed in (0, 1)
    }
    assert names == trials | {
        "study.json",
        "table.csv",
        "table.md",
        "table.tex",
        "trials.csv",
        "figure.png",
        "report.html",
        "relu.keras",
        "serf.keras",
        "tokenizer.json",
        "labels.json",
    }
    table = pd.read_csv(study / "table.csv").set_index("model")
    assert list(table.index) == [
        "relu",
        "serf",
        "majority class",
        "TF-IDF + logistic regression",
    ]
    assert table.loc["serf", "seeds"] == 2
    assert table.loc["majority class", "accuracy"] == 0.5
    assert table.loc["serf", "accuracy"] > 0.9
    report = (study / "table.md").read_text()
    assert "No verdict on serf" in report  # Of two seeds.


def test_table_is_the_mean_of_the_trials(study):
    table = pd.read_csv(study / "table.csv").set_index("model")
    for metric in ("accuracy", "macro_f1", "loss"):
        values = [
            json.loads(path.read_text())["metrics"][metric]
            for path in study.glob("trials/serf-*.json")
        ]
        assert table.loc["serf", metric] == pytest.approx(np.mean(values))


def test_finished_trials_are_not_run_again(study, command, capsys):
    def content():
        return {
            path: (path.stat().st_mtime_ns, path.read_bytes())
            for path in [*study.glob("trials/*"), *study.glob("*.keras")]
        }

    before = content()
    assert main(command) == 0
    captured = capsys.readouterr()
    assert "4 of 4 trials finished before, 0 to run" in captured.err
    assert "**Verdict.**" in captured.out
    assert content() == before


def test_another_config_in_the_same_folder_is_refused(study, command, capsys):
    before = sorted(study.rglob("*"))
    assert main([*command, "--word-dropout", "0.25"]) == 2
    assert "another --out" in capsys.readouterr().err
    assert sorted(study.rglob("*")) == before


def predict(study, backend, *arguments):
    """Runs `predict` in a fresh process; returns its lines."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "demos", "sentiment", "predict"),
            *("superb witty film", "dull stale plot", "", "--out", str(study)),
            *arguments,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert done.returncode == 0, done.stderr
    return [line.split("  ") for line in done.stdout.splitlines()]


def test_predict_answers_in_a_fresh_process_on_any_backend(study):
    backend = keras.backend.backend()
    other = sorted(BACKENDS - {backend})[0]
    lines = predict(study, backend, "--activation", "serf")
    assert [line[0].strip() for line in lines] == ["good", "bad", lines[2][0]]
    assert lines[0][2] == "superb witty film"
    assert all(0.5 <= float(line[1]) <= 1 for line in lines)
    pytest.importorskip(other)
    theirs = predict(study, other, "--activation", "serf")
    for ours, line in zip(lines, theirs, strict=True):
        assert line[0] == ours[0]
        assert float(line[1]) == pytest.approx(float(ours[1]), abs=2e-3)


def test_predict_answers_on_a_backend_that_cannot_train(study, numpy_backend):
    ours = predict(study, keras.backend.backend())
    assert [line[0] for line in predict(study, numpy_backend)] == [
        line[0] for line in ours
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("serf.keras", "{}"),
        ("tokenizer.json", "{}"),
        ("tokenizer.json", None),
        ("labels.json", "{"),
        ("labels.json", None),
    ],
)
def test_predict_names_what_it_cannot_read(
    tmp_path, study, capsys, name, content
):
    folder = shutil.copytree(study, tmp_path / "study")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    arguments = ["--activation", "serf", "--out", str(folder)]
    assert main(["sentiment", "predict", "witty", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{folder / name} cannot be read" in captured.err
    assert captured.err.count("\n") == 1


def test_predict_prefers_a_study_with_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(["fresh", "latest", "earlier", "earliest"]):
        folder = sentiment.RUNS / name
        folder.mkdir(parents=True)
        (folder / "study.json").touch()
        os.utime(folder / "study.json", (1e9 - age, 1e9 - age))
    assert command.latest_study(sentiment.RUNS, "train").name == "fresh"
    for name in ("latest", "earlier"):
        (sentiment.RUNS / name / "serf.keras").touch()
    assert command.latest_study(sentiment.RUNS, "train").name == "latest"


def test_predict_asks_for_texts_in_its_help(capsys):
    with pytest.raises(SystemExit):
        main(["sentiment", "predict", "--help"])
    text = capsys.readouterr().out
    assert "[OPTIONS] TEXT [TEXT ...]" in text
    assert "(default: )" not in text


def test_predict_takes_the_best_on_the_validation(study, capsys):
    assert main(["sentiment", "predict", "witty", "--out", str(study)]) == 0
    captured = capsys.readouterr()
    best = max(r.metrics["validation_accuracy"] for r in gather(study))
    assert f"validation accuracy {best:.3f}" in captured.err
    assert captured.out.count("\n") == 1


def test_saved_model_is_the_best_trial(study, reviews):
    dataset = load_texts(str(reviews))
    tokenizer = Tokenizer.from_file(str(study / "tokenizer.json"))
    model: Any = keras.saving.load_model(study / "serf.keras")
    trials = [result for result in gather(study) if result.label == "serf"]
    metrics = max(
        (result.metrics for result in trials),
        key=lambda metrics: metrics["validation_accuracy"],
    )
    inputs = words.encode(tokenizer, dataset.test.texts, model.input_shape[1])
    scores = classification_scores(
        dataset.test.labels, batches.predict(model, inputs, 32)
    )
    for name, value in scores.items():
        assert metrics[name] == pytest.approx(value, rel=1e-4)
    assert trials[0].parameters == model.count_params()


def test_vocabulary_is_that_of_the_training_texts(study, reviews):
    known = set(Tokenizer.from_file(str(study / "tokenizer.json")).get_vocab())
    train = set(" ".join(load_texts(str(reviews)).train.texts).split())
    assert known - train == {"[PAD]", "[UNK]"}


def test_same_seed_same_result_and_same_start(task):
    curves = [
        task.run(Trial({"activation": name}, seed), TrialContext()).history
        for name, seed in (("relu", 3), ("relu", 3), ("relu", 4))
    ]
    assert curves[0]["loss"] == pytest.approx(curves[1]["loss"], rel=1e-5)
    assert curves[0]["loss"] != pytest.approx(curves[2]["loss"], rel=1e-5)

    def weights(activation):
        keras.utils.set_random_seed(3)
        model = sentiment.build(activation, 2, 9, 5, task.model, task.training)
        return model.get_weights()

    for ours, theirs in zip(weights("serf"), weights("relu"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


class Started(BaseException):
    """Ends a trial before its first epoch, with its model."""


def started(task, monkeypatch, settings, seed):
    """Returns the model of a trial, and its first batch, before training."""

    def fit(model, data, **options):
        raise Started(model, data[0])

    monkeypatch.setattr("demos.training.fit.fit", fit)
    with pytest.raises(Started) as caught:
        task.run(
            Trial({"activation": "serf", **settings}, seed), TrialContext()
        )
    return caught.value.args


def test_at_one_seed_all_activations_start_alike(task, monkeypatch):
    starts = [
        started(task, monkeypatch, {"activation": name}, seed)
        for name, seed in (("serf", 3), ("relu", 3), ("serf", 4))
    ]
    assert [model.layers[-3].activation.__name__ for model, _ in starts] == [
        *("serf", "relu", "serf")
    ]
    (ours, first), (paired, same), (other, another) = (
        (model.get_weights(), batch) for model, batch in starts
    )
    for a, b in zip(ours + list(first), paired + list(same), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], another[0])
    for a, b in zip(ours, other, strict=True):  # All that is drawn differs.
        assert np.ptp(a) == 0 or not np.array_equal(a, b)


def test_what_is_varied_reaches_the_model(task, monkeypatch):
    usual, _ = started(task, monkeypatch, {}, 3)
    varied, _ = started(
        task,
        monkeypatch,
        {
            "layers": 2,
            "initializer": "zeros",
            "optimizer": "sgd",
            "learning_rate": 0.5,
            "dropout": 0.25,
            "head_dim": 7,
        },
        3,
    )

    def encoders(model):
        return [x for x in model.layers if "transformer_encoder" in x.name]

    def rates(model):
        return {x.rate for x in model.layers if "dropout" in x.name}

    assert (len(encoders(usual)), len(encoders(varied))) == (1, 2)
    assert rates(usual) == {0.5, 0.3}
    assert rates(varied) == {0.25}
    assert {encoder.dropout for encoder in encoders(varied)} == {0.25}
    head = varied.layers[-3]
    assert head.units == 7
    assert not np.any(head.get_weights()[0])
    assert type(varied.optimizer).__name__ == "SGD"
    assert float(varied.optimizer.learning_rate) == 0.5
    assert type(usual.optimizer).__name__ == "AdamW"


@pytest.mark.slow
def test_killed_with_its_workers_it_completes(tmp_path, reviews):
    """As a user would: python -m demos sentiment --jobs 2, and kill -9."""
    out = tmp_path / "out"
    arguments = [
        *(sys.executable, "-m", "demos", "sentiment", "--jobs", "2"),
        *("--dataset", str(reviews), "--out", str(out), "--epochs", "12"),
        *("--activations", "relu", "serf", "--seeds", "0", "1"),
        *("--embedding-dim", "8", "--heads", "2", "--batch-size", "32"),
    ]
    environment = {
        **os.environ,
        "KERAS_BACKEND": keras.backend.backend(),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    with subprocess.Popen(
        arguments, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 300
        while time.monotonic() < until:
            under_way = {path.parent.name for path in out.glob("*/*/state.npz")}
            finished = {path.stem for path in out.glob("trials/*-seed?.json")}
            if finished and under_way - finished:
                break
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    kept = {p: p.read_bytes() for p in out.glob("trials/*-seed?.json")}
    assert 1 <= len(kept) < 4

    done = subprocess.run(
        arguments, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0
    lines = done.stderr.splitlines()  # Ours alone: of the data, and a trial.
    assert len(lines) == 2 + 4 - len(kept)
    assert all(line.startswith("trial ") for line in lines[2:])
    assert "**Verdict.**" in done.stdout
    assert len(gather(out)) == 4
    assert {path: path.read_bytes() for path in kept} == kept
    assert not list(out.glob("checkpoints/*"))


def test_padding_does_not_change_the_answer(task):
    model = sentiment.build("serf", 2, 50, 12, task.model, task.training)
    tokens = np.zeros((2, 12), "int32")
    tokens[0, :4] = 5, 6, 7, 8
    tokens[1, 0] = words.UNKNOWN
    short = sentiment.build("serf", 2, 50, 4, task.model, task.training)
    weights = model.get_weights()
    place = next(i for i, w in enumerate(weights) if w.shape == (12, 8))
    weights[place] = weights[place][:4]
    short.set_weights(weights)
    full = batches.predict(model, tokens, 4)
    np.testing.assert_allclose(full.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        batches.predict(short, tokens[:, :4], 1), full, atol=1e-5
    )


def test_a_batch_larger_than_the_data_costs_no_memory(task):
    model = sentiment.build("serf", 2, 50, 12, task.model, task.training)
    tokens = np.arange(36, dtype="int32").reshape(3, 12)
    np.testing.assert_allclose(
        batches.predict(model, tokens, 10**12),
        batches.predict(model, tokens, 1),
        atol=1e-5,
    )


def test_baselines_of_the_reviews_do_not_move():
    found = sentiment.SentimentTask(load_texts("rotten_tomatoes")).baselines()
    words = found["TF-IDF + logistic regression"]
    assert words["accuracy"] == pytest.approx(0.7548, abs=5e-4)
    assert words["macro_f1"] == pytest.approx(0.7395, abs=5e-4)


def test_texts_without_words_have_a_baseline_and_two_tokens(task):
    split = Split(("!", "!!", "a", "?"), (0, 1, 0, 1))
    dataset = TextClassification("marks", ("bad", "good"), split, split, split)
    marks = sentiment.SentimentTask(dataset)
    assert list(marks.baselines()) == ["majority class"]
    assert marks.sequence_length == 2


def test_baselines_come_before_the_training(tmp_path, reviews, monkeypatch):
    def failing(task):
        raise MemoryError("no room")

    monkeypatch.setattr(sentiment.SentimentTask, "baselines", failing)
    with pytest.raises(MemoryError, match="no room"):
        main(["sentiment", "--dataset", str(reviews), "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_order_and_hidden_words_depend_on_the_seed_alone():
    inputs = np.arange(2, 42, dtype="int32").reshape(10, 4)
    targets = np.eye(2, dtype="float32")[[0, 1] * 5]

    def epochs(seed):
        batches = sentiment.shuffled_batches(inputs, targets, 3, 0.5, seed)
        found = []
        for _ in range(2):
            found.append(np.stack([batches[i][0] for i in range(len(batches))]))
            batches.on_epoch_end()
        return found

    first, second = epochs(0)
    np.testing.assert_array_equal(epochs(0), [first, second])
    assert not np.array_equal(first, second)
    assert not np.array_equal(epochs(1)[0], first)
    assert first.shape == (3, 3, 4)
    assert 0.2 < np.mean(first == words.UNKNOWN) < 0.8


def test_divergence_is_reported_with_its_reason(tmp_path, reviews, capsys):
    code = main(
        [
            *("sentiment", "--dataset", str(reviews), "--out", str(tmp_path)),
            *("--activations", "exponential", "--seeds", "0"),
            *("--learning-rate", "1e30", "--epochs", "1"),
        ]
    )
    captured = capsys.readouterr()
    assert code == 1
    assert "failed: DivergedError" in captured.err
    record = json.loads(
        (tmp_path / "trials/exponential-seed0.json").read_text()
    )
    assert record["reason"].startswith("DivergedError")
    assert not list(tmp_path.rglob("*.keras"))


def test_quick_is_marked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sentiment", "--quick", "--activations", "serf"]) == 0
    folder = tmp_path / "runs/sentiment/rotten_tomatoes-quick"
    assert "QUICK RUN" in (folder / "table.md").read_text()
    assert len(list(folder.glob("trials/serf-seed?.json"))) == 2
    capsys.readouterr()
    assert main(["sentiment", "predict", "a dark, dull thriller"]) == 0
    assert "a dark, dull thriller" in capsys.readouterr().out


BAD_OPTIONS = {
    "unknown activation": ["--activations", "relu", "swerf"],
    "repeated activation": ["--activations", "relu", "relu"],
    "no activation": ["--activations"],
    "repeated seed": ["--seeds", "1", "1"],
    "negative seed": ["--seeds", "-1"],
    "seed that is no number": ["--seeds", "one"],
    "unknown flag": ["--sedes", "1"],
    "unknown dataset": ["--dataset", "imbd"],
    "missing file": ["--dataset", "missing.csv"],
    "missing column": ["--dataset", "good.csv", "--text-column", "review"],
    "empty file": ["--dataset", "empty.csv"],
    "one class": ["--dataset", "one.csv"],
    "not text": ["--dataset", "binary.csv"],
    "no archive": ["--dataset", "imdb", "--data-dir", "."],
    "no epochs": ["--epochs", "0"],
    "no texts a step": ["--batch-size", "-3"],
    "all words hidden": ["--word-dropout", "1"],
    "not a rate": ["--learning-rate", "nan"],
    "heads": ["--heads", "5"],
    "one word": ["--sequence-length", "1"],
    "tiny vocabulary": ["--vocabulary-size", "2"],
    "unknown backend": ["--backend", "theano"],
    "another backend": ["--backend", "OTHER"],
    "out is a file": ["--out", "good.csv"],
    "out lies under a file": ["--out", "good.csv/below"],
}


@pytest.mark.parametrize(
    "arguments", BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys()
)
def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path, monkeypatch, capsys, sentences, arguments
):
    monkeypatch.chdir(tmp_path)
    lines = [",".join(row) for row in sentences(40)]
    (tmp_path / "good.csv").write_text("\n".join(["text,label", *lines]))
    (tmp_path / "one.csv").write_text("\n".join(["text,label", *lines[::2]]))
    (tmp_path / "empty.csv").touch()
    (tmp_path / "binary.csv").write_bytes(b"\x89PNG\r\n\xff\x00\xfe")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*")}
    other = sorted(BACKENDS - {keras.backend.backend()})[0]
    arguments = [other if a == "OTHER" else a for a in arguments]
    assert main(["sentiment", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a text"],
        ["a text", "--out", "nowhere"],
        ["a text", "--activation", "swerf", "--out", "STUDY"],
    ],
)
def test_predict_without_text_or_model(
    tmp_path, monkeypatch, capsys, study, arguments
):
    monkeypatch.chdir(tmp_path)
    arguments = [str(study) if a == "STUDY" else a for a in arguments]
    assert main(["sentiment", "predict", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1

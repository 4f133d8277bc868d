"""The commands of the tasks: train, report, resume, predict."""

import json
import re

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.study.trial import Trial, TrialContext, gather
from demos.tasks import word_tokenizer
from demos.tasks.detection import drawing
from demos.tasks.detection.scores import detection_scores
from demos.tasks.saved_model import SavedModel
from demos.tasks.translation.model import Steps
from demos.tasks.translation.translator import Translator
from demos.training.scores import classification_scores

pytestmark = pytest.mark.usefixtures("trains")

# Of every study; what a task adds; what it measures, and how well a model that
# has learned does and its baselines do.
REPORT = {
    *("study.json", "report.html", "figure.png", "trials.csv"),
    *("table.csv", "table.md", "table.tex"),
}
FILES = {
    "sentiment": {"tokenizer.json", "labels.json"},
    "translation": {
        *("source_tokenizer.json", "target_tokenizer.json"),
        *("translation.json", "trials/serf-seed0.test.txt"),
    },
    "entailment": {
        *("tokenizer.json", "entailment.json", "examples.png"),
        *("confusion.png", "trials/serf-seed0.test.txt"),
    },
    "classification": {
        *("labels.json", "examples.png", "confusion.png", "dead_units.png"),
        "trials/serf-seed0.test.txt",
    },
    "detection": {
        *("detection.json", "examples.png", "detections.png"),
        "trials/serf-seed0.test.txt",
    },
}
LEARNED = {
    "sentiment": (
        *("accuracy", 0.9),
        {"majority class": 0.5, "TF-IDF + logistic regression": 1.0},
    ),
    "translation": (
        *("chrf", 90),
        {"copy of the source": 20, "word-by-word lexicon": 60},
    ),
    "entailment": ("accuracy", 0.85, {"majority class": 0.5}),
    "classification": (
        *("accuracy", 0.85),
        {"majority class": 0.11, "linear discriminant analysis": 0.96},
    ),
    "detection": ("map_50", 0.6, {"mean box of each label": 0.3}),
}


def test_a_run_writes_all_that_it_promises(case, study):
    names = {
        path.relative_to(study).as_posix()
        for path in study.rglob("*.*")
        if path.parent.name != "locks"
    }
    expected = {"serf.keras", "trials/serf-seed0.json", *FILES[case.name]}
    assert REPORT | expected <= names
    # One model of each activation and unimodal baseline; nothing half done.
    models = {name for name in names if name.endswith(".keras")}
    assert {m for m in models if "-sees=" not in m} <= expected
    assert not [name for name in names if ".partial" in name]
    assert not list(study.glob("checkpoints/*"))
    text = (study / "table.md").read_text(encoding="utf-8")
    assert case.load().describe().partition(";")[0] in text
    if case.name in ("entailment", "detection"):
        assert "of the training time was spent waiting for data" in text


def test_a_model_learns_what_baselines_cannot(case, study):
    metric, least, baselines = LEARNED[case.name]
    table = pd.read_csv(study / "table.csv").set_index("model")[metric]
    assert list(table.index[-len(baselines) :]) == list(baselines)
    assert table["serf"] > least
    for name, most in baselines.items():
        assert table[name] <= most, name


def test_the_table_is_the_mean_of_the_trials(case, study):
    metric, *_ = LEARNED[case.name]
    table = pd.read_csv(study / "table.csv").set_index("model")
    records = [r for r in gather(study) if r.label == "serf"]
    assert table.loc["serf", "seeds"] == len(records)
    assert table.loc["serf", metric] == pytest.approx(
        np.mean([record.metrics[metric] for record in records])
    )


def content(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in [*folder.glob("trials/*"), *folder.glob("*.keras")]
    }


@pytest.mark.usefixtures("blank_figures")
def test_finished_trials_are_not_run_again(case, study, capsys):
    before = content(study)
    count = len(gather(study))
    assert case.run(study) == 0
    captured = capsys.readouterr()
    assert f"{count} of {count} trials already finished, 0 to" in captured.err
    assert "report.html" in captured.out
    assert content(study) == before


def test_other_options_in_the_same_folder_are_refused(case, study, capsys):
    before = sorted(study.rglob("*"))
    assert case.run(study, "--learning-rate", "0.123") == 2
    assert "another --out" in capsys.readouterr().err
    assert sorted(study.rglob("*")) == before


def scores_of(case, model, study):
    """Scores a saved model on the test split, by the inputs of its task."""
    task = case.load()
    test = task.dataset.test

    def answers(inputs):
        return model.predict(inputs, verbose=0)

    if case.name == "translation":
        translator = Translator(
            Steps(model),
            task.source_tokenizer,
            task.target_tokenizer,
            task.model.longest,
            task.decoding,
        )
        texts = translator(test.sources)
        equal = [a == b for a, b in zip(texts, test.targets, strict=True)]
        return {"exact_match": np.mean(equal)}
    if case.name == "detection":
        return task.scores("test", task.maps(model, "test"))
    if case.name == "sentiment":
        inputs = word_tokenizer.encode(
            task.tokenizer, test.texts, model.input_shape[1]
        )
    elif case.name == "entailment":
        inputs = task.inputs("test")
    else:
        inputs = test.pixels
    return classification_scores(test.labels, answers(inputs))


def best_of(case, study):
    """Returns the record whose model is kept as `serf.keras`."""
    return max(
        (record for record in gather(study) if record.label == "serf"),
        key=lambda record: record.metrics[case.load().objective],
    )


def test_the_saved_model_is_the_best_trial(case, study):
    record = best_of(case, study)
    saved = SavedModel(study / "serf.keras", "")
    for name, value in scores_of(case, saved.load(), study).items():
        assert record.metrics[name] == pytest.approx(value, rel=1e-3), name
    curves = record.history.values()
    assert len({len(curve) for curve in curves}) == 1


def test_the_test_answers_are_those_that_were_scored(cases, trained):
    """Of the tasks whose trials keep what the model said."""
    digits = cases["classification"].load().dataset
    boxes = cases["detection"].load().dataset.test.boxes
    for record in gather(trained("classification")):
        path = trained("classification") / f"trials/{record.name}.test.txt"
        named = [digits.label_names[label] for label in digits.test.labels]
        right = np.equal(path.read_text().splitlines(), named)
        assert record.metrics["accuracy"] == pytest.approx(right.mean())
    for record in gather(trained("detection")):
        path = trained("detection") / f"trials/{record.name}.test.txt"
        scores = detection_scores(boxes, drawing.from_json(path.read_text()))
        for name, value in scores.items():
            assert record.metrics[name] == pytest.approx(value, abs=0.02)


@pytest.mark.long
def test_a_later_trial_is_as_if_it_were_the_first(cases, trained):
    """The second one of the study reuses what the first one compiled."""
    first, later = gather(trained("classification"))
    assert (first.seed, later.seed) == (0, 1)
    task = cases["classification"].load()
    alone = task.run(Trial({"activation": "serf"}, 1), TrialContext())
    assert later.metrics == pytest.approx(alone.metrics, rel=1e-5)
    for curve, values in alone.history.items():
        assert later.history[curve] == pytest.approx(values, rel=1e-4), curve


ANSWERS = {
    "sentiment": [r"good +[01]\.\d+  superb", r"bad +[01]\.\d+  dull"],
    "entailment": [r"[01]\.\d+  Yes", r"[01]\.\d+  No"],
    "classification": [r"\d +[01]\.\d+  .*digit.png"],
    "detection": [r"[01]\.\d+  red  \d+ \d+ \d+ \d+"],
}


def test_predict_answers(case, study, capsys):
    task = case.load()
    best = best_of(case, study)
    question = case.question
    if case.name == "translation":  # Right or wrong, as in its trial.
        question = task.dataset.test.sources[:2]
        said = study / f"trials/{best.name}.test.txt"
        lines = said.read_text(encoding="utf-8").splitlines()
        patterns = [f"{re.escape(line)}$" for line in lines[:2]]
    else:
        patterns = ANSWERS[case.name]
    assert case.predict(study, *question, "--activation", "serf") == 0
    captured = capsys.readouterr()
    score = f"{task.objective.replace('_', ' ')} "
    assert f"{score}{best.metrics[task.objective]:.3f}" in captured.err
    lines = captured.out.splitlines()[: len(patterns)]
    for pattern, line in zip(patterns, lines, strict=True):
        assert re.match(pattern, line)


def test_predict_of_detection_draws_a_copy_of_each_image(
    cases, trained, tmp_path, capsys
):
    study = trained("detection")
    path, *_ = cases["detection"].question
    (tmp_path / "other").mkdir()
    Image.open(path).convert("L").save(tmp_path / "other" / "box.png")
    arguments = [path, str(tmp_path / "other" / "box.png")]
    folder = tmp_path / "found"
    save = ["--save", str(folder), "--score", "0.1"]
    assert cases["detection"].predict(study, *arguments, *save) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == set(arguments)
    names = {each.name for each in folder.iterdir()}
    assert names == {"box-detected.png", "box-detected-2.png"}
    with Image.open(folder / "box-detected.png") as copy:
        assert copy.size == (300, 200)
        assert (np.asarray(copy) != np.asarray(Image.open(path))).any()
    best = next(line.split() for line in lines if line.startswith(path))
    assert best[2] == "red"
    np.testing.assert_allclose(
        list(map(int, best[3:])), [100, 40, 220, 140], atol=40
    )


@pytest.fixture(scope="module")
def elsewhere(cases, trained, run_python):
    """Returns `elsewhere(backend)`: what `predict` prints there, by task.

    One process answers for all tasks. It first loads all models without the
    demos.
    """
    code = """
    import json, sys
    import keras, keras_hub, keras_serf
    questions = json.loads(sys.argv[1])
    for arguments in questions:
        keras.saving.load_model(arguments[3] + "/serf.keras", compile=False)
    assert "demos" not in sys.modules
    from demos.__main__ import main
    for arguments in questions:
        print("\\0", end="")
        assert main(arguments) == 0
    """
    printed = {}

    def ask(backend):
        if backend not in printed:
            questions = [
                [
                    *(name, "predict", "--out", str(trained(name))),
                    *(*case.question, "--activation", "serf"),
                ]
                for name, case in cases.items()
            ]
            out = run_python(code, json.dumps(questions), backend=backend)
            printed[backend] = dict(
                zip(cases, out.split("\0")[1:], strict=True)
            )
        return printed[backend]

    return ask


def assert_same_answers(ours, theirs):
    number = r"\d+(?:\.\d+)?"
    ours, theirs = ours.strip(), theirs.strip()
    assert re.sub(number, "#", ours) == re.sub(number, "#", theirs)
    for one, other in zip(
        re.findall(number, ours), re.findall(number, theirs), strict=True
    ):
        # Probabilities; or pixels, which are rounded.
        assert float(one) == pytest.approx(float(other), abs=2e-3, rel=0.02)


ANOTHER = {"jax": "tensorflow", "tensorflow": "torch", "torch": "jax"}


def test_predict_answers_the_same_in_a_process_on_another_backend(
    case, study, elsewhere, capsys
):
    backend = ANOTHER[keras.backend.backend()]
    pytest.importorskip(backend)
    assert case.predict(study, *case.question, "--activation", "serf") == 0
    assert_same_answers(capsys.readouterr().out, elsewhere(backend)[case.name])


@pytest.mark.slow
def test_predict_answers_the_same_on_a_backend_that_cannot_train(
    case, study, elsewhere, numpy_backend, capsys
):
    assert case.predict(study, *case.question, "--activation", "serf") == 0
    assert_same_answers(
        capsys.readouterr().out, elsewhere(numpy_backend)[case.name]
    )

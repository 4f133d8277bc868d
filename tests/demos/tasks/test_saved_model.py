"""Which trained model `predict` finds, and how it fails to read one."""

import json
import os

import keras
import pytest
from PIL import Image

from demos.common.errors import UserError
from demos.common.files import digest, read_json, write_json
from demos.study.trial import TrialRecord
from demos.tasks.options import PredictOptions
from demos.tasks.saved_model import SavedModel, find, latest_study, open_image

pytestmark = pytest.mark.once

OBJECTIVE = "validation_accuracy"


@pytest.fixture
def runs(tmp_path):
    """The folder of the studies of a task, which has none."""
    (tmp_path / "runs" / "sentiment").mkdir(parents=True)
    return tmp_path / "runs" / "sentiment"


def write_study(folder, *trials, task="sentiment", dataset="reviews"):
    """Writes records with these settings and scores, and empty models."""
    (folder / "trials").mkdir(parents=True)
    write_json(folder / "study.json", {"fingerprint": "f"})
    for seed, (score, settings) in enumerate(trials):
        record = TrialRecord(
            settings,
            seed,
            "f",
            metrics={OBJECTIVE: score},
            config={"task": task, "dataset": dataset},
        )
        write_json(folder / "trials" / f"{record.name}.json", vars(record))
        (folder / f"{record.label}.keras").touch()
    return folder


def found(folder, runs, activation=None):
    options = PredictOptions(activation=activation, out=folder)
    return find(options, runs, OBJECTIVE, "python -m demos sentiment")


def test_the_best_on_the_validation_set_is_taken(runs, capsys):
    folder = write_study(
        runs / "a",
        (0.7, {"activation": "relu"}),
        (0.9, {"activation": "serf"}),
        (0.8, {"activation": "gelu"}),
        (1.0, {"activation": "serf", "sees": "texts only"}),
    )
    saved = found(folder, runs)
    assert saved.path == folder / "serf.keras"
    said = capsys.readouterr().err
    assert said == f"{saved.path}: seed 1, validation accuracy 0.900\n"
    assert found(folder, runs, "relu").path == folder / "relu.keras"
    # A model may have been deleted to save space.
    saved.path.unlink()
    assert found(folder, runs).path == folder / "gelu.keras"
    with pytest.raises(UserError, match="has no trained model with serf;"):
        found(folder, runs, "serf")
    assert found(None, runs).path == folder / "gelu.keras"


@pytest.mark.parametrize("dataset", ["reviews-quick", "emoji-quick-en-de"])
def test_the_model_of_a_smoke_test_warns(runs, capsys, dataset):
    trial = (0.7, {"activation": "relu"})
    found(write_study(runs / "a", trial, dataset=dataset), runs)
    assert "smoke test (--quick)" in capsys.readouterr().err.splitlines()[-1]


def test_a_study_of_another_task_is_not_asked(runs):
    folder = write_study(
        runs / "a", (0.7, {"activation": "relu"}), task="detection"
    )
    with pytest.raises(UserError, match="has a study of another task; train"):
        found(folder, runs)


def test_the_latest_study_with_a_model_is_preferred(runs):
    for age, name in enumerate(["fresh", "latest", "earlier", "earliest"]):
        path = write_study(runs / name) / "study.json"
        os.utime(path, (1e9 - age, 1e9 - age))
    assert latest_study(runs).name == "fresh"
    for name in ("latest", "earlier"):
        (runs / name / "serf.keras").touch()
    assert latest_study(runs).name == "latest"


@pytest.mark.parametrize("content", [None, "{", "\x00"])
def test_files_that_cannot_be_read_are_named(tmp_path, content):
    saved = SavedModel(tmp_path / "serf.keras", "python -m demos x")
    for name, read in (
        ("serf.keras", saved.load),
        ("labels.json", lambda: saved.json("labels.json")),
        ("tokenizer.json", saved.tokenizer),
    ):
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(UserError) as caught:
            read()
        message = str(caught.value)
        assert message.startswith(f"{tmp_path / name} cannot be read: ")
        assert message.endswith("--out: python -m demos x")
        assert "\n" not in message


def test_a_truncated_model_is_called_damaged(tmp_path):
    path = tmp_path / "serf.keras"
    keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)]).save(path)
    os.truncate(path, path.stat().st_size // 2)
    saved = SavedModel(path, "")
    with pytest.raises(UserError, match="it is not a complete archive"):
        saved.load()


def test_code_in_a_model_is_not_run(tmp_path):
    path = tmp_path / "serf.keras"
    code = keras.layers.Lambda(lambda x: x + 1, output_shape=(1,))
    keras.Sequential([keras.Input((1,)), code]).save(path)
    saved = SavedModel(path, "")
    with pytest.raises(UserError, match=r"serf\.keras cannot be read: .*safe"):
        saved.load()


@pytest.mark.parametrize(
    "content", [{"a": 1}, {"labels": "ab"}, "ab", 3, ["a"], ["a", 2], ["a"] * 3]
)
def test_labels_of_the_wrong_shape_are_one_line(tmp_path, content):
    saved = SavedModel(tmp_path / "serf.keras", "")
    write_json(tmp_path / "labels.json", content)
    with pytest.raises(UserError, match=r"labels\.json cannot be read"):
        saved.labels(2)
    write_json(tmp_path / "labels.json", {"labels": ["a", "b"], "size": "8"})
    assert saved.labels(2) == ["a", "b"]
    with pytest.raises(UserError, match="size is '8'"):
        saved.json("labels.json", size=int)


def test_a_record_of_another_study_is_not_asked(runs):
    folder = write_study(runs / "a", (0.7, {"activation": "relu"}))
    write_json(folder / "study.json", {"fingerprint": "another"})
    with pytest.raises(UserError, match="belongs to a study with other data"):
        found(folder, runs)


def test_files_are_read(tmp_path):
    saved = SavedModel(tmp_path / "serf.keras", "")
    keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)]).save(
        saved.path
    )
    (tmp_path / "labels.json").write_text(json.dumps(["a", "b"]))
    assert saved.load().output_shape == (None, 2)
    assert saved.json("labels.json") == ["a", "b"]


def test_files_of_another_study_are_refused(runs):
    folder = write_study(runs / "a", (0.7, {"activation": "serf"}))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    model.save(folder / "serf.keras")
    write_json(folder / "labels.json", ["a", "b"])
    known = {"labels.json": digest(folder / "labels.json")}
    write_json(folder / "study.json", {"fingerprint": "f", "files": known})
    path = folder / "trials" / "serf-seed0.json"
    write_json(path, read_json(path) | {"model": digest(folder / "serf.keras")})
    saved = found(folder, runs)
    assert saved.labels(saved.load().output_shape[1]) == ["a", "b"]
    model.set_weights([weights + 1 for weights in model.get_weights()])
    model.save(folder / "serf.keras")
    write_json(folder / "labels.json", ["b", "a"])
    for read in (saved.load, lambda: saved.labels(2)):
        with pytest.raises(UserError, match="not the file that the study"):
            read()


def test_images_are_opened_or_named(tmp_path):
    Image.new("L", (3, 2)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("not an image")
    assert open_image(tmp_path / "good.png").size == (3, 2)
    with pytest.raises(UserError, match=r"bad\.png cannot be read as an image"):
        open_image(tmp_path / "bad.png")

"""The detection demo, from the command line: trained, varied, asked."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import keras_serf  # noqa: F401 - teaches Keras the word
from demos.__main__ import main
from demos.datasets.load import load_detection
from demos.datasets.types import Box
from demos.study.trial import DivergedError
from demos.study.trial import Trial
from demos.study.trial import TrialContext
from demos.study.trial import gather
from demos.tasks.detection import drawing as drawn_boxes
from demos.tasks.detection import model as detector
from demos.tasks.detection import task as detection
from demos.tasks.detection.scores import detection_scores

pytestmark = pytest.mark.usefixtures("trains")

COLOURS = {"blue": (0, 0, 255), "red": (255, 0, 0)}
SIZES = ["--image-size", "32", "--channels", "8", "--blocks", "0"]
MODEL = detection.ModelConfig(image_size=32, channels=8, blocks=0)
# Of the optimizers, the one that is compiled in the least time.
TRAINING = detection.TrainingConfig(epochs=1, batch_size=16, optimizer="sgd")


def write_export(folder, **counts):
    """Writes pictures of 60 x 40 pixels with a red or blue rectangle each."""
    draw = np.random.default_rng(0)
    for split, count in counts.items():
        (folder / split).mkdir(parents=True)
        images, annotations = [], []
        for number in range(count):
            category = number % 2
            width, height = draw.integers(16, 30, 2).tolist()
            left, top = draw.integers((60 - width, 40 - height)).tolist()
            picture = Image.new("RGB", (60, 40), "white")
            picture.paste(
                list(COLOURS.values())[category],
                (left, top, left + width, top + height),
            )
            name = f"{number}.png"
            picture.save(folder / split / name)
            images.append(
                {"id": number, "file_name": name, "width": 60, "height": 40}
            )
            annotations.append(
                {
                    "image_id": number,
                    "category_id": category,
                    "bbox": [left, top, width, height],
                }
            )
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [
                {"id": i, "name": name} for i, name in enumerate(COLOURS)
            ],
        }
        (folder / split / "_annotations.coco.json").write_text(
            json.dumps(content)
        )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_export(
        tmp_path_factory.mktemp("data") / "rectangles",
        train=144,
        valid=32,
        test=32,
    )


@pytest.fixture(scope="module")
def dataset(folder):
    return load_detection(str(folder))


def run(folder, out, *arguments):
    return main(
        [
            *("detection", "--dataset", str(folder), "--out", str(out)),
            *("--activations", "relu", "serf", "--seeds", "0"),
            *("--epochs", "6", "--learning-rate", "0.02", *SIZES),
            *("--batch-size", "8", *arguments),
        ]
    )


@pytest.fixture(scope="module")
def study(folder, tmp_path_factory):
    """The folder of a whole run of the command."""
    out = tmp_path_factory.mktemp("runs") / "study"
    assert run(folder, out) == 0
    return out


def test_it_learns_where_things_are(study):
    table = pd.read_csv(study / "table.csv").set_index("model")
    assert list(table.index) == ["relu", "serf", "mean box of each label"]
    assert (table.loc[["relu", "serf"], "map_50"] > 0.6).all()
    assert table.loc["mean box of each label", "map_50"] < 0.3


def test_a_run_writes_all_that_it_promises(study):
    names = {str(p.relative_to(study)) for p in study.rglob("*.*")}
    assert {
        "study.json",
        "trials/serf-seed0.json",
        "trials/serf-seed0.test.txt",
        "table.csv",
        "table.md",
        "figure.png",
        "detections.png",
        "examples.png",
        "report.html",
        "relu.keras",
        "serf.keras",
        "detection.json",
    } <= names
    assert "What the models find" in (study / "report.html").read_text("utf-8")
    report = (study / "table.md").read_text(encoding="utf-8")
    assert "of the training was spent waiting for data" in report
    assert "208 pictures read at" in report
    with Image.open(study / "examples.png") as sheet:
        assert sheet.width > 500


def test_what_was_found_is_kept(study, dataset):
    (result,) = (r for r in gather(study) if r.label == "serf")
    text = (study / "trials" / "serf-seed0.test.txt").read_text()
    scores = detection_scores(dataset.test.boxes, drawn_boxes.from_json(text))
    for name, value in scores.items():
        assert result.metrics[name] == pytest.approx(value, abs=0.02)
    assert result.metrics["validation_map"] == pytest.approx(
        max(result.history["val_map"]), abs=1e-6
    )
    assert len(result.history["val_loss"]) == 6


def test_finished_trials_are_not_run_again(study, folder, capsys):
    before = [p.stat().st_mtime_ns for p in (study / "trials").iterdir()]
    assert run(folder, study) == 0
    captured = capsys.readouterr()
    assert "2 of 2 trials finished before" in captured.err
    assert captured.out.startswith("# Detection: rectangles\n")
    assert before == [
        p.stat().st_mtime_ns for p in (study / "trials").iterdir()
    ]


def test_the_saved_model_loads_without_the_demos(study, dataset, run_python):
    task = detection.DetectionTask(dataset, MODEL, TRAINING)
    np.save(study / "pixels.npy", task._pixels["test"])
    run_python(
        """
        import sys
        import keras
        import keras_serf
        import numpy as np
        folder = sys.argv[1]
        model = keras.saving.load_model(f"{folder}/serf.keras")
        pixels = np.load(f"{folder}/pixels.npy")
        np.save(f"{folder}/maps.npy", model.predict(pixels, verbose=0))
        assert not [name for name in sys.modules if name.startswith("demos")]
        """,
        study,
    )
    scores = task.scores("test", np.load(study / "maps.npy"))
    (result,) = (r for r in gather(study) if r.label == "serf")
    for name, value in scores.items():
        assert result.metrics[name] == pytest.approx(value, rel=1e-3)


def predict(study, *arguments, backend=None):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "demos", "detection", "predict"),
            *("--out", str(study), *map(str, arguments)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, **({"KERAS_BACKEND": backend} if backend else {})},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_predict_answers_in_a_fresh_process_on_any_backend(
    study, tmp_path, each_backend
):
    picture = Image.new("RGB", (300, 200), "white")
    picture.paste(COLOURS["red"], (100, 40, 220, 140))
    picture.save(tmp_path / "red.png")
    best, *others = predict(
        study,
        *(tmp_path / "red.png", "--save", tmp_path / "found"),
        backend=each_backend,
    )
    score, label, *box = best.split()
    assert label == "red"
    scores = [float(line.split()[0]) for line in others]
    assert min([*scores, float(score)]) >= 0.3
    assert max([*scores, 0]) <= float(score) <= 1
    np.testing.assert_allclose(
        list(map(int, box)), [100, 40, 220, 140], atol=40
    )
    with Image.open(tmp_path / "found" / "red-detected.png") as copy:
        assert copy.size == (300, 200)
        before = np.asarray(picture)
        assert (np.asarray(copy) != before).any()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Expected at least one picture"),
        (["nowhere.png"], "nowhere.png is not found"),
        ([__file__], "test_task.py cannot be read as a picture"),
        (["a.png", "--score", "2"], "Expected --score to be from 0 to 1"),
    ],
)
def test_predict_refuses_what_is_no_picture(
    study, tmp_path, monkeypatch, capsys, arguments, says
):
    monkeypatch.chdir(tmp_path)
    out = ["--out", str(study)]
    assert main(["detection", "predict", *arguments, *out]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.splitlines()[-1].startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_two_pictures_of_one_name_are_both_kept(
    study, folder, tmp_path, capsys
):
    names = [str(folder / split / "0.png") for split in ("train", "test")]
    save = ["--save", str(tmp_path), "--out", str(study)]
    assert main(["detection", "predict", *names, *save]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "0-detected.png",
        "0-detected-2.png",
    }
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == set(names)


def test_a_quick_study_of_what_is_varied(folder, tmp_path, capsys):
    out = tmp_path / "study"
    varied = ["--vary", "layers=0,1", "--quick", "--activations", "serf"]
    varied += ["--optimizer", "sgd"]
    assert run(folder, out, *varied) == 0
    assert "QUICK RUN" in capsys.readouterr().out
    results = gather(out)
    assert [r.settings["layers"] for r in results] == [0, 1]
    assert results[0].parameters < results[1].parameters
    assert results[0].config["pictures"]["train"] <= detection.QUICK_TRAIN


@pytest.mark.parametrize(
    "arguments",
    [
        ["--image-size", "40"],
        ["--image-size", "0"],
        ["--channels", "0"],
        ["--dataset", "nothing"],
        ["--learning-rate", "-1"],
        ["--optimizer", "none"],
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path, monkeypatch, capsys, arguments
):
    monkeypatch.chdir(tmp_path)
    assert main(["detection", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_image_size_is_the_same_for_all(folder, tmp_path, capsys):
    assert run(folder, tmp_path / "out", "--vary", "image-size=32,64") == 2
    assert "all trials share it" in capsys.readouterr().err


def test_a_later_trial_is_as_if_it_were_the_first(dataset):
    training = replace(TRAINING, flip=True)
    trials = [Trial({"activation": "serf"}, seed) for seed in (0, 1)]

    def run_all(trials):
        task = detection.DetectionTask(dataset, MODEL, training)
        return [task.run(trial, TrialContext()).metrics for trial in trials]

    first, later = run_all(trials)
    assert later == run_all(trials[1:])[0]
    assert first != later


class StopError(Exception):
    pass


def test_an_interrupted_training_goes_on(dataset, tmp_path):
    task = detection.DetectionTask(dataset, MODEL, replace(TRAINING, epochs=2))
    trial = Trial({"activation": "serf"}, 0)
    whole = task.run(trial, TrialContext())

    def stop(epoch, logs):
        if epoch == 2:
            raise StopError

    with pytest.raises(StopError):
        task.run(trial, TrialContext(stop, tmp_path))
    resumed = task.run(trial, TrialContext(checkpoint=tmp_path))
    assert resumed.metrics == pytest.approx(whole.metrics, rel=1e-5)
    assert resumed.history["val_map"] == pytest.approx(whole.history["val_map"])


def test_damaged_pictures_are_left_out_and_counted(tmp_path):
    folder = write_export(tmp_path / "data", train=6, valid=2, test=2)
    (folder / "train" / "1.png").write_bytes(b"no picture")
    task = detection.DetectionTask(load_detection(str(folder)), MODEL, TRAINING)
    assert len(task.dataset.train) == len(task._pixels["train"]) == 5
    damaged = os.path.join("train", "1.png")
    assert task.notes[1:] == (
        f"1 damaged pictures left out, such as {damaged}",
    )
    for name in ("0.png", "1.png"):
        (folder / "test" / name).write_bytes(b"no picture")
    with pytest.raises(detection.UserError, match="a test picture that can"):
        detection.DetectionTask(load_detection(str(folder)), MODEL, TRAINING)


def test_the_mean_box_is_that_of_training(dataset):
    part = replace(
        dataset.train,
        pictures=dataset.train.pictures[:2],
        boxes=(
            (Box(0, 0.1, 0.1, 0.2, 0.2), Box(0, 0.3, 0.5, 0.4, 0.2)),
            (Box(1, 0.5, 0.5, 0.1, 0.1), Box(0, 0, 0, 1, 1, crowd=True)),
        ),
    )
    one, other = detection.mean_boxes(part)
    assert one[1:] == pytest.approx((0, 2 / 3, 0.2, 0.3, 0.3, 0.2))
    assert other[1:] == pytest.approx((1, 1 / 3, 0.5, 0.5, 0.1, 0.1))


def test_other_data_have_settings_of_their_own():
    def settings(*arguments):
        found = detection.parse_options(arguments)
        return found.training.flip, found.model.image_size

    assert settings() == settings("--dataset", "animals") == (False, 64)
    assert settings("--dataset=own") == (True, 128)
    assert settings("--image-size", "96", "--dataset", "own") == (True, 96)


def test_a_model_that_says_no_number_has_diverged(dataset):
    task = detection.DetectionTask(dataset, MODEL, TRAINING)
    maps = np.full((32, 8, 8, 2 + detector.NUMBERS), np.nan)
    with pytest.raises(DivergedError, match="not a number"):
        task.scores("test", maps)


def test_help_imports_no_keras():
    code = (
        "import sys\n"
        "from demos.__main__ import main\n"
        "try: main(['detection', '--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "assert not {'keras', 'pandas', 'pycocotools'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "--image-size" in done.stdout

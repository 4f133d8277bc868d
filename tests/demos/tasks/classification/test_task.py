"""The classification demo, from the command line: trained, resumed, asked."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import keras_serf  # noqa: F401 - teaches Keras the word
from demos.__main__ import main
from demos.common.errors import UserError
from demos.datasets.load import load_images
from demos.datasets.splits import split_images
from demos.datasets.types import ImageClassification
from demos.datasets.types import ImageSplit
from demos.study.trial import Trial
from demos.study.trial import TrialContext
from demos.study.trial import gather
from demos.tasks.classification import task as classification

pytestmark = pytest.mark.usefixtures("trains")
BACKENDS = {"tensorflow", "jax", "torch"}


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """A run on digits, small: its command line, without the program."""
    out = tmp_path_factory.mktemp("runs") / "study"
    return [
        *("classification", "--dataset", "digits", "--out", str(out)),
        *("--activations", "relu", "serf", "--seeds", "0", "1"),
        *("--epochs", "4", "--learning-rate", "0.01", "--width", "8"),
    ]


@pytest.fixture(scope="module")
def study(command):
    """The folder that the run has written."""
    from pathlib import Path

    assert main(command) == 0
    return Path(command[command.index("--out") + 1])


@pytest.fixture
def task():
    dataset = classification.quick_part(load_images("digits"))
    return classification.ClassificationTask(
        dataset,
        classification.ModelConfig("mlp", layers=2, width=16),
        classification.TrainingConfig(epochs=2, batch_size=64),
    )


def run(task, activation="serf", seed=0, **settings):
    return task.run(
        Trial({"activation": activation, **settings}, seed), TrialContext()
    )


def test_a_run_writes_all_that_it_promises(study):
    names = {path.name for path in study.glob("*.*") if path.name[0] != "."}
    assert names == {
        *("study.json", "labels.json", "relu.keras", "serf.keras"),
        *("table.csv", "table.md", "table.tex", "trials.csv", "report.html"),
        *("figure.png", "dead_units.png", "confusion.png"),
        "examples.png",
    }
    table = pd.read_csv(study / "table.csv").set_index("model")
    assert list(table.index) == [
        "relu",
        "serf",
        "majority class",
        "linear discriminant analysis",
    ]
    assert table.loc["serf", "accuracy"] > 0.75
    assert table.loc["linear discriminant analysis", "accuracy"] > 0.9
    assert table.loc["majority class", "accuracy"] == pytest.approx(
        0.1, abs=0.01
    )
    assert 0 <= table.loc["serf", "dead_units"] <= 1
    page = (study / "report.html").read_text()
    for caption in ("Dead units", "Training pictures", "Who is taken for whom"):
        assert f"<figcaption>{caption}</figcaption>" in page


def test_what_is_said_of_the_test_is_what_is_scored(study):
    truth = load_images("digits").test.labels
    for result in gather(study):
        said = (study / "trials" / f"{result.name}.test.txt").read_text()
        right = np.mean(
            [int(s) == t for s, t in zip(said.split(), truth, strict=True)]
        )
        assert result.metrics["accuracy"] == pytest.approx(right)
        shares = result.history["dead_units"]
        assert len(shares) == 4
        # The epoch kept is one of them, or an average would lie.
        assert result.metrics["dead_units"] in shares


def test_finished_trials_are_not_run_again(study, command, capsys):
    before = {p: p.read_bytes() for p in study.glob("trials/*")}
    assert main(command) == 0
    assert "4 of 4 trials finished before" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in study.glob("trials/*")} == before


@pytest.fixture
def pictures(tmp_path):
    """Files of test pictures: a PNG as it is, and one larger, in colour."""
    test = load_images("digits").test
    paths = [tmp_path / "grey.png", tmp_path / "colour.png"]
    Image.fromarray(test.pixels[0, :, :, 0]).save(paths[0])
    large = Image.fromarray(test.pixels[1, :, :, 0]).convert("RGB")
    large.resize((80, 80), Image.Resampling.NEAREST).save(paths[1])
    return paths


def predict(study, backend, pictures):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "demos", "classification", "predict"),
            *(*map(str, pictures), "--out", str(study)),
            *("--activation", "serf"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert done.returncode == 0, done.stderr
    return [line.split("  ") for line in done.stdout.splitlines()]


def test_predict_answers_in_a_fresh_process_on_any_backend(study, pictures):
    ours = predict(study, keras.backend.backend(), pictures)
    assert [line[2] for line in ours] == list(map(str, pictures))
    other = sorted(BACKENDS - {keras.backend.backend()})[0]
    pytest.importorskip(other)
    theirs = predict(study, other, pictures)
    for mine, line in zip(ours, theirs, strict=True):
        assert line[0] == mine[0]
        assert float(line[1]) == pytest.approx(float(mine[1]), abs=2e-3)


def test_predict_says_in_a_line_what_it_cannot_read(study, tmp_path, capsys):
    (tmp_path / "bad.png").write_text("no picture")
    for name, says in (
        ("nowhere.png", "is not found"),
        ("bad.png", "cannot be read as a picture"),
    ):
        path = str(tmp_path / name)
        out = ["--out", str(study)]
        assert main(["classification", "predict", path, *out]) == 2
        assert capsys.readouterr().err == f"error: {path} {says}\n"
    assert main(["classification", "predict", *out]) == 2
    assert "Expected at least one picture" in capsys.readouterr().err


def test_the_saved_model_needs_nothing_of_ours_but_serf(
    study, run_python, pictures
):
    said = run_python(
        """
        import sys
        import keras, keras_serf, numpy as np
        from PIL import Image
        model = keras.saving.load_model(sys.argv[1])
        pixels = np.asarray(Image.open(sys.argv[2])).reshape(1, 8, 8, 1)
        row = keras.ops.convert_to_numpy(model(pixels))[0]
        assert "demos" not in sys.modules
        print(row.argmax(), round(float(row.sum()), 4))
        """,
        study / "serf.keras",
        pictures[0],
    )
    label, total = said.split()
    ours = predict(study, keras.backend.backend(), pictures[:1])
    assert label == ours[0][0].strip()
    assert total == "1.0"


def test_same_seed_same_result_and_a_later_trial_is_as_the_first(task):
    first = run(task, "serf", 3)
    run(task, "serf", 4)
    again = run(task, "serf", 3)  # What was compiled is used again.
    other = run(replace(task), "serf", 4)
    for name, curve in first.history.items():
        assert again.history[name] == pytest.approx(curve, rel=1e-5), name
    assert first.history["loss"] != pytest.approx(
        other.history["loss"], rel=1e-4
    )


def test_what_is_varied_is_what_is_trained(task):
    small = run(task, "relu", depth=1, width=8)
    assert small.parameters == 64 * 8 + 8 + 8 * 10 + 10
    batches = run(task, "relu", batch_size=16, optimizer="sgd", dropout=0.5)
    assert batches.history["loss"] != run(task, "relu").history["loss"]


def test_weights_that_are_scaled_first_train_otherwise(task):
    plain, scaled = (
        run(task, "silu", unit_variance=scaled).history["loss"][0]
        for scaled in (False, True)
    )
    assert plain == run(task, "silu").history["loss"][0]
    assert scaled != pytest.approx(plain, rel=0.01)


def test_pictures_are_moved_and_mirrored_within_bounds():
    pixels = np.zeros((200, 9, 9, 1), "uint8")
    pixels[:, 4, 4] = 255  # A point in the middle.
    moved = classification.mover(2, flip=False)(
        pixels, np.random.default_rng(0)
    )
    _, rows, columns, _ = moved.nonzero()
    assert len(rows) == 200
    assert set(rows) == set(columns) == {2, 3, 4, 5, 6}
    pixels = np.arange(9, dtype="uint8").reshape(1, 1, 9, 1).repeat(400, 0)
    flipped = classification.mover(0, flip=True)(
        pixels, np.random.default_rng(0)
    )
    assert set(flipped[:, 0, 0, 0]) == {0, 8}
    assert abs(np.mean(flipped[:, 0, 0, 0] == 8) - 0.5) < 0.1
    assert classification.mover(0, flip=False) is None


@pytest.mark.parametrize("network", ["MLP", "Cnn"])
def test_networks_are_known_in_any_spelling(task, network):
    def shapes(name):
        model = replace(task, model=classification.ModelConfig(name))
        return [w.shape for w in model.build("serf").get_weights()]

    assert shapes(network) == shapes(network.lower())


def test_dead_units_are_counted(task):
    outcome = run(task, "relu")
    assert len(outcome.history["dead_units"]) == 2
    assert 0 < outcome.metrics["dead_units_at_first"] < 0.5
    assert run(task, "serf").metrics["dead_units"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--network", "vgg16", "--unit-variance"],
            "Expected --unit-variance with cnn or mlp",
        ),
        (["--network", "vgg"], "Expected --network to be cnn, mlp or one of"),
        (
            ["--network", "MobileNetV2", "--vary", "layers=1,2"],
            "--vary layers is of cnn and mlp alone",
        ),
        (["--shift", "8"], "Expected --shift to be below"),
        (["--network", "vgg16", "--image-size", "8"], "larger --image-size"),
        (["--layers", "0"], "Expected --layers to be above 0"),
        (["--dropout", "1"], "Expected --dropout to be from 0 to below 1"),
        (["--dataset", "mnist5k"], "Expected --dataset to be mnist_5k"),
        (["--vary", "image_size=8,16"], "--vary image_size is not possible"),
        (["--initializer", "he"], "Expected --initializer"),
        (["--vary", "network=cnn,vgg"], "Expected --network to be cnn"),
    ],
)
def test_mistakes_cost_one_line(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    command = ["classification", "--dataset", "digits", "--quick", *arguments]
    assert main(command) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not list(tmp_path.iterdir())


def test_a_baseline_of_large_pictures_and_few(task):
    draw = np.random.default_rng(0)
    split = ImageSplit(
        draw.integers(0, 256, (20, 64, 64, 3)).astype("uint8"),
        tuple(i % 2 for i in range(20)),
    )
    found = replace(
        task,
        dataset=ImageClassification("few", ("a", "b"), split, split, split),
    ).baselines()
    assert found["majority class"]["accuracy"] == 0.5
    assert found["linear discriminant analysis"]["accuracy"] > 0.5


def test_linear_is_an_activation_too(task):
    assert run(task, "linear").metrics["dead_units"] == 0


def test_a_study_of_another_task_is_not_asked(study, tmp_path, capsys):
    path = study / "trials" / "serf-seed0.json"
    record = json.loads(path.read_text())
    record["config"]["task"] = "sentiment"
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / "serf-seed0.json").write_text(json.dumps(record))
    command = ["classification", "predict", "a.png", "--out", str(tmp_path)]
    assert main(command) == 2
    assert "holds a study of another task" in capsys.readouterr().err


def test_channels_come_last_whatever_keras_is_set_to(study, command, capsys):
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        assert main(command) == 0
        assert keras.config.image_data_format() == "channels_last"
    finally:
        keras.config.set_image_data_format(before)
    assert "4 of 4 trials finished before" in capsys.readouterr().err


def test_other_data_have_other_defaults(capsys):
    options = classification.parse_options(["--dataset", "cifar10"])
    assert options.model.batch_normalization
    assert options.training.flip
    options = classification.parse_options(["--dataset=digits", "--epochs=3"])
    assert options.training.epochs == 3
    assert not options.model.batch_normalization


def test_a_quick_run_says_so_and_is_kept_apart(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert (
        main(
            [
                *("classification", "--dataset", "digits", "--quick"),
                *("--activations", "serf", "--vary", "layers=1,2"),
                *("--network", "mlp", "--width", "8"),
            ]
        )
        == 0
    )
    assert "QUICK RUN" in capsys.readouterr().out
    folder = tmp_path / "runs/classification/digits-quick-mlp-by-layers"
    assert (folder / "report.html").exists()
    config = json.loads((folder / "study.json").read_text())["config"]
    assert config["training"]["epochs"] == 1
    assert config["pictures"]["train"] <= 640
    assert (folder / "dead_units.png").exists()


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="takes a minute to compile"
)
def test_a_network_of_keras_applications_trains(tmp_path):
    noise = np.random.default_rng(0)
    split = ImageSplit(
        noise.integers(0, 256, (32, 32, 32, 3)).astype("uint8"),
        tuple(i % 2 for i in range(32)),
    )
    task = classification.ClassificationTask(
        ImageClassification("noise", ("a", "b"), split, split, split),
        classification.ModelConfig("mobilenetv2"),
        classification.TrainingConfig(epochs=1, batch_size=16),
    )
    outcome = run(task)
    assert np.isfinite(outcome.history["loss"]).all()
    outcome.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.count_params() == outcome.parameters


def test_too_few_pictures_are_refused():
    with pytest.raises(UserError, match="at least"):
        split_images("few", np.zeros((4, 2, 2, 1)), [0, 0, 1, 1], ["a", "b"])

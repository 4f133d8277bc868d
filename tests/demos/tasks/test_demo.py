"""The skeleton of the commands: defaults, help, smoke tests."""

import json

import keras
import pytest

from demos.__main__ import main
from demos.tasks.ablation.options import AblationOptions
from demos.tasks.classification.options import DEMO as CLASSIFICATION
from demos.tasks.demo import smoke_test
from demos.tasks.detection.options import DEMO as DETECTION
from demos.tasks.entailment.options import DEMO as ENTAILMENT
from demos.tasks.sentiment.options import DEMO as SENTIMENT
from demos.tasks.study import SMOKE_TEST
from demos.tasks.translation.options import DEMO as TRANSLATION
from demos.tasks.translation.options import SIZES

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("demo", "line", "epochs", "model"),
    [
        (SENTIMENT, "", 7, {"layers": 1}),
        (SENTIMENT, "--dataset own.csv --layers 2", 7, {"layers": 2}),
        (ENTAILMENT, "", 4, {"image_size": 32}),
        (ENTAILMENT, "--dataset scenes", 4, {"image_size": 32}),
        (ENTAILMENT, "--dataset=own.csv", 20, {"image_size": 64}),
        (ENTAILMENT, "--epochs 3 --dataset tweets", 3, {"image_size": 64}),
        (CLASSIFICATION, "", 10, {"batch_normalization": False}),
        (CLASSIFICATION, "--dataset=digits --epochs=3", 3, {"layers": 3}),
        (CLASSIFICATION, "--dataset cifar10", 20, {"layers": 6}),
        (CLASSIFICATION, "--network CNN", 10, {"network": "cnn"}),
        (DETECTION, "--dataset animals", 5, {"image_size": 64}),
        (DETECTION, "--dataset=own", 50, {"image_size": 128}),
        (DETECTION, "--image-size 96 --dataset own", 50, {"image_size": 96}),
        (TRANSLATION, "", 7, {"vocabulary_size": 800}),
        (TRANSLATION, "--dataset=pairs.tsv", 15, {"vocabulary_size": 2000}),
        # As the parser has it, the last one counts.
        (TRANSLATION, "--size tiny --size=small", 15, {"layers": 2}),
        (TRANSLATION, "--size paper --layers 1", 30, {"layers": 1, "heads": 8}),
    ],
)
def test_defaults_are_those_of_the_data_and_options_win(
    demo, line, epochs, model
):
    options = demo.parse(line.split())
    assert options.training.epochs == epochs
    assert vars(options.model) | model == vars(options.model)
    demo.check(options)


def test_every_preset_is_valid():
    for model, training in SIZES.values():
        TRANSLATION.check(TRANSLATION.options(model=model, training=training))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("relu", "silu", "serf"), ("relu", "serf")),
        (("serf", "elu"), ("elu", "serf")),
        (("relu", "silu", "elu"), ("relu", "silu")),
        (("serf",), ("serf",)),
    ],
)
def test_a_smoke_test_has_few_epochs_seeds_and_activations(given, kept):
    options = smoke_test(AblationOptions(given, seeds=(3, 4, 5, 6)))
    assert options.training.epochs == 1
    assert options.seeds == (3, 4, 5)
    assert options.activations == kept


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "translation --size paper",
            [
                "Number of encoders, and of decoders. (default: 3)",
                "--beam-width",
            ],
        ),
        ("sentiment predict", ["[OPTIONS] TEXT [TEXT ...]", "--activation"]),
        ("detection predict", ["[OPTIONS] IMAGE [IMAGE ...]", "--score"]),
        ("entailment", ["--no-unimodal-baselines", "predict --text-1 TEXT"]),
        ("ablation", ["--axes", "--vary AXIS=VALUE"]),
    ],
)
def test_help(line, shown, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as stop:
        main([*line.split(), "--help"])
    assert not stop.value.code
    text = " ".join(capsys.readouterr().out.replace("│", "").split())
    for part in shown:
        assert part in text
    assert "(default: )" not in text


QUICK = {
    "sentiment": ("rotten_tomatoes-quick", 640),
    "translation": ("emoji-quick-en-de", 320),
    "entailment": ("scenes-quick", 640),
    "classification": ("mnist_5k-quick-cnn", 640),
    "detection": ("animals-quick", 320),
}


@pytest.mark.usefixtures("trains", "fake_training")
def test_a_smoke_test_is_small_and_says_so(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name, most = QUICK[case.name]
    assert main([case.name, "--quick", "--activations", "serf"]) == 0
    assert SMOKE_TEST in capsys.readouterr().out
    folder = tmp_path / "runs" / case.name / name
    assert SMOKE_TEST in (folder / "table.md").read_text(encoding="utf-8")
    assert SMOKE_TEST in (folder / "report.html").read_text(encoding="utf-8")
    trials = [path.stem for path in folder.glob("trials/serf-seed?.json")]
    assert sorted(trials) == ["serf-seed0", "serf-seed1", "serf-seed2"]
    config = json.loads((folder / "study.json").read_text())["config"]
    assert config["training"]["epochs"] == 1
    assert most / 2 < config["rows"]["train"] <= most
    assert config["rows"]["test"] <= most / 4


@pytest.mark.slow
@pytest.mark.usefixtures("trains")
def test_a_smoke_test_trains_a_model_that_answers(
    case, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main([case.name, "--quick", "--activations", "serf"]) == 0
    capsys.readouterr()
    assert main([case.name, "predict", *case.question]) == 0
    captured = capsys.readouterr()
    assert f"{QUICK[case.name][0]}/serf.keras" in captured.err
    assert captured.out or case.name == "detection"  # It may find nothing.


@pytest.mark.usefixtures("trains", "fake_training")
def test_channels_come_last_whatever_keras_is_set_to(cases, tmp_path):
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        assert cases["detection"].run(tmp_path) == 0
        assert keras.config.image_data_format() == "channels_last"
    finally:
        keras.config.set_image_data_format(before)

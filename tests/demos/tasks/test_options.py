"""Options that the tasks share, and what each task refuses."""

from dataclasses import dataclass

import keras
import pytest

from demos.__main__ import main
from demos.common.errors import UserError
from demos.tasks.options import (
    StudyOptions,
    check_heads,
    check_numbers,
    check_study,
    check_vocabulary,
)

pytestmark = pytest.mark.once


@dataclass(frozen=True)
class Numbers:
    count: int = 1
    fraction: float = 0.5
    decay: float = 0.0
    flag: bool = False
    name: str | None = None


def check(**values):
    check_numbers([Numbers(**values)], ("fraction",), ("decay",))


@pytest.mark.parametrize(
    "values", [{}, {"flag": True}, {"fraction": 0.0}, {"name": "a"}]
)
def test_numbers_in_range_pass(values):
    check(**values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"count": 0}, "--count must be above 0. Received: 0"),
        ({"decay": -1.0}, "--decay must be above 0"),
        ({"decay": float("nan")}, "--decay must be above 0"),
        ({"count": float("inf")}, "--count must be above 0"),
        ({"fraction": 1.0}, "--fraction must be at least 0 and below 1"),
    ],
)
def test_numbers_out_of_range_are_named(values, says):
    with pytest.raises(UserError, match=says):
        check(**values)


def test_checks_of_models_name_the_option():
    check_heads(8, 4)
    with pytest.raises(UserError, match="--heads must divide --embedding-dim"):
        check_heads(8, 3)
    check_vocabulary(3, 2)
    check_vocabulary(3, None)
    with pytest.raises(UserError, match="--vocabulary-size must be at least 3"):
        check_vocabulary(2, None)
    with pytest.raises(UserError, match="--sequence-length must be at least 2"):
        check_vocabulary(3, 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"activations": ("relu", "relu")}, "--activations needs .* relu relu"),
        ({"activations": ()}, "--activations needs .* Received: none"),
        ({"seeds": (1, 1)}, "--seeds needs at least one value, without"),
        ({"seeds": (-1,)}, "--seeds must be from 0 to 4294967295"),
        ({"seeds": (2**32,)}, "--seeds must be from 0"),
        ({"jobs": 0}, "--jobs must be at least 1. Received: 0"),
        ({"address": "10.0.0.1:6379"}, "--address needs --engine ray"),
    ],
)
def test_options_of_a_study(tmp_path, options, says):
    with pytest.raises(UserError, match=says):
        check_study(StudyOptions(**options), tmp_path)


def test_the_output_must_be_a_folder(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="--out"):
            check_study(StudyOptions(out=path), tmp_path)


# Of each task: command line, and what the error names.
BAD_OPTIONS = [
    ("sentiment", "--activations relu swerf", "'swerf'"),
    ("sentiment", "--activations silu swish", "names of one: silu and swish"),
    ("sentiment", "--activations", "--activations needs"),
    ("sentiment", "--backend OTHER", "--backend"),
    ("sentiment", "--dataset missing.csv", "missing.csv"),
    ("sentiment", "--dataset imbd", "'imbd'"),
    ("sentiment", "--dataset good.csv --text-column review", "--text-column"),
    ("sentiment", "--dataset imdb --data-dir .", "--data-dir"),
    ("sentiment", "--epochs 0", "--epochs must be above 0"),
    ("sentiment", "--batch-size -3", "--batch-size must be above 0"),
    ("sentiment", "--word-dropout 1", "--word-dropout must be"),
    ("sentiment", "--learning-rate nan", "--learning-rate must be above 0"),
    ("sentiment", "--heads 5", "--heads must divide"),
    ("sentiment", "--sequence-length 1", "--sequence-length must be"),
    ("sentiment", "--vocabulary-size 2", "--vocabulary-size must be"),
    ("sentiment", "--out good.csv", "good.csv"),
    ("sentiment", "--dataset good.csv --vary layers", "--vary"),
    ("sentiment", "--dataset good.csv --vary sequence_length=3,4", "--vary"),
    ("sentiment", "--dataset good.csv --vary heads=3", "--heads"),
    ("sentiment", "--dataset good.csv --vary epochs=0,1", "--epochs"),
    (
        "sentiment",
        "--dataset good.csv --vary initializer=he_abnormal",
        "'he_abnormal'",
    ),
    ("translation", "--dataset multi31k", "'multi31k'"),
    ("translation", "--dataset lines.tsv", "lines.tsv"),
    ("translation", "--target tlh", "--target"),
    ("translation", "--source de --target de", "--source"),
    ("translation", "--dataset multi30k --data-dir .", "--data-dir"),
    ("translation", "--beam-width 0", "--beam-width must be above 0"),
    ("translation", "--beam-width 101", "--beam-width must be at most 100"),
    ("translation", "--length-penalty -1", "--length-penalty must be"),
    ("translation", "--heads 5", "--heads must divide"),
    ("translation", "--vocabulary-size 100", "--vocabulary-size must be"),
    ("translation", "--longest 1", "--longest must be at least 2"),
    ("translation", "--longest 2 --dataset long.tsv", "--longest must be"),
    ("entailment", "--dataset nothing", "'nothing'"),
    ("entailment", "--dataset nothing.csv", "nothing.csv"),
    ("entailment", "--image-size 20", "--image-size must be 16, 32"),
    ("entailment", "--image-size 8", "--image-size must be 16, 32"),
    ("entailment", "--heads 3", "--heads must divide"),
    ("entailment", "--modality-dropout 0.6", "--modality-dropout must be"),
    ("entailment", "--dropout 1", "--dropout must be"),
    ("classification", "--dataset mnist5k", "'mnist5k'"),
    ("classification", "--layers 0", "--layers must be above 0"),
    ("classification", "--dropout 1", "--dropout must be"),
    ("classification", "--dataset digits --network vgg", "--network"),
    ("classification", "--dataset digits --shift 8", "--shift must be below"),
    (
        "classification",
        "--dataset digits --vary network=cnn,vgg",
        "'vgg'",
    ),
    ("classification", "--dataset digits --vary image_size=8,16", "--vary"),
    ("detection", "--dataset nothing", "'nothing'"),
    ("detection", "--image-size 40", "--image-size must be a multiple of 16"),
    ("detection", "--image-size 0", "--image-size must be above 0"),
    ("detection", "--channels 0", "--channels must be above 0"),
    ("detection", "--learning-rate -1", "--learning-rate must be above 0"),
    ("ablation", "--axes seed", "--axes takes layers, width"),
    ("ablation", "--vary layers=1,none", "--vary layers"),
    ("ablation", "--dataset nowhere", "'nowhere'"),
    ("ablation", "--epochs 0", "--epochs must be above 0"),
    # Of a later axis too, before anything is trained.
    ("ablation", "--vary dropout=0.5,1.5", "--dropout must be"),
    ("ablation", "--vary initializer=he,lecun_normal", "'he'"),
    # What an option of an earlier release is called now.
    ("entailment", "--encoders 2", "--encoders is now called --layers"),
    ("detection", "--blocks=2", "--blocks is now called --layers"),
    ("ablation", "--axes depth", "now called layers"),
]


@pytest.mark.usefixtures("trains")
@pytest.mark.parametrize(("task", "line", "says"), BAD_OPTIONS)
def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path, monkeypatch, capsys, task, line, says
):
    monkeypatch.chdir(tmp_path)
    rows = [f"text {i},{i % 2}" for i in range(40)]
    (tmp_path / "good.csv").write_text("\n".join(["text,label", *rows]))
    (tmp_path / "lines.tsv").write_text("a line\n" * 40)
    pairs = [f"a line {i}\teine Zeile {i}" for i in range(40)]
    (tmp_path / "long.tsv").write_text("\n".join(pairs))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*")}
    backends = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
    arguments = line.replace("OTHER", sorted(backends)[0]).split()
    assert main([task, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    *first, last = captured.err.splitlines()
    assert first in ([], ["loading Keras and the data ..."])
    assert last.startswith("error: ")
    assert says in last
    assert {path: path.read_bytes() for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    ("task", "line", "says"),
    [
        ("sentiment", "--sedes 1", "--sedes"),
        ("sentiment", "--seeds one", "--seeds"),
        ("sentiment", "--backend theano", "theano"),
        ("sentiment", "--engine slurm", "slurm"),
        ("translation", "--size huge", "huge"),
        ("translation", "--precision int8", "int8"),
        ("entailment", "--fusion sum", "sum"),
        ("detection", "--optimizer none", "none"),
        ("sentiment predict", "--sedes 1", "--sedes"),
    ],
)
def test_what_the_parser_refuses(
    tmp_path, monkeypatch, capsys, task, line, says
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main([*task.split(), *line.split()])
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("task", "line", "says"),
    [
        ("sentiment", "", "needs at least one text"),
        ("sentiment", "text", "has no study; train with: python -m demos"),
        ("sentiment", "text --out nowhere", "nowhere has no trained model"),
        ("entailment", "", "predict needs --text-1 or --image-1"),
        ("entailment", "--text-1 _ --image-1", "predict needs --text-1"),
        ("entailment", "--text-1 a", "predict needs --text-2 or --image-2"),
        ("entailment", "--image-1 a.png --text-2 b", "a.png does not exist"),
        ("classification", "", "needs at least one image"),
        ("classification", "a.png", "a.png does not exist"),
        ("detection", "", "needs at least one image"),
        ("detection", "here.png --score 2", "--score must be from 0 to 1"),
    ],
)
def test_predict_refuses_what_it_cannot_answer(
    tmp_path, monkeypatch, capsys, task, line, says
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.png").touch()
    arguments = ["" if word == "_" else word for word in line.split()]
    if arguments[-1:] == ["--image-1"]:
        arguments.append("")
    assert main([task, "predict", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("error: ")
    assert says in captured.err
    assert [path.name for path in tmp_path.iterdir()] == ["here.png"]

"""The translation demo, from the command line: trained, resumed, asked."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import pytest
from tokenizers import Tokenizer

from demos.__main__ import main
from demos.datasets.load import load_translation
from demos.datasets.types import Pairs
from demos.datasets.types import Translation
from demos.report.types import Report
from demos.study.trial import Trial
from demos.study.trial import TrialContext
from demos.tasks import command
from demos.tasks.translation import task as translation

NUMBERS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier"}
COLOURS = {"red": "rot", "blue": "blau", "green": "grün", "black": "schwarz"}
ANIMALS = {"dog": "Hund", "cat": "Katze", "cow": "Kuh", "fox": "Fuchs"}
# Every combination, in another order of words: 64 pairs.
PAIRS = [
    (f"{n} {c} {a}.", f"{ANIMALS[a]}, {COLOURS[c]}, {NUMBERS[n]}.")
    for n, c, a in itertools.product(NUMBERS, COLOURS, ANIMALS)
]
MODEL = translation.ModelConfig(
    layers=1,
    embedding_dim=64,
    feedforward_dim=64,
    heads=2,
    vocabulary_size=400,
)
TRAINING = translation.TrainingConfig(
    epochs=60,
    patience=60,
    batch_tokens=320,
    buckets=1,
    learning_rate=0.01,
    warmup_epochs=3,
    dropout=0.0,
    label_smoothing=0.0,
)


@pytest.fixture(scope="module")
def same():
    """A dataset whose three splits are the same 64 pairs, to be learnt."""
    every = Pairs.of(PAIRS)
    return Translation("same", "en", "de", every, every, every)


@pytest.fixture(scope="module")
def study(same, tmp_path_factory):
    """The folder of a whole run of the command on these pairs."""
    out = tmp_path_factory.mktemp("runs") / "study"
    loader = "demos.datasets.load.load_translation"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, lambda *_, **__: same)
        assert run(out) == 0
    return out


def run(out, *arguments):
    flags = {**asdict(MODEL), **asdict(TRAINING)}
    given = [
        text
        for name, value in flags.items()
        for text in (f"--{name.replace('_', '-')}", str(value))
    ]
    return main(
        [
            *("translation", "--out", str(out), "--size", "tiny"),
            *("--activations", "serf", "--seeds", "0", *given, *arguments),
        ]
    )


def test_it_learns_64_pairs_to_the_letter(study):
    record = json.loads((study / "trials/serf-seed0.json").read_text())
    assert record["metrics"]["exact_match"] == 1.0
    assert record["metrics"]["bleu"] == pytest.approx(100)
    assert record["metrics"]["chrf"] == pytest.approx(100)
    assert record["metrics"]["token_accuracy"] == 1.0
    assert record["metrics"]["loss"] < 0.1
    assert record["timings"]["decoding"] > 0
    said = (study / "trials/serf-seed0.test.txt").read_text(encoding="utf-8")
    assert said.splitlines() == [target for _, target in PAIRS]


def test_a_run_writes_all_that_it_promises(study):
    names = {
        str(path.relative_to(study))
        for path in study.rglob("*.*")
        if path.parent.name != "locks"
    }
    assert names == {
        "study.json",
        "trials/serf-seed0.json",
        "trials/serf-seed0.test.txt",
        "table.csv",
        "table.md",
        "table.tex",
        "trials.csv",
        "figure.png",
        "report.html",
        "serf.keras",
        "source_tokenizer.json",
        "target_tokenizer.json",
        "translation.json",
    }
    table = pd.read_csv(study / "table.csv").set_index("model")
    assert list(table.index) == [
        "serf",
        "copy of the source",
        "word-by-word lexicon",
    ]
    assert table.loc["copy of the source", "exact_match"] == 0
    report = (study / "table.md").read_text(encoding="utf-8")
    assert "nrefs:1|case:mixed|eff:no|tok:13a" in report
    assert "of a batch is padding" in report
    samples = [line for line in report.splitlines() if "| one red dog." in line]
    assert samples[0].count("Hund, rot, eins.") == 2  # Reference and model.


def test_finished_trials_are_not_run_again(study, same, monkeypatch, capsys):
    monkeypatch.setattr("demos.datasets.load.load_translation", lambda *_: same)
    before = (study / "trials/serf-seed0.json").read_bytes()
    assert run(study) == 0
    captured = capsys.readouterr()
    assert "1 of 1 trials finished before, 0 to run" in captured.err
    assert "nothing to be compared with" in captured.out
    assert (study / "trials/serf-seed0.json").read_bytes() == before
    assert run(study, "--beam-width", "2") == 2
    assert "another --out" in capsys.readouterr().err


def test_the_saved_model_translates_the_same(study):
    model: Any = keras.saving.load_model(study / "serf.keras")
    tokenizer = Tokenizer.from_file(str(study / "target_tokenizer.json"))
    for width in (1, 3):
        translator = translation.Translator(
            model,
            tokenizer,
            tokenizer,
            100,
            translation.DecodingConfig(beam_width=width),
        )
        some = PAIRS[::9]
        said = translator([source for source, _ in some])
        assert said == [target for _, target in some]


def test_predict_answers_in_a_fresh_process_on_any_backend(study, each_backend):
    if each_backend == keras.backend.backend():
        pytest.skip("the test above asks it in this process")
    predict_translates(study, each_backend)


def test_predict_answers_on_a_backend_that_cannot_train(study, numpy_backend):
    predict_translates(study, numpy_backend)


def predict_translates(study, backend):
    """Asserts what `predict` prints in a process of its own."""
    texts = [source for source, _ in PAIRS[::20]]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "demos", "translation", "predict"),
            *(*texts, "", "--out", str(study), "--beam-width", "1"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.split("\n")
    assert said[: len(texts)] == [target for _, target in PAIRS[::20]]
    assert len(said) == len(texts) + 2  # What "" says, and the last newline.
    assert "en to de, seed 0, test BLEU 100.0" in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "serf.keras",
        "source_tokenizer.json",
        "target_tokenizer.json",
        "translation.json",
    ],
)
def test_predict_names_what_it_cannot_read(tmp_path, study, capsys, name):
    folder = shutil.copytree(study, tmp_path / "study")
    (folder / name).write_text("{}")
    assert main(["translation", "predict", "one", "--out", str(folder)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{folder / name} cannot be read" in captured.err
    assert captured.err.count("\n") == 1


def test_predict_says_what_it_cuts(study, capsys):
    text = " ".join(["dog"] * 300)
    assert (
        main(["translation", "predict", "dog", text, "--out", str(study)]) == 0
    )
    said = capsys.readouterr().err
    assert "text 2 was cut after 100 of 301 sub-words" in said
    assert "text 1" not in said


def test_predict_refuses_the_study_of_another_task(study, capsys):
    assert main(["sentiment", "predict", "a text", "--out", str(study)]) == 2
    assert "holds a study of another task" in capsys.readouterr().err


def test_predict_asks_a_model_that_is_still_there(tmp_path, study, capsys):
    folder = shutil.copytree(study, tmp_path / "study")
    (folder / "serf.keras").unlink()
    assert main(["translation", "predict", "one", "--out", str(folder)]) == 2
    captured = capsys.readouterr()
    assert f"{folder} holds no trained model" in captured.err
    assert captured.err.count("\n") == 1


def test_a_report_without_its_samples(
    tmp_path, study, same, monkeypatch, capsys
):
    folder = shutil.copytree(study, tmp_path / "study")
    (folder / "trials/serf-seed0.test.txt").unlink()
    monkeypatch.setattr("demos.datasets.load.load_translation", lambda *_: same)
    assert run(folder) == 0
    printed = capsys.readouterr().out
    assert "No samples: serf-seed0.test.txt cannot be read" in printed
    assert "**Verdict.**" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a text", "--out", "nowhere"],
        ["a text", "--activation", "swerf", "--out", "STUDY"],
        ["a text", "--beam-width", "0", "--out", "STUDY"],
        ["a text", "--beam-width", "101", "--out", "STUDY"],
    ],
)
def test_predict_without_text_or_model(
    tmp_path, monkeypatch, capsys, study, arguments
):
    monkeypatch.chdir(tmp_path)
    arguments = [str(study) if a == "STUDY" else a for a in arguments]
    assert main(["translation", "predict", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1


def test_a_compiled_model_is_used_again_as_if_it_were_new(same):
    training = translation.TrainingConfig(
        epochs=2, batch_tokens=320, buckets=1, dropout=0.3
    )

    def outcomes(task, *seeds):
        return [
            task.run(Trial({"activation": "serf"}, seed), TrialContext())
            for seed in seeds
        ]

    first, again = outcomes(
        translation.TranslationTask(same, MODEL, training), 3, 4
    )
    fresh = outcomes(translation.TranslationTask(same, MODEL, training), 4)[0]
    best = min(range(2), key=lambda epoch: again.history["val_loss"][epoch])
    assert again.metrics["validation_token_accuracy"] == pytest.approx(
        again.history["val_token_accuracy"][best], abs=1e-5
    )
    assert again.history == fresh.history
    assert again.metrics == fresh.metrics
    assert again.texts == fresh.texts
    assert first.history != again.history


def test_same_seed_same_start_for_every_activation(same):
    task = translation.TranslationTask(same, MODEL, TRAINING)

    def weights(activation):
        keras.utils.set_random_seed(3)
        return task.build(activation, 1).get_weights()

    for ours, theirs in zip(weights("serf"), weights("relu"), strict=True):
        assert (ours == theirs).all()


def test_over_long_pairs_are_counted_not_fatal(same):
    long = ("one " * 60, "eins " * 60)
    train = Pairs.of([*PAIRS, long])
    other = Pairs.of([PAIRS[0], long])
    dataset = Translation("long", "en", "de", train, other, other)
    model = translation.ModelConfig(
        embedding_dim=32, heads=2, vocabulary_size=300, longest=20
    )
    task = translation.TranslationTask(dataset, model, TRAINING)
    assert task.notes == (
        "1 over-long pairs left out",
        "2 over-long pairs cut",
    )
    assert task.config()["pairs"] == {"train": 64, "validation": 2, "test": 2}
    inputs, _, _ = task.batches(other)[0]
    assert inputs["source"].shape[1] == 20
    assert "2 over-long pairs cut" in translation.describe(task)


def test_bleu_of_the_reference_is_100():
    texts = ["Two dogs run, and a cat sleeps.", "A man in a red hat smiles."]
    found = translation.scores(texts, texts, "en")
    assert found["bleu"] == pytest.approx(100)
    assert found["chrf"] == pytest.approx(100)
    assert found["exact_match"] == 1
    lowered = [text.lower() for text in texts]
    found = translation.scores(lowered, texts, "en")
    assert found["bleu"] < 90
    assert found["bleu_lowercased"] == pytest.approx(100)
    assert found["exact_match"] == 0


@pytest.mark.parametrize("target", ["zh", "ja", "zh-TW"])
def test_characters_are_the_words_of_what_has_no_spaces(target):
    found = translation.scores(["一个大红苹果"], ["一个大红苹果"], target)
    assert found["bleu"] == pytest.approx(100)
    tokenizer = translation.TOKENIZERS[target[:2]]
    assert f"tok:{tokenizer}" in translation.signatures(target)


def test_further_tests_are_scored_beside_the_test(same):
    dataset = replace(
        same, further_tests={"more": Pairs(("red dog.",), ("red dog.",))}
    )
    task = translation.TranslationTask(dataset, MODEL, TRAINING)
    copy = task.baselines()["copy of the source"]
    assert copy["exact_match"] == 0
    assert copy["more_bleu"] == pytest.approx(
        translation.scores(["red dog."], ["red dog."], "de")["bleu"]
    )
    assert "64 to test, 1 in more" in translation.describe(task)


def test_the_lexicon_finds_words_that_go_together():
    lexicon = translation.Lexicon(Pairs.of(PAIRS), "en", "de")
    assert lexicon("three green cow.") == "drei grün Kuh."
    assert lexicon("three pink cow.") == "drei pink Kuh."


def test_characters_are_the_words_of_the_lexicon_where_there_are_no_spaces():
    pairs = Pairs(("big dog", "big cat", "dog"), ("大狗", "大猫", "狗"))
    assert translation.Lexicon(pairs, "en", "zh")("big cat") == "大猫"
    back = Pairs(pairs.targets, pairs.sources)
    assert translation.Lexicon(back, "zh", "en")("大猫") == "big cat"


def test_the_transformer_has_to_beat_baselines_that_do_not_move():
    dataset = load_translation("emoji")
    task = translation.TranslationTask(dataset, *translation.SIZES["tiny"])
    found = task.baselines()
    assert found["copy of the source"]["exact_match"] < 0.01
    words = found["word-by-word lexicon"]
    assert words["bleu"] == pytest.approx(5.03, abs=1.5)
    assert words["chrf"] == pytest.approx(63.7, abs=3)


def test_quick_is_small_and_marked():
    dataset = load_translation("emoji")
    part = translation.quick_part(dataset)
    assert part.name == "emoji-quick"
    assert len(part.train) <= 320
    assert len(part.test) <= 80
    assert set(part.test.sources) <= set(dataset.test.sources)


def test_sizes_decide_the_defaults_and_flags_win():
    def model(*arguments):
        return translation.parse_options(arguments).model

    assert model() == translation.SIZES["tiny"][0]
    assert model("--dataset", "multi30k") == translation.SIZES["small"][0]
    assert model("--dataset=pairs.tsv") == translation.SIZES["small"][0]
    assert (
        model("--dataset", "multi30k", "--size", "paper")
        == (translation.SIZES["paper"][0])
    )
    # As the parser has it, the last one counts.
    assert model("--size", "tiny", "--size=small").vocabulary_size == 2000
    assert model("--size", "paper", "--layers", "1").layers == 1
    assert model("--size", "paper", "--layers", "1").heads == 8


def test_help_shows_the_defaults_of_the_size(capsys):
    with pytest.raises(SystemExit):
        main(["translation", "--size", "paper", "--help"])
    text = " ".join(capsys.readouterr().out.replace("│", "").split())
    assert "encoders and decoders. (default: 256)" in text
    assert "emoji (names of emoji in 14 languages" in text
    assert "relu gelu silu mish serf" in text


BAD_OPTIONS = {
    "unknown activation": ["--activations", "relu", "swerf"],
    "repeated seed": ["--seeds", "1", "1"],
    "unknown flag": ["--sedes", "1"],
    "unknown dataset": ["--dataset", "multi31k"],
    "missing file": ["--dataset", "missing.tsv"],
    "empty file": ["--dataset", "empty.tsv"],
    "not text": ["--dataset", "binary.tsv"],
    "no tabs": ["--dataset", "lines.tsv"],
    "unknown size": ["--size", "huge"],
    "unknown language": ["--target", "tlh"],
    "same language": ["--source", "de", "--target", "de"],
    "no files": ["--dataset", "multi30k", "--data-dir", "."],
    "no epochs": ["--epochs", "0"],
    "no beam": ["--beam-width", "0"],
    "wide beam": ["--beam-width", "101"],
    "dropout": ["--dropout", "1"],
    "negative penalty": ["--length-penalty", "-1"],
    "heads": ["--heads", "5"],
    "tiny vocabulary": ["--vocabulary-size", "100"],
    "too short": ["--longest", "1"],
    "shorter than all": ["--longest", "2", "--dataset", "long.tsv"],
    "precision": ["--precision", "int8"],
    "out is a file": ["--out", "lines.tsv"],
}


@pytest.mark.parametrize(
    "arguments", BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys()
)
def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path, monkeypatch, capsys, arguments
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines.tsv").write_text("a line\n" * 40)
    (tmp_path / "long.tsv").write_text(
        "".join(f"a line {i}\teine Zeile {i}\n" for i in range(40))
    )
    (tmp_path / "empty.tsv").touch()
    (tmp_path / "binary.tsv").write_bytes(b"\x89PNG\r\n\xff\x00\xfe" * 9)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*")}
    assert main(["translation", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_a_file_of_pairs_is_what_is_compared(tmp_path, monkeypatch):
    path = Path(tmp_path, "animals.tsv")
    lines = ["\t".join(pair) for pair in PAIRS]
    path.write_text("\n".join([*lines, "a broken line"]), encoding="utf-8")
    asked = []
    monkeypatch.setattr(
        command,
        "run_study",
        lambda *arguments: asked.append(arguments) or Report("", tmp_path),
    )
    options = ("--source", "en", "--vocabulary", "separate")
    assert run(tmp_path / "out", "--dataset", str(path), *options) == 0
    task, _, folder, description, *_ = asked[0]
    assert folder == translation.RUNS / "animals-en-target"
    assert "animals, en to target: 52 pairs to train on" in description
    assert "1 of 65 lines left out: lines without a tab" in description
    source, target = (
        set(tokenizer.get_vocab())
        for tokenizer in (task.source_tokenizer, task.target_tokenizer)
    )
    assert "\u0120red" in source - target  # Byte-level BPE writes a space so.
    task.save_assets(tmp_path)
    settings = json.loads((tmp_path / "translation.json").read_text())
    assert settings["source"] == "en"

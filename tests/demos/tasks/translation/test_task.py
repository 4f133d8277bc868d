"""Translation: the data of a trial, its files, the baselines."""

import json
from dataclasses import replace

import pytest

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.datasets.load import load_translation
from demos.datasets.types import Pairs, Translation
from demos.tasks.translation.options import SIZES, ModelConfig, TrainingConfig
from demos.tasks.translation.scores import translation_scores
from demos.tasks.translation.task import TranslationTask


@pytest.fixture(scope="module")
def task(cases):
    return cases["translation"].load()


@pytest.mark.once
def test_long_pairs_are_counted_not_fatal():
    pairs = [(f"{word} dog", f"{word} Hund") for word in ("one", "two")]
    long = ("one " * 60, "eins " * 60)
    train, other = Pairs.of([*pairs, long]), Pairs.of([pairs[0], long])
    task = TranslationTask(
        Translation("long", "en", "de", train, other, other),
        ModelConfig(vocabulary_size=300, longest=20),
        TrainingConfig(),
    )
    notes = ("1 long training pairs dropped", "2 long pairs truncated")
    assert task.notes == notes
    served = task.batches()
    inputs, _, _ = served[0]
    assert len(inputs["source"]) == 2
    inputs, _, _ = task.batches(other)[0]
    assert inputs["source"].shape[1] == 20
    assert "; ".join(notes) in task.describe()


@pytest.mark.once
def test_the_files_beside_a_model(task, cases, tmp_path):
    task.save_assets(tmp_path)
    settings = json.loads((tmp_path / "translation.json").read_text())
    assert settings == {
        "source": "en",
        "target": "de",
        "longest": 100,
        "decoding": {"beam_width": 2, "length_penalty": 1.0},
    }
    assert task.study_name == "phrases-en-de"
    assert "52 pairs for training" in task.describe()
    assert "of a batch is padding" in task.describe()
    texts = [
        (tmp_path / f"{side}_tokenizer.json").read_text(encoding="utf-8")
        for side in ("source", "target")
    ]
    assert texts[0] == texts[1]


def test_vocabularies_may_be_separate(cases):
    separate = cases["translation"].load("--vocabulary", "separate")
    source, target = (
        set(tokenizer.get_vocab())
        for tokenizer in (separate.source_tokenizer, separate.target_tokenizer)
    )
    assert "\u0120red" in source - target  # Byte-level BPE writes a space so.
    shapes = {tuple(w.shape) for w in separate.build("serf", 1).weights}
    assert {(len(source), 64), (len(target), 64)} <= shapes


@pytest.mark.once
def test_further_tests_are_scored_too(task):
    more = Pairs(("red dog.",), ("red dog.",))
    dataset = replace(task.dataset, further_tests={"more": more})
    task = replace(task, dataset=dataset)
    copy = task.baselines()["copy of the source"]
    assert copy["exact_match"] == 0
    assert copy["more_bleu"] == pytest.approx(
        translation_scores(["red dog."], ["red dog."], "de")["bleu"]
    )
    assert "6 for testing, 1 in more" in task.describe()


@pytest.mark.once
def test_baselines_of_the_emoji_names_do_not_move():
    dataset = load_translation("emoji", None, None, None)
    scores = TranslationTask(dataset, *SIZES["tiny"]).baselines()
    assert scores["copy of the source"]["exact_match"] < 0.01
    words = scores["word-by-word lexicon"]
    assert words["bleu"] == pytest.approx(5.03, abs=1.5)
    assert words["chrf"] == pytest.approx(63.7, abs=3)


@pytest.mark.usefixtures("trains")
def test_what_is_varied_reaches_the_model(task, started):
    settings = {"layers": 2, "batch_size": 64, "dropout": 0.25}
    usual, varied = (started(task, each) for each in ({}, settings))
    names = [
        {x.name for x in begun.model.layers if "coder_" in x.name}
        for begun in (usual, varied)
    ]
    assert names[0] == {"encoder_0", "decoder_0"}
    assert names[1] == names[0] | {"encoder_1", "decoder_1"}
    assert varied.model.get_layer("encoder_1").dropout == 0.25
    assert len(varied.data) > len(usual.data)
    assert varied.model.optimizer.global_clipnorm == 1
    assert varied.model.optimizer.beta_2 == 0.98

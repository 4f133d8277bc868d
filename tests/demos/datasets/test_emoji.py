"""Names of emoji: what they look like, and what is held out of training."""

import importlib.util
import json
import sys
from types import SimpleNamespace

import pytest

from demos.common.errors import UserError
from demos.datasets import emoji
from demos.datasets.load import load_translation

LANGUAGE_PAIRS = [("en", "de"), ("en", "ja"), ("ru", "en"), ("zh", "fa")]


@pytest.fixture(scope="module", params=LANGUAGE_PAIRS, ids="-".join)
def dataset(request):
    return emoji.load(*request.param)


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Writes a package's files: names of emoji, in English and German."""

    def write(english, german):
        folder = tmp_path / "unicode_codes"
        folder.mkdir()
        for name, content in (
            ("emoji.json", english),
            ("emoji_de.json", german),
        ):
            if not isinstance(content, str):
                content = json.dumps(content)
            (folder / name).write_text(content, encoding="utf-8")
        spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)

    return write


def entry(name, status=2):
    return {"en": name, "status": status, "E": 1}


def words(text, language):
    """Words, or the characters of a language written without spaces."""
    spaced = language not in ("ja", "zh")
    return text.split() if spaced else list(text.replace(" ", ""))


def test_names_are_plain_phrases(dataset):
    for split in (dataset.train, dataset.validation, dataset.test):
        for text in (*split.sources, *split.targets):
            assert text == " ".join(text.split()) != ""
            assert not {":", "_"} & set(text)


def test_german_names_of_english_ones():
    train = emoji.load().train
    german = dict(zip(train.sources, train.targets, strict=True))
    assert german["sun"] == "sonne"
    assert german["1st place medal"] == "goldmedaille"


def test_sizes_of_the_splits(dataset):
    sizes = [
        len(split.sources)
        for split in (dataset.train, dataset.validation, dataset.test)
    ]
    assert sum(sizes) > 3_900
    assert [size / sum(sizes) for size in sizes] == pytest.approx(
        [0.8, 0.1, 0.1], abs=0.001
    )
    assert f"{sizes[1] + sizes[2]} names held out" in dataset.notes[-1]


def test_nothing_held_out_can_be_recalled(dataset):
    splits = (dataset.train, dataset.validation, dataset.test)
    sources = [text for split in splits for text in split.sources]
    assert len(sources) == len(set(sources))
    targets = [set(split.targets) for split in splits]
    assert not targets[0] & targets[1]
    assert not targets[0] & targets[2]
    assert not targets[1] & targets[2]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_names_combine_what_training_has(dataset, split):
    for side, language in (
        ("sources", dataset.source),
        ("targets", dataset.target),
    ):
        known = {
            word
            for text in getattr(dataset.train, side)
            for word in words(text, language)
        }
        for text in getattr(getattr(dataset, split), side):
            assert set(words(text, language)) <= known
    for text in getattr(dataset, split).sources:
        assert len(words(text, dataset.source)) >= 2


def test_the_split_never_moves(dataset):
    again = emoji.load(dataset.source, dataset.target)
    assert again == dataset
    assert again.digest() == dataset.digest()


def test_every_language_is_there():
    for language in set(emoji.LANGUAGES) - {"en"}:
        assert load_translation("emoji", None, language).target == language


def test_only_full_emoji_once_each_and_with_a_name_in_both(installed):
    many = {f"e{i}": entry(f":thing_{i}:") for i in range(3_000)}
    german = {emoji: f":ding_{emoji}:" for emoji in many}
    many |= {
        "half": entry(":thing_half:", status=4),
        "untold": entry(":thing_untold:"),
        "again": entry(":thing_7:"),
    }
    german |= {"half": ":ding_halb:", "again": ":ding_wieder:"}
    installed(many, german)
    dataset = emoji.load()
    splits = (dataset.train, dataset.validation, dataset.test)
    pairs = {
        source: target
        for split in splits
        for source, target in zip(split.sources, split.targets, strict=True)
    }
    assert len(pairs) == 3_000
    assert pairs["thing 7"] == "ding e7"
    # Each number is in one name only, so no name combines known words.
    assert [len(split) for split in splits] == [3_000, 0, 0]
    assert dataset.notes == (
        "1 emoji left out that lack a name in en or de",
        "1 emoji left out whose name in en repeats",
    )


def test_a_translation_in_training_is_not_held_out(installed):
    names = {
        f"{i} {j}": entry(f":a{i}_b{j}:") for i in range(60) for j in range(60)
    }
    german = {emoji: f":x{emoji.split()[0]}:" for emoji in names}
    installed(names, german)
    assert len(emoji.load().test) == 0


def test_the_package_is_not_imported():
    modules = {*sys.modules}
    emoji.load()
    assert "emoji" not in {*sys.modules} - modules


@pytest.mark.parametrize("flag", ["source", "target"])
def test_unknown_languages_list_the_known(flag):
    with pytest.raises(UserError, match=r"ar, de, en, .*'xx'") as caught:
        emoji.load(**{flag: "xx"})
    assert f"--{flag}" in str(caught.value)


def test_a_language_is_not_translated_to_itself():
    with pytest.raises(UserError, match="'de' for both"):
        emoji.load("de", "de")


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"\[demos\]"):
        emoji.load()


@pytest.mark.parametrize(
    ("english", "says"),
    [
        ("", "emoji.json cannot be read"),
        ("[1]", "emoji.json cannot be read"),
        ({"x": {"en": ":x:"}}, "emoji.json cannot be read"),
        ({"x": entry(None)}, "emoji.json cannot be read"),
        ({"x": entry(":x:")}, "at least 3000 names.*Received: 1"),
        ({}, "at least 3000 names.*Received: 0"),
    ],
)
def test_other_files_are_refused(installed, english, says):
    installed(english, {"x": ":x:"})
    with pytest.raises(UserError, match=says) as caught:
        emoji.load()
    assert "[demos]" in str(caught.value)
    assert "\n" not in str(caught.value)

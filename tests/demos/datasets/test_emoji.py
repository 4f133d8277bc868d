"""Names of emoji: what they look like, and what is held out of training."""

import json

import pytest

from demos.common.errors import UserError
from demos.datasets import emoji

pytestmark = pytest.mark.once


@pytest.fixture(scope="module", params=["en-de", "ru-en", "zh-fa"])
def dataset(request):
    return emoji.load(*request.param.split("-"))


def parts_of(dataset):
    return dataset.train, dataset.validation, dataset.test


@pytest.fixture
def installed(package):
    """Writes a package's files: names of emoji, in English and German."""

    def write(english, german):
        folder = package / "unicode_codes"
        folder.mkdir()
        for name, content in (("", english), ("_de", german)):
            if not isinstance(content, str):
                content = json.dumps(content)
            (folder / f"emoji{name}.json").write_text(content, "utf-8")

    return write


def entry(name, status=2):
    return {"en": name, "status": status, "E": 1}


def words(text, language):
    """Words, or the characters of a language written without spaces."""
    spaced = language not in ("ja", "zh")
    return text.split() if spaced else list(text.replace(" ", ""))


def test_names_are_plain_phrases_of_which_a_fifth_is_held_out(dataset):
    parts = parts_of(dataset)
    for part in parts:
        for text in (*part.sources, *part.targets):
            assert text == " ".join(text.split()) != ""
            assert not {":", "_"} & set(text)
    sizes = [len(part) for part in parts]
    assert sum(sizes) > 3_900
    shares = [size / sum(sizes) for size in sizes]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.001)
    assert f"{sizes[1] + sizes[2]} names held out" in dataset.notes[-1]
    again = emoji.load(dataset.source, dataset.target)
    assert again.digest() == dataset.digest()


def test_german_names_of_english_ones():
    train = emoji.load().train
    german = dict(zip(train.sources, train.targets, strict=True))
    assert german["sun"] == "sonne"
    assert german["1st place medal"] == "goldmedaille"


def test_what_is_held_out_cannot_be_recalled_but_combined(dataset):
    parts = parts_of(dataset)
    sources = [text for part in parts for text in part.sources]
    assert len(sources) == len(set(sources))
    train, validation, test = (set(part.targets) for part in parts)
    assert not (train & validation) | (train & test) | (validation & test)
    sides = {"sources": dataset.source, "targets": dataset.target}
    for side, language in sides.items():
        known = {
            word
            for text in getattr(dataset.train, side)
            for word in words(text, language)
        }
        for part in parts[1:]:
            for text in getattr(part, side):
                assert set(words(text, language)) <= known
    for part in parts[1:]:
        for text in part.sources:
            assert len(words(text, dataset.source)) >= 2


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
    train = dataset.train
    pairs = dict(zip(train.sources, train.targets, strict=True))
    assert pairs["thing 7"] == "ding e7"
    # Each number is in one name only, so no name combines known words.
    assert [len(part) for part in parts_of(dataset)] == [3_000, 0, 0]
    assert dataset.notes == (
        "1 emoji skipped without a name in en or de",
        "1 emoji skipped with a repeated name in en",
    )


def test_a_translation_in_training_is_not_held_out(installed):
    names = {
        f"{i} {j}": entry(f":a{i}_b{j}:") for i in range(60) for j in range(60)
    }
    installed(names, {name: f":x{name.split()[0]}:" for name in names})
    assert len(emoji.load().test) == 0


@pytest.mark.parametrize(
    ("languages", "says"),
    [
        (("xx", "de"), r"--source.*ar, de, en, .*'xx'"),
        (("en", "xx"), r"--target.*ar, de, en, .*'xx'"),
        (("de", "de"), "'de' for both"),
    ],
)
def test_unusable_languages(languages, says):
    with pytest.raises(UserError, match=says):
        emoji.load(*languages)


def test_a_missing_package_names_the_extra(no_package):
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
    ],
)
def test_other_files_are_refused(installed, english, says):
    installed(english, {"x": ":x:"})
    with pytest.raises(UserError, match=says) as caught:
        emoji.load()
    assert "[demos]" in str(caught.value)
    assert "\n" not in str(caught.value)

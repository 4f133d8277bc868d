"""The user's own sentence pairs: what is read, left out and refused."""

import unicodedata

import pytest

from demos.common.errors import UserError
from demos.datasets import pairs
from demos.datasets.load import load_translation

pytestmark = pytest.mark.once


def lines_of(count):
    return [f"sentence {i}\tSatz {i}" for i in range(count)]


def write(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def splits_of(dataset):
    return dataset.train, dataset.validation, dataset.test


def all_pairs(dataset):
    return [
        pair
        for split in splits_of(dataset)
        for pair in zip(split.sources, split.targets, strict=True)
    ]


def test_pairs_are_read_and_split(tmp_path):
    path = write(tmp_path / "mine.tsv", lines_of(100))
    dataset = load_translation(str(path), "en", "de")
    assert (dataset.name, dataset.source, dataset.target) == (
        "mine",
        "en",
        "de",
    )
    assert [len(split) for split in splits_of(dataset)] == [80, 10, 10]
    assert sorted(all_pairs(dataset)) == sorted(
        tuple(line.split("\t")) for line in lines_of(100)
    )
    assert dataset.notes == ()


def test_the_split_depends_on_the_sentences_alone(tmp_path):
    dataset = pairs.load(write(tmp_path / "a.tsv", lines_of(50)), "x", "y")
    turned = lines_of(50)[::-1]
    other = pairs.load(write(tmp_path / "b.tsv", turned), "x", "y")
    for mine, theirs in zip(splits_of(dataset), splits_of(other), strict=True):
        assert set(mine.sources) == set(theirs.sources)


def test_all_translations_of_a_sentence_are_in_one_split(tmp_path):
    lines = [f"sentence {i % 40}\tSatz {i}" for i in range(120)]
    dataset = pairs.load(write(tmp_path / "mine.tsv", lines), "en", "de")
    assert [len(split) for split in splits_of(dataset)] == [96, 12, 12]
    sources = [set(split.sources) for split in splits_of(dataset)]
    assert sum(map(len, sources)) == len(set.union(*sources)) == 40
    assert dataset.notes == ()


def test_further_columns_are_ignored_and_quotes_are_text(tmp_path):
    lines = [f'{line} "so"\tCC-BY 2.0\t{line}' for line in lines_of(20)]
    dataset = pairs.load(write(tmp_path / "mine.tsv", lines), "en", "de")
    assert ("sentence 3", 'Satz 3 "so"') in all_pairs(dataset)


def test_lines_left_out_are_counted(tmp_path):
    content = [line.encode() for line in lines_of(20)]
    content += [
        b"no tab",
        b"",
        b"sentence\t",
        b" \tSatz",
        b"sentence 3\tSatz 3",
        b"sentence 3 \t Satz 3\tsomebody",
        b"caf\xe9\tCaf\xe9",
        b"x" * 1_001 + b"\ty",
        b"x\t" + b"y" * 1_001,
        b"x" * 1_000 + b"\ty",
        b"one\teins\rtwo\tzwei",
    ]
    path = tmp_path / "mine.tsv"
    path.write_bytes(b"\r\n".join(content))
    dataset = pairs.load(path, "en", "de")
    assert len(all_pairs(dataset)) == 21
    assert sorted(dataset.notes) == [
        "1 of 31 lines skipped: lines that are not UTF-8 text",
        "1 of 31 lines skipped: lines with a carriage return inside",
        "2 of 31 lines skipped: lines with a repeated pair",
        "2 of 31 lines skipped: lines with an empty side",
        "2 of 31 lines skipped: lines with more than 1,000 characters on a "
        "side",
        "2 of 31 lines skipped: lines without a tab",
    ]


def test_odd_characters_are_text_and_a_byte_order_mark_is_none(tmp_path):
    lines = [*lines_of(20), "one\u2028two\x85\teins\u2028zwei"]
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    every = all_pairs(pairs.load(path, "en", "de"))
    assert ("one\u2028two", "eins\u2028zwei") in every
    assert ("sentence 0", "Satz 0") in every


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "No line of .* has a tab"),
        (b"\t\n" * 40, "Received: 0 in 40 lines"),
        (b"a sentence\n" * 40, r"No line of .* \(40 lines read\)"),
        ("\n".join(lines_of(19)).encode(), "Received: 19 in 19 lines"),
        (b"".join(b"same\tSatz %d\n" % i for i in range(40)), "Received: 1 in"),
        ("\n".join(lines_of(40)).encode("utf-16"), "not UTF-8"),
        ("\n".join(lines_of(40)).encode("utf-16-le"), "not UTF-8"),
        (b"caf\xe9\tCaf\xe9\n" * 40, "not UTF-8"),
        (b"PK\x03\x04\x00\x00\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_unusable_files(tmp_path, content, says):
    path = tmp_path / "mine.tsv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says) as caught:
        pairs.load(path, "en", "de")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_letters_and_accents_written_apart_are_put_together(tmp_path):
    path = tmp_path / "mine.tsv"
    apart = [unicodedata.normalize("NFD", line) for line in lines_of(40)]
    path.write_text("\n".join([*apart, "größer\tgrößer"]), encoding="utf-8")
    read = pairs.load(path, "en", "de")
    every = [
        text
        for part in (read.train, read.validation, read.test)
        for text in (*part.sources, *part.targets)
    ]
    assert "größer" in every
    assert all(unicodedata.is_normalized("NFC", text) for text in every)


@pytest.mark.parametrize("language", ["en/us", "../..", "", "a b"])
def test_a_language_is_a_good_name_of_a_folder(tmp_path, language):
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join(lines_of(40)), encoding="utf-8")
    with pytest.raises(
        UserError, match="Expected --target to consist of letters"
    ):
        pairs.load(path, "en", language)

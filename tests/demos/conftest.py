"""What the tests of the demos share: a small file of reviews, a small study."""

import csv
import random
from pathlib import Path

import pytest

from demos.__main__ import main

GOOD = ["superb", "moving", "witty", "fresh", "graceful", "thrilling"]
BAD = ["dull", "clumsy", "tedious", "stale", "noisy", "lifeless"]
PLAIN = ["film", "story", "actor", "scene", "plot", "score", "script"]


def draw_sentences(count, seed=0):
    """Draws (text, label) pairs, all different and easy to learn."""
    draw = random.Random(seed)
    found = {}
    while len(found) < count:
        label = "good" if len(found) % 2 else "bad"
        words = draw.sample(PLAIN, 4)
        words += draw.sample(GOOD if label == "good" else BAD, 3)
        draw.shuffle(words)
        found.setdefault(" ".join(words), label)
    return list(found.items())


@pytest.fixture(scope="session")
def sentences():
    """A function of a count: that many (text, label) pairs."""
    return draw_sentences


def write_csv(path, rows):
    """Writes texts and labels below a header, and returns the path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


@pytest.fixture(scope="session")
def reviews(tmp_path_factory):
    """A CSV file of 400 easy reviews."""
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    return write_csv(path, draw_sentences(400))


@pytest.fixture(scope="session")
def command(reviews, tmp_path_factory):
    """A whole run of the demo, small: its command line, without the program."""
    out = tmp_path_factory.mktemp("runs") / "study"
    sizes = ["--embedding-dim", "16", "--heads", "2", "--batch-size", "32"]
    return [
        *("sentiment", "--dataset", str(reviews), "--out", str(out)),
        *("--activations", "relu", "serf", "--seeds", "0", "1"),
        *("--epochs", "3", "--learning-rate", "0.01", *sizes),
    ]


@pytest.fixture(scope="session")
def study(command):
    """The folder that the run has written."""
    assert main(command) == 0
    return Path(command[command.index("--out") + 1])

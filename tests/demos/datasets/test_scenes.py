"""Scenes: the labels by an independent rule, the splits, the drawings."""

import re
from collections import Counter

import numpy as np
import pytest

from demos.datasets import scenes

pytestmark = pytest.mark.once

SIDE = r"left|right|above|below"
OPPOSITE = {"left": "right", "right": "left", "above": "below"}
OPPOSITE["below"] = "above"


@pytest.fixture(scope="module")
def dataset():
    return scenes.load(1200, 300)


def splits(dataset):
    return dataset.train, dataset.validation, dataset.test


def fact(post):
    """Reads (animal, side, place) as a person would; None for what is hidden.

    Sides of a picture are judged by the drawings' centres.
    """
    if len(post.picture) == 1:
        side = re.search(SIDE, post.text)[0]
        place = re.search(r"the (\w+)[.!]$", post.text)[1]
        return post.picture[0].name, side, place
    middle = {
        d.name: (d.left + d.size / 2, d.top + d.size / 2) for d in post.picture
    }
    (x, y) = middle.pop("box")
    ((place, (u, v)),) = middle.items()
    if abs(x - u) > abs(y - v):
        side = "left" if x < u else "right"
    else:
        side = "above" if y < v else "below"
    animals = {a for names in scenes.ANIMALS.values() for a in names}
    (animal,) = set(re.findall(r"\w+", post.text)) & animals
    return animal, side, place


def pairs(part):
    return list(zip(part.premises, part.hypotheses, part.labels, strict=True))


def test_labels_follow_from_what_is_shown_and_told(dataset):
    for part in splits(dataset):
        for premise, hypothesis, label in pairs(part):
            animal, side, place = fact(premise)
            other, other_side, other_place = fact(hypothesis)
            if (animal, place) != (other, other_place):
                expected = "NoEntailment"
            else:
                expected = "Implies" if side == other_side else "Contradictory"
                assert other_side in (side, OPPOSITE[side])
            assert dataset.label_names[label] == expected


def test_labels_are_equally_frequent(dataset):
    for part, count in zip(splits(dataset), (1200, 300, 300), strict=True):
        assert Counter(part.labels) == dict.fromkeys(range(3), count // 3)


def test_no_pair_is_in_two_splits(dataset):
    every = [
        (premise, hypothesis)
        for part in splits(dataset)
        for premise, hypothesis, _ in pairs(part)
    ]
    assert len(set(every)) == len(every) == 1800


def test_the_test_asks_for_new_combinations_of_animal_and_side(dataset):
    def combinations(part):
        return {fact(post)[:2] for post in (*part.premises, *part.hypotheses)}

    train, validation, test = map(combinations, splits(dataset))
    assert validation <= train
    assert not test & train
    assert {animal for animal, _ in test} == {animal for animal, _ in train}
    assert {side for _, side in test} == {side for _, side in train}


@pytest.fixture(scope="module")
def many():
    return scenes.load(16_000, 3).train


@pytest.mark.parametrize(
    "seen",
    [
        lambda p, h: (words(p), words(h)),
        lambda p, h: (drawn(p), drawn(h)),
        lambda p, h: (words(h), drawn(h)),
        lambda p, h: (words(p), drawn(p)),
    ],
    ids=["texts", "pictures", "hypothesis", "premise"],
)
def test_no_part_tells_the_label(seen, many):
    """Naive Bayes over all combinations of a part's contents is at chance."""
    half = len(many) // 2
    counts: dict = {}
    for premise, hypothesis, label in pairs(many)[:half]:
        counts.setdefault(seen(premise, hypothesis), Counter())[label] += 1
    right = sum(
        counts.get(seen(premise, hypothesis), Counter({0: 1})).most_common(1)[
            0
        ][0]
        == label
        for premise, hypothesis, label in pairs(many)[half:]
    )
    # 8,000 guesses: five standard deviations of chance are 0.026.
    assert abs(right / half - 1 / 3) < 0.026


def words(post):
    """Returns what a text tells, whatever its wording."""
    told = {*scenes.PLACES, *OPPOSITE}
    for names in scenes.ANIMALS.values():
        told |= set(names)
    return frozenset(told & set(re.findall(r"\w+", post.text)))


def drawn(post):
    """Returns what a picture shows: things, and which stands first."""
    names = tuple(d.name for d in sorted(post.picture, key=lambda d: d.left))
    tops = tuple(d.name for d in sorted(post.picture, key=lambda d: d.top))
    return names, tops


@pytest.mark.parametrize("side", [16, 32, 100])
def test_drawings_stand_where_the_scene_says(dataset, side):
    for post in dataset.train.premises[:20]:
        pixels = scenes.render(post.picture, side)
        assert pixels.shape == (side, side, 3)
        assert pixels.dtype == "uint8"
        outside = np.ones((side, side), bool)
        for _, left, top, size in post.picture:
            rows, columns = (
                slice(
                    round(start * side),
                    round(start * side) + 1 + round(size * side),
                )
                for start in (top, left)
            )
            assert (pixels[rows, columns] < 255).any()
            outside[rows, columns] = False
        assert (pixels[outside] == 255).all()


def test_every_thing_has_a_drawing_of_its_own():
    found = scenes.drawings()
    shapes = {d.resize((8, 8)).tobytes() for d in found.values()}
    assert len(shapes) == len(found) == 12 + 4 + 1

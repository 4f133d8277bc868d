"""The word-by-word baseline."""

import pytest

from demos.datasets.types import Pairs
from demos.tasks.translation.lexicon import Lexicon

pytestmark = pytest.mark.once


def test_it_finds_words_that_occur_together(cases):
    lexicon = Lexicon(cases["translation"].load().dataset.train, "en", "de")
    assert lexicon("three green cow.") == "drei grün Kuh."
    assert lexicon("three pink cow.") == "drei pink Kuh."


def test_characters_are_the_words_of_languages_without_spaces():
    pairs = Pairs(("big dog", "big cat", "dog"), ("大狗", "大猫", "狗"))
    assert Lexicon(pairs, "en", "zh")("big cat") == "大猫"
    back = Pairs(pairs.targets, pairs.sources)
    assert Lexicon(back, "zh", "en")("大猫") == "big cat"

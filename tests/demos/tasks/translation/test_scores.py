"""BLEU and chrF, as sacreBLEU has them."""

import pytest

from demos.tasks.translation.scores import (
    TOKENIZERS,
    signatures,
    translation_scores,
)

pytestmark = pytest.mark.once


def test_the_reference_scores_100():
    texts = ["Two dogs run, and a cat sleeps.", "A man in a red hat smiles."]
    scores = translation_scores(texts, texts, "en")
    assert scores["bleu"] == pytest.approx(100)
    assert scores["chrf"] == pytest.approx(100)
    assert scores["exact_match"] == 1
    lowered = [text.lower() for text in texts]
    scores = translation_scores(lowered, texts, "en")
    assert scores["bleu"] < 90
    assert scores["bleu_lowercased"] == pytest.approx(100)
    assert scores["exact_match"] == 0
    assert "nrefs:1|case:mixed|eff:no|tok:13a" in signatures("en")


@pytest.mark.parametrize("target", ["zh", "ja", "zh-TW"])
def test_characters_are_the_words_of_languages_without_spaces(target):
    scores = translation_scores(["一个大红苹果"], ["一个大红苹果"], target)
    assert scores["bleu"] == pytest.approx(100)
    assert f"tok:{TOKENIZERS[target[:2]]}" in signatures(target)

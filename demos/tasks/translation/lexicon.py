"""Translation baseline: word by word, with a lexicon from the data."""

import re
from collections.abc import Sequence
from functools import partial

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from demos.datasets.languages import UNSPACED, base_language
from demos.datasets.types import Pairs


class Lexicon:
    """Translates each word to the target word that it occurs with most often.

    This is the word with the highest Dice coefficient over the training pairs,
    2 n(s, t) / (n(s) + n(t)), where n counts the pairs that contain the words.
    Unknown words are copied.
    """

    def __init__(self, train: Pairs, source: str, target: str) -> None:
        def counts(texts: Sequence[str], language: str):
            vectorizer = CountVectorizer(
                analyzer=partial(words, language=language), binary=True
            )
            matrix = vectorizer.fit_transform(texts).astype("float64")
            return matrix, vectorizer.get_feature_names_out()

        self._source = source
        self._separator = "" if base_language(target) in UNSPACED else " "
        sources, source_words = counts(train.sources, source)
        targets, target_words = counts(train.targets, target)
        both = (sources.T @ targets).tocoo()
        source_counts = np.asarray(sources.sum(axis=0)).ravel()
        target_counts = np.asarray(targets.sum(axis=0)).ravel()
        dice = (
            2 * both.data / (source_counts[both.row] + target_counts[both.col])
        )
        same = source_words[both.row] == target_words[both.col]
        # Ascending, so that the last entry of each word is the best; in a tie,
        # it is the word itself.
        order = np.lexsort((-both.col, same, dice, both.row))
        self._lexicon = {
            str(source_words[both.row[i]]): str(target_words[both.col[i]])
            for i in order
        }

    def __call__(self, source: str) -> str:
        """Returns the translations of the words of a text, in order."""
        translations = [
            self._lexicon.get(word, word)
            for word in words(source, self._source)
        ]
        text = self._separator.join(translations)
        return re.sub(r"\s+(?=[^\w\s(])", "", text)


def words(text: str, language: str) -> list[str]:
    """Splits a text into words and punctuation marks.

    Languages that are written without spaces are split into characters.

    Example:

    >>> words("A dog's life, in short.", "en")
    ['A', 'dog', "'", 's', 'life', ',', 'in', 'short', '.']
    """
    if base_language(language) in UNSPACED:
        return list(text)
    return re.findall(r"\w+|[^\w\s]", text)

"""`Translator`: from raw text to raw text with a trained model."""

from collections.abc import Sequence

import keras
from tokenizers import Tokenizer

from demos.tasks.translation import subword_tokenizer
from demos.tasks.translation.batches import (
    bucket_widths,
    into_buckets,
    source_array,
)
from demos.tasks.translation.decoding import BeamSearch, GreedySearch
from demos.tasks.translation.model import Steps
from demos.tasks.translation.options import DecodingConfig
from demos.training import batches

# Sentences that are decoded together, and how many are worth a length of their
# own, for which the search is compiled.
BATCH_SIZE, BUCKET = 100, 500


class Translator:
    """Translates texts with a trained model.

    Args:
        model: The trained model, as `build_model` returns it.
        source_tokenizer: Tokenizer of the texts.
        target_tokenizer: Tokenizer of the translations.
        longest: Maximum number of subwords of a text, its end included; longer
            ones are truncated.
        decoding: How to search.
    """

    def __init__(
        self,
        model: keras.Model,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        longest: int,
        decoding: DecodingConfig,
    ) -> None:
        self._source_tokenizer = source_tokenizer
        self._target_tokenizer = target_tokenizer
        self._longest = longest
        self._decoding = decoding
        self._steps = Steps(model)
        self._searches: dict[int, BeamSearch | GreedySearch] = {}

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """Returns the translations of texts, of which there is at least one."""
        tokens = subword_tokenizer.encode(self._source_tokenizer, texts)
        # Two at least: over one token, attention has nothing to choose from.
        lengths = [max(2, min(1 + len(row), self._longest)) for row in tokens]
        buckets = min(4, 1 + len(texts) // BUCKET)
        widths = bucket_widths(lengths, buckets)
        translations = [""] * len(texts)
        for bucket in into_buckets(lengths, widths):
            # A batch is searched until its last sentence is done.
            rows = sorted(bucket.rows, key=lengths.__getitem__)
            answers = batches.predict(
                self._search(bucket.width),
                source_array([tokens[row] for row in rows], bucket.width),
                BATCH_SIZE,
            )
            decoded = subword_tokenizer.decode(
                self._target_tokenizer, answers.tolist()
            )
            for row, text in zip(rows, decoded, strict=True):
                translations[row] = text
        return translations

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Returns the number of subwords of each text, its end included."""
        tokens = subword_tokenizer.encode(self._source_tokenizer, texts)
        return [1 + len(row) for row in tokens]

    def _search(self, width: int) -> BeamSearch | GreedySearch:
        """Returns the search for sources of a width, compiled once."""
        if width not in self._searches:
            length = 10 + width * 3 // 2  # Of a translation, at most.
            beams = self._decoding.beam_width
            self._searches[width] = (
                GreedySearch(self._steps, length)
                if beams == 1
                else BeamSearch(
                    self._steps, length, beams, self._decoding.length_penalty
                )
            )
        return self._searches[width]

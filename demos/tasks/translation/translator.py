"""`Translator`: from raw text to raw text with a trained model."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from demos.tasks.translation import subword_tokenizer
from demos.tasks.translation.batches import (
    bucket_widths,
    into_buckets,
    padded,
)
from demos.tasks.translation.decoding import BeamSearch
from demos.tasks.translation.model import Steps
from demos.tasks.translation.options import DecodingConfig
from demos.tasks.translation.subword_tokenizer import END
from demos.training import batches

# Sentences that are decoded together, and how many are worth a length of their
# own, for which the search is compiled.
BATCH_SIZE, BUCKET = 100, 500


@dataclass(frozen=True)
class Translator:
    """Translates texts with a trained model.

    Texts of more than `longest` subwords, the end included, are truncated.
    """

    steps: Steps
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    longest: int
    decoding: DecodingConfig
    _searches: dict[int, BeamSearch] = field(default_factory=dict, init=False)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """Returns the translations of texts, of which there is at least one."""
        tokens = subword_tokenizer.encode(self.source_tokenizer, texts)
        # Two at least: over one token, attention has nothing to choose from.
        lengths = [max(2, min(1 + len(row), self.longest)) for row in tokens]
        buckets = min(4, 1 + len(texts) // BUCKET)
        widths = bucket_widths(lengths, buckets)
        translations = [""] * len(texts)
        for width, unsorted in into_buckets(lengths, widths):
            # A batch is searched until its last sentence is done.
            rows = sorted(unsorted, key=lengths.__getitem__)
            sources = padded([tokens[row] for row in rows], width, [END])
            answers = batches.predict(self._search(width), sources, BATCH_SIZE)
            decoded = subword_tokenizer.decode(
                self.target_tokenizer, answers.tolist()
            )
            for row, text in zip(rows, decoded, strict=True):
                translations[row] = text
        return translations

    def _search(self, width: int) -> BeamSearch:
        """Returns the search for sources of a width, compiled once."""
        if width not in self._searches:
            length = 10 + width * 3 // 2  # Of a translation, at most.
            self._searches[width] = BeamSearch(
                self.steps,
                length,
                self.decoding.beam_width,
                self.decoding.length_penalty,
            )
        return self._searches[width]

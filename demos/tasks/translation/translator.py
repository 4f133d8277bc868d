"""`Translator`: translates raw text with a trained model."""

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

# Number of sentences that are decoded together, and the minimum number for
# which the search is compiled for a separate length.
BATCH_SIZE, BUCKET = 100, 500


@dataclass(frozen=True)
class Translator:
    """Translates texts with a trained model.

    Texts with more than `longest` subwords, including the end, are truncated.
    """

    steps: Steps
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    longest: int
    decoding: DecodingConfig
    _searches: dict[int, BeamSearch] = field(default_factory=dict, init=False)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """Returns the translations of at least one text."""
        tokens = subword_tokenizer.encode(self.source_tokenizer, texts)
        # At least two: attention over one token has nothing to choose from.
        lengths = [max(2, min(1 + len(row), self.longest)) for row in tokens]
        buckets = min(4, 1 + len(texts) // BUCKET)
        widths = bucket_widths(lengths, buckets)
        translations = [""] * len(texts)
        for width, unsorted in into_buckets(lengths, widths):
            # The search of a batch runs until its last sentence is done.
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
        """Returns the search for sources of a width, which is compiled once."""
        if width not in self._searches:
            length = 10 + width * 3 // 2  # Maximum length of a translation.
            self._searches[width] = BeamSearch(
                self.steps,
                length,
                self.decoding.beam_width,
                self.decoding.length_penalty,
            )
        return self._searches[width]

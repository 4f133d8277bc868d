"""Word tokenizer: learns a vocabulary of words, and encodes texts."""

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

LONGEST = 256  # Tokens; the cost of attention is quadratic in this.
SHORTEST = 2  # Tokens; with fewer, attention has nothing to choose from.
PADDING, UNKNOWN = 0, 1


def learn(texts: Sequence[str], vocabulary_size: int) -> Tokenizer:
    """Learns a vocabulary of words in lower case without accents.

    It contains the most frequent words of the training texts. A word that
    occurs only once is unknown.
    """
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()  # pyright: ignore
    tokenizer.pre_tokenizer = (  # pyright: ignore
        pre_tokenizers.BertPreTokenizer()
    )
    tokenizer.train_from_iterator(
        texts,
        trainers.WordLevelTrainer(
            vocab_size=vocabulary_size,
            min_frequency=2,
            special_tokens=["[PAD]", "[UNK]"],
            show_progress=False,
        ),
    )
    return tokenizer


def length_for(tokenizer: Tokenizer, texts: Sequence[str]) -> int:
    """Returns the number of tokens that covers 95% of texts, 2 to 256."""
    return covering(
        [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    )


def covering(lengths: Sequence[int]) -> int:
    """Returns the length that covers 95% of the lengths, 2 to 256."""
    return int(np.clip(np.quantile(lengths, 0.95), SHORTEST, LONGEST))


def encode(
    tokenizer: Tokenizer, texts: Sequence[str], sequence_length: int
) -> np.ndarray:
    """Encodes texts as rows of tokens for the model.

    Longer texts are truncated, shorter ones padded. The first token is never
    padding, even in an empty text, so that pooling has an input.

    Returns:
        int32 array of shape `(len(texts), sequence_length)`.
    """
    inputs = np.full((len(texts), sequence_length), PADDING, "int32")
    inputs[:, 0] = UNKNOWN
    for row, encoding in zip(
        inputs, tokenizer.encode_batch(texts), strict=True
    ):
        ids = encoding.ids[:sequence_length]
        row[: len(ids)] = ids
    return inputs

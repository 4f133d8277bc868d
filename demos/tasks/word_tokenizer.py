"""Word tokenizer: a vocabulary of whole words, and texts as rows of tokens."""

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

LONGEST = 256  # Tokens: attention costs the square of this.
SHORTEST = 2  # Tokens: in fewer, attention has nothing to choose from.
PADDING, UNKNOWN = 0, 1


def learn(texts: Sequence[str], vocabulary_size: int) -> Tokenizer:
    """Learns a vocabulary: words in lower case without accents.

    It holds the most frequent words of the training texts; a word that occurs
    once is unknown.
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
    """Returns the tokens that 95% of the texts fit in, from 2 to 256."""
    return covering(
        [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    )


def covering(lengths: Sequence[int]) -> int:
    """Returns the length that covers 95% of the lengths, from 2 to 256."""
    return int(np.clip(np.quantile(lengths, 0.95), SHORTEST, LONGEST))


def encode(
    tokenizer: Tokenizer, texts: Sequence[str], sequence_length: int
) -> np.ndarray:
    """Turns texts into what the model reads.

    Longer texts are cut, shorter ones padded. The first token is never padding,
    not even of an empty text, so that there is something to pool.

    Returns:
        int32, shape `(len(texts), sequence_length)`.
    """
    inputs = np.full((len(texts), sequence_length), PADDING, "int32")
    inputs[:, 0] = UNKNOWN
    for row, encoding in zip(
        inputs, tokenizer.encode_batch(texts), strict=True
    ):
        ids = encoding.ids[:sequence_length]
        row[: len(ids)] = ids
    return inputs

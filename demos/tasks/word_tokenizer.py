"""Word tokenizer: a vocabulary of whole words, and texts as rows of tokens."""

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

LONGEST = 256  # Tokens: attention costs the square of this.
SHORTEST = 2  # Tokens: in fewer, attention has nothing to choose from.
PADDING, UNKNOWN = 0, 1


def learn(texts: Sequence[str], vocabulary_size: int) -> Tokenizer:
    """Learns a vocabulary.

    Args:
        texts: The training texts.
        vocabulary_size: Maximum number of words, the most frequent ones; a word
            that occurs once is unknown.

    Returns:
        A tokenizer of words in lower case without accents; token 0 is padding,
        token 1 any unknown word.
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
    """Returns the tokens that 95% of the texts fit in, from 2 to 256.

    Args:
        tokenizer: Counts the tokens.
        texts: The training texts.

    Returns:
        The length.
    """
    return covering(
        [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    )


def covering(lengths: Sequence[int]) -> int:
    """Returns the length that 95% of the texts fit in, from 2 to 256.

    Args:
        lengths: Tokens of each training text.

    Returns:
        The length.
    """
    return int(np.clip(np.quantile(lengths, 0.95), SHORTEST, LONGEST))


def encode(
    tokenizer: Tokenizer, texts: Sequence[str], sequence_length: int
) -> np.ndarray:
    """Turns texts into what the model reads.

    Args:
        tokenizer: The tokenizer.
        texts: The texts.
        sequence_length: Longer texts are cut there, shorter ones padded.

    Returns:
        int32, shape `(len(texts), sequence_length)`. The first is never
        padding, not even of an empty text, so that there is something to pool.
    """
    inputs = np.full((len(texts), sequence_length), PADDING, "int32")
    inputs[:, 0] = UNKNOWN
    for row, encoding in zip(
        inputs, tokenizer.encode_batch(texts), strict=True
    ):
        ids = encoding.ids[:sequence_length]
        row[: len(ids)] = ids
    return inputs

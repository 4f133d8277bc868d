"""Batches of sentence pairs of similar length, with little padding.

The order depends only on seed and epoch. All batches of a bucket have the same
shape, so that one step per bucket is compiled.
"""

from collections.abc import Sequence

import keras
import numpy as np

from demos.tasks.translation.subword_tokenizer import END, PADDING, START

Tokens = Sequence[Sequence[int]]


def bucket_widths(lengths: Sequence[int], buckets: int) -> tuple[int, ...]:
    """Chooses the widths of buckets with the least padding.

    The lengths are those of the longer side of each pair, including END. The
    widths ascend; the longest pair fits into the last one.

    Example:

    >>> bucket_widths([3, 3, 3, 4, 9, 10], buckets=2)
    (4, 10)
    """
    widths, counts = np.unique(lengths, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    # Dynamic programming: best[n] is the smallest number of tokens for the n
    # shortest pairs. With a bucket for the pairs from m to n:
    tokens = (below - below[:, None]) * np.concatenate([[0], widths])
    tokens = np.where(np.triu(np.ones_like(tokens), 1), tokens, np.inf)
    best = np.full(len(below), np.inf)
    best[0] = 0
    firsts = []  # In each round, m of the last bucket by n; n for no bucket.
    for _ in range(min(buckets, len(widths))):
        total = best[:, None] + tokens
        first = np.where(
            total.min(axis=0) < best, total.argmin(axis=0), range(len(below))
        )
        best = np.minimum(best, total.min(axis=0))
        firsts.append(first)
    chosen = []
    n = len(widths)
    for first in reversed(firsts):
        if first[n] < n:
            chosen.append(int(widths[n - 1]))
            n = first[n]
    return tuple(reversed(chosen))


def pair_lengths(sources: Tokens, targets: Tokens) -> list[int]:
    """Returns the length of the longer side of each pair, including END."""
    return [
        1 + max(len(source), len(target))
        for source, target in zip(sources, targets, strict=True)
    ]


def into_buckets(
    lengths: Sequence[int], widths: Sequence[int]
) -> list[tuple[int, np.ndarray]]:
    """Sorts pairs into the narrowest bucket into which they fit.

    Longer pairs go to the last bucket.

    Returns:
        Width and pair indices of each nonempty bucket.
    """
    places = np.searchsorted(widths[:-1], lengths)
    return [
        (width, rows)
        for place, width in enumerate(widths)
        if len(rows := np.flatnonzero(places == place))
    ]


def padded(rows: Tokens, width: int, ends: Sequence[int] = ()) -> np.ndarray:
    """Appends `ends` to each row of tokens, and pads it to a width.

    Rows that do not fit are truncated before the ends.

    Returns:
        int32 array of shape `(len(rows), width)`.
    """
    laid = np.full((len(rows), width), PADDING, "int32")
    for line, row in zip(laid, rows, strict=True):
        tokens = [*row[: width - len(ends)], *ends]
        line[: len(tokens)] = tokens
    return laid


class PairBatches(keras.utils.PyDataset):
    """Batches `(inputs, labels, weights)` for `keras.Model.fit`.

    `inputs` has `source` and `target`, the latter shifted by START. `labels` is
    the target followed by END. `weights` is 0 for padding and 1 elsewhere. All
    have the shape `(rows, width)` of their bucket; the weights are float32, the
    others int32. A batch has at most `batch_tokens` tokens on each side,
    including padding.

    NumPy draws the order of each epoch, so it depends only on the seed, not on
    backend, activation or model. Remaining pairs at the end of a bucket are
    dropped. Without a seed, all pairs are used in a fixed order, and the last
    batch of a bucket is filled with padding rows.
    """

    def __init__(
        self,
        sources: Tokens,
        targets: Tokens,
        widths: Sequence[int],
        batch_tokens: int,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self._seed = seed
        self._epoch = 0
        self._arrays = []
        lengths = pair_lengths(sources, targets)
        for width, rows in into_buckets(lengths, widths):
            target = [targets[row] for row in rows]
            self._arrays.append(
                (
                    padded([sources[row] for row in rows], width, [END]),
                    padded([[START, *row] for row in target], width),
                    padded(target, width, [END]),
                )
            )
        self._sizes = [
            min(len(labels), max(1, batch_tokens // labels.shape[1]))
            for *_, labels in self._arrays
        ]
        self._order = self._draw()

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int):
        place, rows = self._order[index]
        source, target, labels = (
            np.pad(
                array[rows],
                ((0, self._sizes[place] - len(rows)), (0, 0)),
                constant_values=PADDING,
            )
            for array in self._arrays[place]
        )
        weights = (labels != PADDING).astype("float32")
        return {"source": source, "target": target}, labels, weights

    def on_epoch_end(self) -> None:
        """Draws the order of the next epoch."""
        self._epoch += 1
        self._order = self._draw()

    def served(self) -> float:
        """Returns the fraction of the pairs used in an epoch."""
        rows = sum(len(labels) for *_, labels in self._arrays)
        return sum(len(rows) for _, rows in self._order) / rows

    def padding(self) -> float:
        """Returns the fraction of padding in sources and targets together."""
        empty = total = 0
        for source, _, labels in self._arrays:
            empty += np.sum(source == PADDING) + np.sum(labels == PADDING)
            total += source.size + labels.size
        return float(empty / total)

    def _draw(self) -> list[tuple[int, np.ndarray]]:
        """Returns the bucket and the rows of each batch of an epoch."""
        draw = np.random.default_rng([self._seed or 0, self._epoch])
        batches = []
        for place, size in enumerate(self._sizes):
            rows = np.arange(len(self._arrays[place][0]))
            if self._seed is not None:
                rows = draw.permutation(rows)
                rows = rows[: len(rows) // size * size]
            batches += [
                (place, rows[start : start + size])
                for start in range(0, len(rows), size)
            ]
        if self._seed is not None:
            draw.shuffle(batches)
        # On TensorFlow, Keras infers from the first two batches which
        # dimensions vary.
        for i, (place, _) in enumerate(batches):
            if place != batches[0][0]:
                batches.insert(1, batches.pop(i))
                break
        return batches

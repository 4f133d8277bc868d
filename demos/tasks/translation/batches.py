"""Batches of sentence pairs of similar length: little padding, few shapes.

Their order is drawn from seed and epoch alone. All batches of a bucket have one
shape, so that one step for each bucket is compiled.
"""

from collections.abc import Sequence

import keras
import numpy as np

from demos.tasks.translation.subword_tokenizer import END, PADDING, START

Tokens = Sequence[Sequence[int]]


def bucket_widths(lengths: Sequence[int], buckets: int) -> tuple[int, ...]:
    """Chooses the widths of buckets with the least padding.

    The lengths are those of the longer side of each pair, END included. The
    widths ascend; the last one holds the longest pair.

    Example:

    >>> bucket_widths([3, 3, 3, 4, 9, 10], buckets=2)
    (4, 10)
    """
    widths, counts = np.unique(lengths, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    # By dynamic programming: best[n] is the least number of tokens that the n
    # shortest lengths fit in. Let a bucket hold those from m to n:
    tokens = (below - below[:, None]) * np.concatenate([[0], widths])
    tokens = np.where(np.triu(np.ones_like(tokens), 1), tokens, np.inf)
    best = np.full(len(below), np.inf)
    best[0] = 0
    firsts = []  # Of the last bucket, in each round: m by n; n for no bucket.
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
    """Counts the tokens of the longer side of each pair, END included."""
    return [
        1 + max(len(source), len(target))
        for source, target in zip(sources, targets, strict=True)
    ]


def into_buckets(
    lengths: Sequence[int], widths: Sequence[int]
) -> list[tuple[int, np.ndarray]]:
    """Sorts pairs into the narrowest bucket that holds them.

    Longer pairs go to the last bucket.

    Returns:
        Width and indices of the pairs of each bucket that is not empty.
    """
    places = np.searchsorted(widths[:-1], lengths)
    return [
        (width, rows)
        for place, width in enumerate(widths)
        if len(rows := np.flatnonzero(places == place))
    ]


def padded(rows: Tokens, width: int, ends: Sequence[int] = ()) -> np.ndarray:
    """Pads each row of tokens, followed by the ends, to a width.

    What does not fit is cut, before the ends.

    Returns:
        int32, shape `(len(rows), width)`.
    """
    laid = np.full((len(rows), width), PADDING, "int32")
    for line, row in zip(laid, rows, strict=True):
        tokens = [*row[: width - len(ends)], *ends]
        line[: len(tokens)] = tokens
    return laid


class PairBatches(keras.utils.PyDataset):
    """Serves `(inputs, labels, weights)` to `keras.Model.fit`.

    `inputs` has `source` and `target`, the latter shifted by START; `labels`
    is the target followed by END; `weights` is 0 on padding and 1 elsewhere.
    All have the shape `(rows, width)` of their bucket and are int32, but for
    the weights, float32. A batch has at most `batch_tokens` tokens, padding and
    one side counted.

    NumPy draws the order of each epoch, so it depends on the seed alone: not on
    backend, activation or model. Pairs left over at the end of a bucket are not
    served. Without a seed all pairs are served, in one order always, the last
    batch of a bucket filled up with rows of padding.
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
        """Returns the fraction of the pairs that an epoch serves."""
        rows = sum(len(labels) for *_, labels in self._arrays)
        return sum(len(rows) for _, rows in self._order) / rows

    def padding(self) -> float:
        """Returns the fraction of padding, sources and targets together."""
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
        # On TensorFlow, Keras concludes from the first two batches which
        # dimensions vary.
        for i, (place, _) in enumerate(batches):
            if place != batches[0][0]:
                batches.insert(1, batches.pop(i))
                break
        return batches

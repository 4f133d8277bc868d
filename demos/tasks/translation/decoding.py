"""Beam search over an encoder-decoder, compiled by Keras.

Keys and values are cached, so a step feeds only one token through the decoder.
The search is the `call` of a `keras.Model`, so that `predict` compiles it on
each backend.
"""

import keras
from keras import ops

from demos.tasks.translation.model import Steps
from demos.tasks.translation.subword_tokenizer import END, PADDING, START

IMPOSSIBLE = -1e9


class BeamSearch(keras.Model):
    """Beam search for the most probable translation.

    The score of a translation Y of n tokens (including END) is log P(Y) / n^a,
    where a is the length penalty. For each source, the `width` best unfinished
    translations are kept. The search ends when `width` translations have ended
    among the best of a step. With a width of 1, this is greedy search.

    Args:
        steps: The model, which predicts token by token.
        length: Maximum number of tokens of a translation, including END.
        width: Beam width.
        length_penalty: 0 favours short translations; 1 scores by the mean
            log-probability of a token.

    Call arguments:
        source: int32 `(batch, width)`.

    Returns:
        int32 `(batch, length)`; END and all later tokens are PADDING.

    Reference:
        Wu et al., "Google's Neural Machine Translation System", 2016, section
        7, for the length penalty, here n^a as in fairseq.
    """

    def __init__(
        self, steps: Steps, length: int, width: int, length_penalty: float
    ) -> None:
        super().__init__()
        self.steps = steps
        self.model = steps.model  # So that Keras finds the weights.
        self.built = True  # Otherwise, Keras would run a batch eagerly.
        self.length = length
        self.width = width
        self.length_penalty = length_penalty

    def call(self, source):
        """Translates sources."""
        width, length = self.width, self.length
        logits, context, caches = self.steps.start(source, length)
        batch = ops.shape(source)[0]
        # The beams of a source are adjacent: row = source * width + beam.
        context, caches = keras.tree.map_structure(
            lambda tensor: ops.repeat(tensor, width, axis=0), (context, caches)
        )
        first_rows = ops.arange(batch)[:, None] * width

        def advance(position, state, logits):
            """Chooses the tokens at `position` - 1 from `logits`."""
            tokens, scores, best, best_score, ended = state
            vocabulary = logits.shape[-1]
            every = _log_softmax(ops.reshape(logits, (-1, width, vocabulary)))
            every = ops.reshape(
                every + scores[:, :, None], (-1, width * vocabulary)
            )
            # Twice the width, because half of them may end.
            scores, places = ops.top_k(every, 2 * width)
            places = ops.cast(places, "int32")
            parents, token = places // vocabulary, places % vocabulary
            ends = token == END

            # Only ends among the best of the step count.
            counted = ops.logical_and(ends, ops.arange(2 * width) < width)
            counted = ops.logical_and(counted, (ended < width)[:, None])
            size = ops.cast(position, scores.dtype) ** self.length_penalty
            final = ops.where(counted, scores / size, IMPOSSIBLE)
            winner = ops.argmax(final, axis=-1)[:, None]
            final = ops.take_along_axis(final, winner, axis=-1)[:, 0]
            better = final > best_score
            row = first_rows + ops.take_along_axis(parents, winner, axis=-1)
            best = ops.where(
                better[:, None], ops.take(tokens, row[:, 0], axis=0), best
            )
            best_score = ops.where(better, final, best_score)
            ended = ended + ops.sum(ops.cast(counted, "int32"), axis=-1)

            scores, kept = ops.top_k(ops.where(ends, IMPOSSIBLE, scores), width)
            kept = ops.cast(kept, "int32")
            rows = first_rows + ops.take_along_axis(parents, kept, axis=-1)
            rows = ops.reshape(rows, (-1,))
            token = ops.reshape(
                ops.take_along_axis(token, kept, axis=-1), (-1,)
            )
            tokens = ops.slice_update(
                ops.take(tokens, rows, axis=0),
                (0, position - 1),
                token[:, None],
            )
            return tokens, scores, best, best_score, ended, token, rows

        def unfinished(position, tokens, scores, best, best_score, ended, *_):
            return ops.logical_and(position < length, ops.any(ended < width))

        def step(position, *state_and_caches):
            *state, token, caches = state_and_caches
            logits, caches = self.steps.step(token, position, context, caches)
            *state, token, rows = advance(position + 1, state, logits)
            caches = keras.tree.map_structure(
                lambda cache: ops.take(cache, rows, axis=0), caches
            )
            return (position + 1, *state, token, caches)

        one = ops.convert_to_tensor(1, "int32")
        # At first, all beams are equal; all but one are excluded.
        scores = ops.where(ops.arange(width) == 0, 0.0, IMPOSSIBLE)
        *state, token, _ = advance(
            one,
            (
                ops.full((batch * width, length), PADDING, "int32"),
                ops.tile(scores[None], (batch, 1)),
                ops.full((batch, length), PADDING, "int32"),
                ops.full((batch,), IMPOSSIBLE, "float32"),
                ops.zeros((batch,), "int32"),
            ),
            ops.repeat(logits, width, axis=0),
        )
        _, tokens, scores, best, best_score, *_ = ops.while_loop(
            unfinished, step, (one, *state, token, caches)
        )
        # If no translation has ended, the best unfinished one is used.
        never = best_score <= IMPOSSIBLE
        best_alive = ops.reshape(tokens, (-1, width, length))[:, 0]
        return ops.where(never[:, None], best_alive, best)


def _log_softmax(logits):
    """Returns float32 log-probabilities; excludes PADDING and START."""
    logits = ops.cast(logits, "float32")
    tokens = ops.arange(logits.shape[-1])
    banned = ops.logical_or(tokens == PADDING, tokens == START)
    return ops.log_softmax(ops.where(banned, IMPOSSIBLE, logits), axis=-1)

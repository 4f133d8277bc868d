"""Beam search, over a model whose probabilities are a table."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops

from demos.tasks.translation.decoding import BeamSearch
from demos.tasks.translation.subword_tokenizer import END, START

A, B, C = 3, 4, 5
VOCABULARY = 6
LENGTH = 4


class Table:
    """The next token depends on the last one, and on the source's first."""

    def __init__(self, tables):
        self.tables = np.asarray(tables, "float32")
        self.model = keras.Sequential(
            [keras.Input((1,)), keras.layers.Identity()]
        )

    def start(self, source, length):
        context = [ops.cast(source[:, 0], "int32")]
        # The cache counts the tokens fed; it is there to be carried along.
        caches = [ops.zeros((ops.shape(source)[0], 1), "int32")]
        tokens = ops.full((ops.shape(source)[0],), START, "int32")
        logits, caches = self.step(tokens, 0, context, caches)
        return logits, context, caches

    def step(self, tokens, position, context, caches):
        tables = ops.convert_to_tensor(self.tables)
        flat = ops.reshape(tables, (-1, VOCABULARY))
        logits = ops.take(flat, context[0] * VOCABULARY + tokens, axis=0)
        return logits, [caches[0] + 1]


def random_table(seed):
    """One table a source."""
    return np.random.default_rng(seed).normal(0, 2, (3, VOCABULARY, VOCABULARY))


def log_softmax(row):
    allowed = np.array(row, "float64")
    allowed[[0, START]] = -np.inf
    return allowed - np.log(np.sum(np.exp(allowed)))


def every_translation(table):
    """All that may be said, END included where it ends in time."""
    for n in range(1, LENGTH + 1):
        for words in itertools.product((A, B, C), repeat=n - 1):
            tokens = (*words, END)
            score, last = 0.0, START
            for token in tokens:
                score += log_softmax(table[last])[token]
                last = token
            yield tokens, score


def translate(search, sources=(0, 1, 2)):
    rows = search.predict(
        np.array([[s] for s in sources], "int32"), verbose=0
    ).tolist()
    return [tuple(token for token in row if token) for row in rows]


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_width_one_is_greedy(penalty):
    tables = random_table(0)
    search = BeamSearch(Table(tables), LENGTH, 1, penalty)
    for number, found in enumerate(translate(search)):
        last = START
        for token in (*found, END)[:LENGTH]:
            assert token == log_softmax(tables[number][last]).argmax()
            last = token


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_wide_enough_finds_the_best_of_all(penalty):
    tables = random_table(1)
    # What is said when the length runs out is no translation: let it end.
    tables[:, 3:, END] += 2
    found = translate(BeamSearch(Table(tables), LENGTH, 60, penalty))
    for number, tokens in enumerate(found):
        best = max(
            every_translation(tables[number]),
            key=lambda item: item[1] / len(item[0]) ** penalty,
        )
        assert (*tokens, END) == best[0]


def test_a_wider_beam_escapes_what_greedy_falls_for():
    table = np.full((1, VOCABULARY, VOCABULARY), -20.0)
    table[:, START, [A, B]] = np.log([0.6, 0.4])
    # After A nothing is likely; after B the end is certain.
    table[:, A, [A, B, C, END]] = np.log(0.25)
    table[:, B, END] = 0.0
    greedy = translate(BeamSearch(Table(table), LENGTH, 1, 0.0), [0])
    beam = translate(BeamSearch(Table(table), LENGTH, 2, 0.0), [0])
    assert greedy[0][0] == A
    assert beam == [(B,)]


def test_the_length_penalty_favours_the_longer():
    table = np.full((1, VOCABULARY, VOCABULARY), -20.0)
    table[:, START, [END, A]] = np.log([0.5, 0.5])
    table[:, A, END] = math.log(0.9)
    table[:, A, B] = math.log(0.1)
    short, long = (
        translate(BeamSearch(Table(table), LENGTH, 2, penalty), [0])
        for penalty in (0.0, 1.0)
    )
    assert short == [()]
    assert long == [(A,)]


def test_without_an_end_the_length_is_the_end():
    table = np.full((1, VOCABULARY, VOCABULARY), -20.0)
    table[:, :, C] = 0.0
    table[:, :, END] = -60.0  # Not even the second choice.
    for width in (1, 2):
        search = BeamSearch(Table(table), LENGTH, width, 1.0)
        assert translate(search, [0]) == [(C,) * LENGTH]

"""Subjects are tried on all numbers, and a failure is that of one subject."""

import numpy as np
import pytest

from demos.benchmarks.accuracy.errors import QUANTITIES
from demos.benchmarks.accuracy.exact import exact
from demos.benchmarks.accuracy.inputs import Chunk
from demos.benchmarks.accuracy.measure import Subject
from demos.benchmarks.accuracy.measure import Sweep
from demos.benchmarks.accuracy.measure import plan
from demos.benchmarks.accuracy.measure import run
from demos.benchmarks.accuracy.options import AccuracyOptions

pytestmark = pytest.mark.once

X = np.linspace(-20, 10, 301, dtype="float32")
EAGER = Subject("serf", "eager", "float32")
COMPILED = Subject("serf (composed)", "compiled", "float32")
SWEEP = Sweep(
    [
        Chunk(f"part {k}", 43, lambda k=k: X[43 * k : 43 * k + 43])
        for k in range(7)
    ],
    [EAGER, COMPILED],
    16,
)


def rounded(subject, size):
    """Builds a Serf whose only error is rounding."""

    def evaluate(x):
        assert x.size == size
        references = exact("serf", x)
        return [references[name].values.astype("f4") for name in QUANTITIES]

    return evaluate


@pytest.mark.parametrize("threads", [1, 3])
def test_every_number_is_tried_once(threads):
    events = []
    rows = run(
        SWEEP, rounded, lambda *event: events.append(event), threads=threads
    )
    for row in rows:
        assert row.reason == ""
        assert list(row.errors) == list(QUANTITIES)
        for errors in row.errors.values():
            assert errors.inputs == X.size
            assert 0.4 < errors.error <= 0.5
    assert [c for k, c in events if k == "begin"] == [
        f"part {k}" for k in range(7)
    ]
    assert sum(c for k, c in events if k == "advance") == 2 * X.size


def test_a_failure_is_noted_and_the_others_go_on():
    def cannot_start(subject, size):
        if subject == EAGER:
            raise ValueError("no\nsuch op")
        return rounded(subject, size)

    eager, compiled = run(SWEEP, cannot_start, lambda *event: None)
    assert (eager.errors, eager.reason) == ({}, "ValueError: no")
    assert compiled.errors["value"].inputs == X.size

    def fails_later(subject, size):
        calls = []

        def evaluate(x):
            calls.append(x)
            if subject == EAGER and len(calls) > 7:
                raise MemoryError("too much")
            return rounded(subject, size)(x)

        return evaluate

    eager, compiled = run(SWEEP, fails_later, lambda *event: None)
    assert 0 < eager.errors["value"].inputs < X.size
    assert eager.reason == "MemoryError: too much"
    assert compiled.errors["value"].inputs == X.size


def test_serf_alone_is_swept_exhaustively():
    options = AccuracyOptions(
        dtypes=("float32", "bfloat16"), exhaustive=True, samples=1
    )
    sampled, swept, halves = plan(options)
    assert {(s.activation, s.mode) for s in swept.subjects} == {
        ("serf", "eager"),
        ("serf", "compiled"),
    }
    assert sum(chunk.size for chunk in swept.chunks) > 2**32
    assert not set(swept.subjects) & set(sampled.subjects)
    assert {s.activation for s in sampled.subjects} >= {"serf", "mish"}
    assert {s.activation for s in halves.subjects} == {
        "serf",
        "serf (composed)",
    }

"""Everything is tried on all numbers, and failures stay apart."""

import numpy as np
import pytest

from demos.benchmarks.accuracy.exact import exact
from demos.benchmarks.accuracy.inputs import Chunk
from demos.benchmarks.accuracy.measure import Sweep, plan, run
from demos.benchmarks.accuracy.options import AccuracyOptions
from demos.benchmarks.accuracy.results import QUANTITIES, Result

pytestmark = pytest.mark.once

X = np.linspace(-20, 10, 301, dtype="float32")


def sweep():
    chunks = [
        Chunk(f"part {k}", 43, lambda k=k: X[43 * k : 43 * k + 43])
        for k in range(7)
    ]
    results = [
        Result("jax", "jax 1", "serf", mode, "float32")
        for mode in ("eager", "compiled")
    ]
    return Sweep(chunks, results, 16)


def rounded(activation, mode, dtype, size):
    """Builds a Serf whose only error is rounding."""

    def evaluate(x):
        assert x.size == size
        reference = exact(x)
        return [reference[name].values.astype("f4") for name in QUANTITIES]

    return evaluate


def ignore(kind, content):
    pass


@pytest.mark.parametrize("threads", [1, 3])
def test_every_number_is_tried_once(threads):
    events = []
    tried = sweep()
    run(tried, rounded, lambda *event: events.append(event), threads)
    for result in tried.results:
        assert result.reason == ""
        assert list(result.errors) == list(QUANTITIES)
        for errors in result.errors.values():
            assert errors.inputs == X.size
            assert 0.4 < errors.error <= 0.5
    names = [content for kind, content in events if kind == "begin"]
    assert names == [f"part {k}" for k in range(7)]
    assert sum(c for kind, c in events if kind == "advance") == 2 * X.size


def test_a_failure_is_noted_and_the_others_go_on():
    def cannot_start(activation, mode, dtype, size):
        if mode == "eager":
            raise ValueError("no\nsuch op")
        return rounded(activation, mode, dtype, size)

    tried = sweep()
    run(tried, cannot_start, ignore)
    eager, compiled = tried.results
    assert (eager.errors, eager.reason) == ({}, "ValueError: no")
    assert compiled.errors["value"].inputs == X.size

    def fails_later(activation, mode, dtype, size):
        evaluate, calls = rounded(activation, mode, dtype, size), []

        def counting(x):
            calls.append(x)
            if mode == "eager" and len(calls) > 7:
                raise MemoryError("too much")
            return evaluate(x)

        return counting

    tried = sweep()
    run(tried, fails_later, ignore)
    eager, compiled = tried.results
    assert 0 < eager.errors["value"].inputs < X.size
    assert eager.reason == "MemoryError: too much"
    assert compiled.errors["value"].inputs == X.size


def test_serf_alone_is_tried_exhaustively():
    options = AccuracyOptions(
        dtypes=("float32", "bfloat16"), exhaustive=True, samples=1
    )
    sampled, exhaustive, halves = plan(options)
    assert {(r.activation, r.mode) for r in exhaustive.results} == {
        ("serf", "eager"),
        ("serf", "compiled"),
    }
    assert sum(chunk.size for chunk in exhaustive.chunks) > 2**32
    places = {(r.activation, r.mode) for r in sampled.results}
    assert ("serf (composed)", "eager") in places
    assert ("serf", "onnx") in places
    assert ("serf", "eager") not in places
    places = {(r.activation, r.mode) for r in halves.results}
    assert ("serf", "eager") in places
    assert ("serf", "onnx") not in places

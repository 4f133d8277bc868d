"""Everything is tried on all numbers, and failures stay apart."""

import numpy as np
import pytest

from demos.benchmarks.accuracy import measure
from demos.benchmarks.accuracy.errors import Result
from demos.benchmarks.accuracy.exact import QUANTITIES, exact
from demos.benchmarks.accuracy.options import AccuracyOptions

pytestmark = pytest.mark.once

X = np.linspace(-20, 10, 301, dtype="float32")


def rounded(x):
    """A Serf whose only error is rounding."""
    reference = exact(x)
    return [reference[name].values.astype("f4") for name in QUANTITIES]


@pytest.fixture
def run(monkeypatch):
    """Returns what is found in blocks of 43 numbers, and what was emitted."""

    def run(eager):
        prepared = {"eager": eager, "compiled": lambda: rounded}
        monkeypatch.setattr(
            measure, "evaluator", lambda function, mode, x: prepared[mode]()
        )
        results = [
            Result("jax", "jax 1", "serf", mode, "float32") for mode in prepared
        ]
        events = []
        blocks = [X[k : k + 43] for k in range(0, X.size, 43)]
        measure.run(results, blocks, lambda *event: events.append(event))
        assert results[1].errors["value"].inputs == X.size
        return results[0], events

    return run


def test_every_number_is_tried_once(run):
    result, events = run(lambda: rounded)
    assert result.reason == ""
    assert list(result.errors) == list(QUANTITIES)
    for errors in result.errors.values():
        assert errors.inputs == X.size
        assert 0.4 < errors.error <= 0.5
    assert events == [("advance", 1)] * 7


def test_a_failure_is_noted_and_the_others_go_on(run):
    def cannot_start():
        raise ValueError("no\nsuch op")

    result, _ = run(cannot_start)
    assert (result.errors, result.reason) == ({}, "ValueError: no")

    calls = []

    def fails_later(x):
        calls.append(x)
        if len(calls) > 3:
            raise MemoryError("too much")
        return rounded(x)

    result, _ = run(lambda: fails_later)
    assert result.errors["value"].inputs == 3 * 43
    assert result.reason == "MemoryError: too much"


def test_serf_alone_is_tried_exhaustively():
    options = AccuracyOptions(
        dtypes=("float32", "bfloat16"), exhaustive=True, samples=1
    )
    sweeps = {
        (results[0].dtype, samples): {(r.activation, r.mode) for r in results}
        for results, samples in measure.plan(options)
    }
    everything = {("serf", "eager"), ("serf", "compiled")}
    assert sweeps["float32", 2**32] == everything
    sampled = sweeps["float32", 1]
    assert {("serf (composed)", "eager"), ("serf", "onnx")} <= sampled
    assert not everything & sampled
    assert ("serf", "eager") in sweeps["bfloat16", 1]
    assert ("serf", "onnx") not in sweeps["bfloat16", 1]

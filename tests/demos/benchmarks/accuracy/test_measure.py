"""Everything is tried on all numbers, and failures stay apart."""

import numpy as np
import pytest

from demos.benchmarks.accuracy import measure
from demos.benchmarks.accuracy.exact import QUANTITIES, exact
from demos.benchmarks.accuracy.inputs import SAMPLES
from demos.benchmarks.accuracy.options import AccuracyOptions
from demos.benchmarks.accuracy.run import Task, plan

pytestmark = pytest.mark.once

X = np.linspace(-20, 10, 301, dtype="float32")


def rounded(x):
    """A Serf whose only error is rounding."""
    assert x.size == 43
    reference = exact(x)
    return [reference[name].values.astype("f4") for name in QUANTITIES]


@pytest.fixture
def run(monkeypatch):
    """Returns the errors in blocks of 43 numbers, and why there are no more."""

    def run(eager):
        prepared = {"eager": eager, "compiled": lambda: rounded}
        monkeypatch.setattr(
            measure,
            "evaluator",
            lambda name, mode, dtype, size: prepared[mode](),
        )
        monkeypatch.setattr(
            measure, "block", lambda dtype, samples, n: X[43 * n : 43 * n + 43]
        )
        places = [
            ("jax", "jax 1", "serf", mode, "float32") for mode in prepared
        ]
        task = Task("float32", 1, range(7), tuple(places))
        eagerly, (compiled, _) = measure.measure(task)
        assert compiled["value"].inputs == X.size
        return eagerly

    return run


def test_every_number_is_tried_once(run):
    found, reason = run(lambda: rounded)
    assert reason == ""
    assert list(found) == list(QUANTITIES)
    for errors in found.values():
        assert errors.inputs == X.size
        assert 0.4 < errors.error <= 0.5


def test_a_failure_is_noted_and_the_others_go_on(run):
    def cannot_start():
        raise ValueError("no\nsuch op")

    assert run(cannot_start) == ({}, "ValueError: no")

    calls = []

    def fails_later(x):
        calls.append(x)
        if len(calls) > 3:
            raise MemoryError("too much")
        return rounded(x)

    found, reason = run(lambda: fails_later)
    assert found["value"].inputs == 3 * 43
    assert reason == "MemoryError: too much"


def test_serf_alone_is_tried_exhaustively():
    pytest.importorskip("jax")  # Its version is part of the plan.
    options = AccuracyOptions(dtypes=("float32", "bfloat16"), exhaustive=True)
    sweeps, blocks = {}, {}
    for task in plan(options, "jax"):
        key = task.dtype, task.samples
        sweeps[key] = {place[2:4] for place in task.places}
        blocks.setdefault(key, []).extend(task.blocks)
    everything = {("serf", "eager"), ("serf", "compiled")}
    assert sweeps["float32", 2**32] == everything
    assert len(blocks["float32", 2**32]) > 2**32 // 2**18
    assert len(set(blocks["float32", 2**32])) == len(blocks["float32", 2**32])
    sampled = sweeps["float32", SAMPLES]
    assert {("serf (composed)", "eager"), ("serf", "onnx")} <= sampled
    assert not everything & sampled
    assert ("serf", "eager") in sweeps["bfloat16", SAMPLES]
    assert ("serf", "onnx") not in sweeps["bfloat16", SAMPLES]

"""The control tells whose fault it is."""

import pytest

from demos.benchmarks.export.trials import (
    ABSENT,
    FAILS,
    FIXED_BATCH,
    NEITHER,
    WORKS,
    Cell,
    TrialResult,
)

pytestmark = pytest.mark.once

GOOD = TrialResult(1e-7)
FIXED = TrialResult(1e-7, FIXED_BATCH)
BAD = TrialResult(reason="RuntimeError: no")
OFF = TrialResult(0.5, reason="differs by 5.0e-01")
MISSING = TrialResult(reason="onnxruntime: not installed", tried=False)


@pytest.mark.parametrize(
    ("ours", "control", "verdict"),
    [
        (GOOD, GOOD, WORKS),
        (FIXED, FIXED, WORKS),
        (GOOD, FIXED, WORKS),
        (GOOD, BAD, WORKS),
        (FIXED, BAD, WORKS),
        (BAD, GOOD, FAILS),
        (OFF, FIXED, FAILS),
        (FIXED, GOOD, FAILS),
        (BAD, BAD, NEITHER),
        (BAD, OFF, NEITHER),
        (MISSING, MISSING, ABSENT),
    ],
)
def test_the_control_tells_whose_fault_it_is(ours, control, verdict):
    assert Cell("jax", "onnx", "dense", ours, control).verdict == verdict

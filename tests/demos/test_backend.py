"""Which backend a demo runs on, and what it says of one that will not do."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("backend", "says"),
    [
        ("theano", "one of tensorflow, jax, torch, numpy, openvino"),
        ("numpy", "can train: --backend tensorflow, jax or torch"),
    ],
)
def test_a_backend_that_will_not_do_is_one_line(tmp_path, backend, says):
    out = tmp_path / "study"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "demos", "sentiment", "--quick"),
            *("--out", str(out)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert f"Received: {backend}" in done.stderr.replace("'", "")
    assert done.stderr.count("\n") == 1
    assert not out.exists()

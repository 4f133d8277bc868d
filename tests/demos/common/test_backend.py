"""Which backend a demo runs on, and what it says of one that will not do."""

import os
import subprocess
import sys

from demos.common import backend


def refusal(out, name):
    """What the demo says, in one line, where KERAS_BACKEND is that name."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "demos", "sentiment", "--quick"),
            *("--out", str(out)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": name},
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not out.exists()
    return done.stderr


def test_an_unknown_backend_is_one_line(tmp_path):
    says = refusal(tmp_path / "study", "theano")
    assert "one of tensorflow, jax, torch, numpy, openvino" in says
    assert "Received: 'theano'" in says


def test_a_backend_that_cannot_train_is_one_line(tmp_path, numpy_backend):
    says = refusal(tmp_path / "study", numpy_backend)
    assert "can train: --backend tensorflow, jax or torch" in says
    assert f"Received: {numpy_backend}" in says


def test_the_remedy_is_all_that_a_backend_needs():
    assert backend.remedy("numpy") == "pip install numpy jax"
    assert backend.remedy("openvino") == "pip install openvino"
    assert backend.remedy("torch") == 'pip install -e ".[torch,demos]"'

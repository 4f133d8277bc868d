"""Each backend is measured in a process of its own."""

import keras
import pytest

from demos.benchmarks import backends
from demos.common.subprocesses import EndedEarlyError

MODULE = "demos_benchmark_module"
SOURCE = """
import keras

def measure(task, emit):
    print("noise")
    emit("total", 2)
    emit("begin", "first")
    emit("result", [keras.backend.backend(), task])
    emit("advance", 1)
    raise ValueError("no luck")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return MODULE


def test_results_arrive_and_a_failure_is_a_line(module, tmp_path):
    backend = keras.backend.backend()
    results = []
    failures, interrupted = backends.run(
        *(module, {backend: "task"}, tmp_path / "logs", "calls"),
        lambda *result: results.append(result),
    )
    assert not interrupted
    assert results == [("result", [backend, "task"])]
    log = tmp_path / "logs" / f"{backend}.txt"
    assert failures == [f"{backend}: ValueError: no luck; see {log}"]
    assert "noise" in log.read_text()


class Child:
    """A child process that the user interrupts, or that dies."""

    def __init__(self, error):
        self._error = error

    def __enter__(self):
        return self

    def __exit__(self, *details):
        pass

    def call(self, task, on_event):
        on_event("result", task)
        raise self._error


@pytest.mark.once
@pytest.mark.parametrize(
    ("error", "code", "count", "line"),
    [
        (KeyboardInterrupt(), 130, 1, "interrupted: what was measured is in"),
        (EndedEarlyError("died"), 1, 2, "error: torch: died; see"),
    ],
)
def test_results_before_the_end_are_kept(
    error, code, count, line, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(backends, "child", lambda *args, **kwargs: Child(error))
    results = []
    outcome = backends.run(
        *("module", {"jax": 1, "torch": 2}, tmp_path, "calls"),
        lambda *result: results.append(result),
    )
    assert len(results) == count
    assert backends.finish(tmp_path, *outcome) == code
    assert line in capsys.readouterr().err

"""Each backend is measured in a process of its own."""

import keras
import pytest

from demos.benchmarks import backends
from demos.common.errors import UserError
from demos.common.subprocesses import EndedEarlyError

MODULE = "demos_benchmark_module"
SOURCE = """
import os
import keras

def measure(task):
    print("noise")
    if task == "bad":
        raise ValueError("no luck")
    return keras.backend.backend(), task, os.getpid()
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return MODULE


def run(module, folder, tasks, **options):
    """Returns the outcome, and what the tasks returned on this backend."""
    backend = keras.backend.backend()
    outcome = backends.Outcome()
    calls = backends.calls(module, {backend: tasks}, folder, outcome, **options)
    found = list(calls)
    assert [each[:2] for each in found] == [(backend, task) for task in tasks]
    return outcome, [result for _, _, result in found]


def test_a_task_that_fails_does_not_stop_the_others(module, tmp_path):
    outcome, (one, bad, two) = run(module, tmp_path, ["one", "bad", "two"])
    backend = keras.backend.backend()
    assert one == (backend, "one", two[2])  # In the same process.
    assert two[:2] == (backend, "two")
    assert isinstance(bad, EndedEarlyError)
    assert str(bad) == "ValueError: no luck"
    assert "noise" in (tmp_path / "logs" / f"{backend}.txt").read_text()
    assert outcome.failures == []
    assert outcome.environments[0]["backend"] == backend


class Child:
    """A child process whose user interrupts it, or that does not start."""

    def __init__(self, error=None):
        self._error = error

    def __enter__(self):
        return self

    def __exit__(self, *details):
        pass

    def call(self, task):
        if task == 2:
            raise self._error
        return task

    def close(self):
        pass


@pytest.mark.once
def test_each_task_may_have_a_process_of_its_own(tmp_path, monkeypatch):
    class Counting(Child):
        calls = 0

        def call(self, task):
            self.calls += 1
            return self.calls

    monkeypatch.setattr(
        backends, "ChildProcess", lambda *args, **kwargs: Counting()
    )
    _, results = run("module", tmp_path, ["one", "two"], fresh=True)
    assert results == [1, 1]


@pytest.mark.once
@pytest.mark.parametrize(
    ("error", "code", "results", "line"),
    [
        (KeyboardInterrupt(), 130, [1], "interrupted: partial results are in"),
        (UserError("no Keras"), 1, [1, 3], "error: jax: no Keras; see"),
    ],
)
def test_results_before_the_end_are_kept(
    error, code, results, line, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        backends, "ChildProcess", lambda *args, **kwargs: Child(error)
    )
    outcome = backends.Outcome()
    tasks = {"jax": [1, 2], "torch": [3]}
    found = [*backends.calls("module", tasks, tmp_path, outcome)]
    assert [result for _, _, result in found] == results
    assert outcome.finish(tmp_path) == code
    assert line in capsys.readouterr().err

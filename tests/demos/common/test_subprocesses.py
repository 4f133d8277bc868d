"""What commands share that measure every backend, each in its own process."""

import importlib.util

import pytest

from demos.common import subprocesses as processes
from demos.common.errors import UserError

WORK = """
import json, os, sys
from demos.common.subprocesses import emitter

def work(text):
    task = json.loads(text)
    emit = emitter()
    print("noise")
    emit("environment", [os.environ["KERAS_BACKEND"], os.environ["EXTRA"]])
    emit("task", task)
    sys.exit(task["code"])
"""


@pytest.fixture
def events(tmp_path, monkeypatch):
    """Runs that work in a process; returns its events, and what it printed."""
    (tmp_path / "some_work.py").write_text(WORK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run(code):
        with (tmp_path / "log").open("w+") as log:
            task = {"code": code, "text": "a\n'b'"}
            yield from processes.events(
                "some_work", "numpy", task, log, EXTRA="more"
            )
            log.seek(0)
            yield log.read()

    return run


def test_what_a_process_emits_arrives_and_noise_does_not(events):
    first, second, log = events(0)
    assert first == ("environment", ["numpy", "more"])
    assert second == ("task", {"code": 0, "text": "a\n'b'"})
    assert log == "noise\n"


def test_a_process_that_ends_early_says_how(events):
    found = events(3)
    next(found)
    next(found)
    with pytest.raises(processes.EndedEarlyError, match=r"code 3\): noise"):
        next(found)


def test_missing_backends_are_left_out(monkeypatch, capsys):
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "torch" else name,
    )
    assert processes.installed(("jax", "torch", "jax")) == ["jax"]
    assert capsys.readouterr().err == "torch is not installed: left out\n"
    with pytest.raises(UserError, match="torch"):
        processes.installed(("torch",))


def test_folders_with_results_are_left_alone(tmp_path):
    usual = tmp_path / "runs"
    assert processes.free_folder(None, usual) == usual
    usual.mkdir()
    assert processes.free_folder(None, usual) == usual
    (usual / processes.RESULTS).touch()
    assert processes.free_folder(None, usual) == tmp_path / "runs-2"
    with pytest.raises(UserError, match="holds results already"):
        processes.free_folder(usual, tmp_path / "other")

"""What commands share that measure every backend, each in its own process."""

import importlib.util
import os
import signal
import sys
import threading
import time

import cloudpickle
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


def work(task, emit):
    """Does what it is told, in the child."""
    print("noise")
    emit("environment", [os.environ["KERAS_BACKEND"], os.environ["EXTRA"]])
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "exit":
        os._exit(3)
    if task == "fail":
        raise ValueError("a\nb")
    if task == "refuse":
        raise UserError("--no")
    if task == "hang":
        time.sleep(600)
    return task, os.getpid(), os.environ["OMP_NUM_THREADS"]


@pytest.fixture(scope="module")
def child(tmp_path_factory):
    log = tmp_path_factory.mktemp("child") / "log"
    here = sys.modules[__name__]  # Which the child cannot import.
    cloudpickle.register_pickle_by_value(here)
    with processes.ChildProcess(work, "numpy", 3, log, EXTRA="more") as child:
        yield child
    cloudpickle.unregister_pickle_by_value(here)


def test_a_child_emits_returns_and_logs(child, numpy_backend):
    events = []
    result, pid, threads = child.call(
        "a\n'b'", on_event=lambda *event: events.append(event)
    )
    assert (result, threads) == ("a\n'b'", "3")
    assert events == [("environment", ["numpy", "more"])]
    assert pid != os.getpid()
    assert child._log.read_text() == "noise\n"
    assert child.call(1)[:2] == (1, pid)  # It stays.


@pytest.mark.parametrize(
    ("task", "error", "says"),
    [
        ("die", processes.EndedEarlyError, "by SIGKILL .*: noise"),
        ("exit", processes.EndedEarlyError, "with exit code 3: noise"),
        ("fail", processes.EndedEarlyError, "ValueError: a$"),
        ("refuse", UserError, "--no"),
    ],
)
def test_a_child_that_fails_says_how_and_can_be_called_again(
    child, numpy_backend, task, error, says
):
    with pytest.raises(error, match=says):
        child.call(task)
    assert child.call(1)[0] == 1


def test_a_child_can_be_ended_in_the_middle(child, numpy_backend):
    threading.Timer(2, child.close).start()
    with pytest.raises(RuntimeError, match="shutdown"):
        child.call("hang")
    with pytest.raises(RuntimeError, match="closed"):
        child.call(1)


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

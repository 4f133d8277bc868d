"""Child processes: what they emit, return and log, and how they end."""

import os
import signal
import sys
import threading
import time

import cloudpickle
import pytest

from demos.common import subprocesses as processes
from demos.common.errors import UserError


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


def test_a_frozen_application_does_not_start_itself(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(UserError, match="frozen application"):
        processes.ChildProcess(work, "numpy")


def test_a_child_can_be_ended_in_the_middle(child, numpy_backend):
    threading.Timer(2, child.close).start()
    with pytest.raises(RuntimeError, match="shutdown"):
        child.call("hang")
    with pytest.raises(RuntimeError, match="closed"):
        child.call(1)

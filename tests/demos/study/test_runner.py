"""One trial: its record, its lock, its failures, and a full disk."""

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, replace
from unittest.mock import Mock

import keras
import numpy as np
import pytest

from demos.study.study import Study, grid
from demos.study.trial import DivergedError, Trial, TrialResult, read

TRIAL = Trial({"activation": "serf"}, 3)


@dataclass
class Task:
    """Scores 0.5, unless it is told to raise or to find something else."""

    score: float = 0.5
    error: BaseException | None = None
    runs: int = 0
    objective = "validation"
    epochs = 2

    def config(self):
        return {"size": 1}

    def save_assets(self, folder):
        pass

    def run(self, trial, context):
        self.runs += 1
        self.context = context
        context.checkpoint.mkdir(parents=True, exist_ok=True)
        (context.checkpoint / "weights").write_text("half way")
        context.on_epoch(1, {"loss": 0.25})
        if self.error:
            raise self.error
        return TrialResult(
            {"validation": self.score},
            {"loss": (0.25, 0.125)},
            3,
            lambda path: path.write_text("model"),
            {"test.txt": "answers\n"},
            {"decoding": 0.5},
        )


def runner_of(folder, task, **options):
    """Begins a study in a folder, and returns what runs its trials."""
    study = Study(task, folder, **options)
    study._begin()
    return study.runner


def run(runner, trial=TRIAL, wait=True):
    runner = replace(runner, wait=wait)
    return runner.run(trial, lambda epoch, logs: None)


def test_a_trial_leaves_its_record_its_model_and_its_texts(tmp_path):
    epochs = []
    runner = runner_of(tmp_path, Task())
    result = runner.run(TRIAL, lambda epoch, logs: epochs.append((epoch, logs)))
    assert epochs == [(1, {"loss": 0.25})]
    assert result == read(tmp_path, TRIAL)
    assert result.name == "serf-seed3"
    assert result.metrics == {"validation": 0.5}
    assert result.history == {"loss": [0.25, 0.125]}
    assert result.timings == {"decoding": 0.5}
    assert result.parameters == 3
    assert result.config == {"size": 1}
    assert result.environment["backend"] == keras.backend.backend()
    assert 0 < result.seconds < 60
    assert result.finished.endswith("+00:00")
    files = {p.name: p.read_text() for p in (tmp_path / "trials").iterdir()}
    del files["serf-seed3.json"]
    assert files == {
        "serf-seed3.keras": "model",
        "serf-seed3.test.txt": "answers\n",
    }
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_finished_trial_is_taken_as_it_is(tmp_path):
    task = Task()
    runner = runner_of(tmp_path, task)
    first = run(runner)
    task.score = 0.75
    assert run(runner) == first
    assert task.runs == 1


def test_a_failure_is_tried_again_but_not_twice_in_one_run(tmp_path):
    """Another process of the same run may have met it before."""
    task = Task(error=ValueError("no"))
    runner = runner_of(tmp_path, task)
    failure = run(runner)
    assert failure.reason == "ValueError: no"
    task.error = None
    assert run(runner) == failure
    runner = replace(runner, failures={TRIAL.name: failure})
    assert run(runner).reason == ""
    assert task.runs == 2


@pytest.mark.parametrize(
    "task",
    [
        Task(score=math.inf),
        Task(score=math.nan),
        Task(error=DivergedError("loss is nan after epoch 2")),
    ],
    ids=["infinite", "not a number", "in training"],
)
def test_what_diverged_begins_anew_next_time(tmp_path, task):
    result = run(runner_of(tmp_path, task))
    assert result.reason.startswith("DivergedError: ")
    assert result == read(tmp_path, TRIAL)
    assert not list(tmp_path.glob("checkpoints/*"))
    assert not list(tmp_path.glob("trials/*.keras"))


@pytest.mark.parametrize(
    "error", [ValueError("no"), MemoryError(), OSError(28, "no space")]
)
def test_any_other_failure_goes_on_from_its_checkpoint(tmp_path, error):
    result = run(runner_of(tmp_path, Task(error=error)))
    assert result.reason.startswith(type(error).__name__)
    assert (tmp_path / "checkpoints/serf-seed3/weights").exists()


def test_stopped_by_hand_it_leaves_no_record(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(runner_of(tmp_path, Task(error=KeyboardInterrupt())))
    assert read(tmp_path, TRIAL) is None
    assert (tmp_path / "checkpoints/serf-seed3/weights").exists()


def test_the_time_before_an_interruption_counts(tmp_path):
    runner = runner_of(tmp_path, Task())
    checkpoint = tmp_path / "checkpoints/serf-seed3"
    checkpoint.mkdir(parents=True)
    np.savez(checkpoint / "state.npz", seconds=1000)
    assert 1000 < run(runner).seconds < 1060


@pytest.mark.parametrize("content", ["", "{", "PK"])
def test_a_damaged_checkpoint_ends_no_study(tmp_path, content):
    runner = runner_of(tmp_path, Task())
    checkpoint = tmp_path / "checkpoints/serf-seed3"
    checkpoint.mkdir(parents=True)
    (checkpoint / "state.npz").write_text(content)
    assert run(runner).seconds < 60


def test_logs_for_tensorboard_have_a_folder_when_asked_for(tmp_path):
    task = Task()
    run(runner_of(tmp_path, task))
    assert task.context.tensorboard is None
    runner = runner_of(tmp_path, task, tensorboard=True)
    run(runner, replace(TRIAL, seed=4))
    folder = tmp_path.absolute() / "tensorboard/serf-seed4"
    assert task.context.tensorboard == folder


def test_two_who_run_one_trial_do_so_one_after_the_other(tmp_path):
    """The second gets nothing, or waits and has the record of the first."""
    code = """
        import sys, time
        from pathlib import Path
        from demos.study.trial import locked

        with locked(Path(sys.argv[1]), "serf-seed3"):
            print("locked", flush=True)
            sys.stdin.readline()
    """
    task = Task()
    runner = runner_of(tmp_path, task)
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "locked\n"
        assert run(runner, wait=False) is None
        assert task.runs == 0
        found = []
        waiting = threading.Thread(target=lambda: found.append(run(runner)))
        waiting.start()
        time.sleep(0.2)
        assert not found
        theirs = replace(runner.failed(TRIAL, ""), metrics={"validation": 0.9})
        runner.write(theirs)
        other.stdin.close()
        waiting.join(timeout=30)
    assert found == [theirs]
    assert task.runs == 0


def test_whoever_is_killed_frees_the_trial(tmp_path):
    code = """
        import os, signal, sys
        from pathlib import Path
        from demos.study.trial import locked

        with locked(Path(sys.argv[1]), "serf-seed3"):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    runner = runner_of(tmp_path, Task())
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (tmp_path / "locks/serf-seed3.lock").exists()
    assert run(runner, wait=False).metrics == {"validation": 0.5}


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path):
    runner = runner_of(tmp_path / "here", Task())
    elsewhere = replace(runner, folder=tmp_path / "there")
    assert "does not have this study here" in run(elsewhere).reason
    others = replace(runner, config={"size": 2})
    assert "the versions of Python" in run(others).reason
    assert not list(tmp_path.rglob("trials/*"))


LARGE = 100_000  # Bytes.


class LargeTask(Task):
    """Two of four trials need much room: for a model, and for a record."""

    def run(self, trial, context):
        size = LARGE if trial.label == "serf" else 10
        epochs = LARGE // 10 if trial.label == "gelu" else 1
        return TrialResult(
            {"validation": 0.5},
            {"loss": [0.5] * epochs},
            3,
            lambda path: path.write_bytes(bytes(size)),
        )


@contextlib.contextmanager
def small_files(folder):
    """Lets no file grow above half of that."""
    resource = pytest.importorskip("resource", reason="POSIX has such limits")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGE // 2, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


@contextlib.contextmanager
def small_disk(folder):
    """Mounts a disk, which is enlarged at the end; skips where it may not."""
    size = f"size={80 * 1024}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    if shutil.which("mount") is None or (
        subprocess.run(mount, capture_output=True).returncode
    ):
        pytest.skip("a disk cannot be mounted here")
    yield
    mount = ["mount", "-o", "remount,size=4m", str(folder)]
    subprocess.run(mount, check=True)


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    if os.path.ismount(tmp_path):
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize(
    ("limited", "says"),
    [
        (small_files, "File too large"),
        (small_disk, "No space left on device"),
    ],
)
def test_without_room_on_the_disk_a_trial_fails_alone(folder, limited, says):
    trials = grid({"activation": ["relu", "serf", "gelu", "mish"]}, [0])
    with limited(folder):
        records = Study(LargeTask(), folder).run(trials, Mock())
    reasons = [record.reason for record in records]
    assert [bool(reason) for reason in reasons] == [False, True, True, False]
    assert all(says in reason for reason in reasons[1:3])
    files = contents(folder)
    for name, content in files.items():
        assert not name.startswith(".")
        assert "tmp" not in name
        if name.endswith(".json"):
            json.loads(content)  # None is half-written.
    kept = {"relu-seed0.json", "mish-seed0.json", "relu.keras", "mish.keras"}
    assert kept <= files.keys()
    assert not {"serf.keras", "gelu.keras"} & files.keys()

    again = Study(LargeTask(), folder).run(trials, Mock())
    assert not any(record.reason for record in again)
    completed = contents(folder)
    assert {"serf.keras", "gelu.keras"} <= completed.keys()
    for name in kept:  # These trials are not run again.
        assert completed[name] == files[name]


def contents(folder):
    return {
        path.name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "lock" not in path.name
    }

"""Trials side by side: in processes, on Ray, and through their deaths."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import keras
import pytest

from demos.common.environment import cores
from demos.common.errors import UserError
from demos.study.executors import RayCluster
from demos.study.trial import Trial

pytestmark = pytest.mark.once
SCRIPT = Path(__file__).with_name("side_by_side.py")
SECONDS = 400  # Nothing here takes that long, on a busy machine either.
NAMES = [
    f"{label}-seed{seed}"
    for seed in (0, 1)
    for label in ("relu", "serf", "gelu", "silu")
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The processes' environment: theirs is no KerasHub, slow to import."""
    hub = tmp_path_factory.mktemp("hub")
    (hub / "keras_hub.py").touch()
    return {
        **os.environ,
        "KERAS_BACKEND": keras.backend.backend(),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(hub), *sys.path])),
    }


@pytest.fixture
def start(tmp_path, environment):
    """Returns `start(engine, behaviour)`: a study in a process of its own."""
    started = []

    def begin(engine, behaviour, *options):
        process = subprocess.Popen(
            [
                *(sys.executable, str(SCRIPT), str(tmp_path / "study")),
                *(engine, json.dumps(behaviour), *options),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def finish(process):
    """Waits for the end; returns events, and results by the trial's name."""
    out, err = process.communicate(timeout=SECONDS)
    assert err == ""
    assert process.returncode == 0
    events, table = json.loads(out)
    return events, {name: rest for name, *rest in table}


def wait_for(process, *events):
    """Reads what a process tells until it has told of all these events."""
    left = set(events)
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    while left:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        left = {e for e in left if tuple(json.loads(line)[: len(e)]) != e}
    timer.cancel()


def ran(folder):
    """Returns how often each trial was begun."""
    return Counter((folder / "ran.txt").read_text().split())


def histories(table):
    return {
        name: history for name, (reason, history, _) in table.items() if history
    }


def records(folder):
    return {p: p.read_bytes() for p in folder.glob("study/trials/*.json")}


@pytest.fixture(scope="module")
def one_after_the_other(tmp_path_factory, environment):
    """The curves of all trials, run in one process."""
    folder = tmp_path_factory.mktemp("one")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder / "study"), "here", "{}"],
        env={**environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    _, table = json.loads(done.stdout)
    assert list(histories({name: rest for name, *rest in table})) == NAMES
    return histories({name: rest for name, *rest in table})


def check_events(events, table):
    """Each trial starts, counts its epochs up, and ends, as in its record."""
    for name in NAMES:
        ours = [event for event in events if event[1] == name]
        epochs = [event[2] for event in ours[1:-1]]
        assert ours[0] == ["started", name]
        assert ours[-1] == ["ended", name, table[name][0]]
        assert {event[0] for event in ours[1:-1]} <= {"epoch"}
        assert epochs == sorted(set(epochs))


DEATHS = {
    "serf-seed0": ("kill", "LostError: its process was ended by SIGKILL"),
    "gelu-seed0": ("raise", "ValueError: no"),
    "silu-seed1": ("exit", "LostError: its process ended with exit code 3"),
}


def test_a_worker_dies_with_its_trial_alone(
    tmp_path, start, one_after_the_other
):
    slow = {"relu-seed0": 0.7}  # So that its first epoch is told of.
    behaviour = {name: does for name, (does, _) in DEATHS.items()}
    events, table = finish(start("processes", behaviour | slow))
    check_events(events, table)
    number = one_after_the_other["relu-seed0"]["loss"][0]
    assert ["epoch", "relu-seed0", 1, number] in events
    for name in NAMES:
        reason, history, threads = table[name]
        if name in DEATHS:
            assert reason.startswith(DEATHS[name][1])
            record = tmp_path / f"study/trials/{name}.json"
            assert json.loads(record.read_text())["reason"] == reason
        else:
            assert (reason, history) == ("", one_after_the_other[name])
            assert threads == max(1, len(cores()) // 2)
    assert ran(tmp_path) == Counter(NAMES)
    kept = records(tmp_path)

    _, again = finish(start("processes", {}))
    assert histories(again) == one_after_the_other
    assert ran(tmp_path) - Counter(NAMES) == Counter(DEATHS.keys())
    for path, content in kept.items():
        if path.stem not in DEATHS:
            assert path.read_bytes() == content
    assert not list(tmp_path.glob("study/locks/*.epoch.json"))


def test_interrupted_and_killed_it_completes(
    tmp_path, start, one_after_the_other
):
    """Ctrl-C, then kill -9, and what they leave behind."""
    long = {"silu-seed0": 1000.0, "relu-seed1": 1000.0}
    process = start("processes", long, "--tell")
    wait_for(
        process,
        *[("ended", name) for name in NAMES[:3]],
        *[("epoch", name) for name in long],
    )
    os.killpg(process.pid, signal.SIGINT)  # As a terminal does.
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert err == (
        "interrupted: finished trials are kept; the same command goes on from "
        "there\n"
    )
    check_ended(process.pid)
    kept = records(tmp_path)
    assert {path.stem for path in kept} == set(NAMES[:3])

    process = start("processes", {"relu-seed1": 1000.0}, "--tell")
    wait_for(process, ("ended", "silu-seed0"), ("epoch", "relu-seed1"))
    process.kill()
    process.communicate()
    check_ended(process.pid)

    assert kept.items() <= records(tmp_path).items()
    kept = records(tmp_path)
    _, table = finish(start("processes", {}))
    assert histories(table) == one_after_the_other
    assert kept.items() <= records(tmp_path).items()
    assert {name for name, count in ran(tmp_path).items() if count > 1} == {
        "silu-seed0",
        "relu-seed1",
    }


def check_ended(group):
    """Waits for all processes of a group to end, as soon they must."""
    until = time.monotonic() + 60
    while alive(group) and time.monotonic() < until:
        time.sleep(0.1)
    assert alive(group) == []


def alive(group):
    """Returns the processes of a group that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _, _, rest = path.read_text().rpartition(") ")
            state, _, its_group, *_ = rest.split()
            if int(its_group) == group and state not in "ZX":
                found.append(path.parent.name)
    return found


def test_two_at_once_share_the_trials_out(tmp_path, start, one_after_the_other):
    both = [start(engine, {"all": 0.3}) for engine in ("here", "processes")]
    told = set()
    for process in both:
        events, table = finish(process)
        assert histories(table) == one_after_the_other
        assert list(table) == NAMES
        # One that was finished before this process began is no news to it.
        told |= {event[1] for event in events}
    assert told == set(NAMES)
    assert ran(tmp_path) == Counter(NAMES)
    models = sorted(path.name for path in tmp_path.glob("study/**/*.keras"))
    assert models == ["gelu.keras", "relu.keras", "serf.keras", "silu.keras"]


def test_on_a_ray_cluster_of_two_nodes(
    tmp_path, start, environment, one_after_the_other
):
    pytest.importorskip("ray")
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), "cluster"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as cluster:
        try:
            address = cluster.stdout.readline().strip()
            assert address
            behaviour = {"serf-seed0": "kill", "relu-seed0": 0.7}
            events, table = finish(start(address, behaviour))
        finally:
            cluster.stdin.close()
            cluster.wait(timeout=SECONDS)
    check_events(events, table)
    number = one_after_the_other["relu-seed0"]["loss"][0]
    assert ["epoch", "relu-seed0", 1, number] in events
    reason, _, _ = table["serf-seed0"]
    assert reason.startswith("LostError: its process ended: The actor died")
    for name in set(NAMES) - {"serf-seed0"}:
        reason, history, threads = table[name]
        assert (reason, history) == ("", one_after_the_other[name])
        assert threads == 1
    assert ran(tmp_path) == Counter(NAMES)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:99999"])
def test_ray_that_cannot_be_reached_is_told_at_once(address):
    cluster = RayCluster(address)
    running = cluster.run(None, [Trial({"activation": "serf"}, 0)], *[None] * 3)
    with pytest.raises(UserError, match=f"cannot be reached .* {address}"):
        next(running)

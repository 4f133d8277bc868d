"""Trials in several processes and on Ray, some of which die."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import cloudpickle
import joblib
import keras
import pytest

from demos.common.errors import UserError
from demos.study.executors.processes import Processes
from demos.study.executors.ray import RayCluster
from demos.study.executors.sequential import SequentialExecutor
from demos.study.trial import Trial

pytestmark = pytest.mark.once
SCRIPT = Path(__file__).with_name("parallel_study.py")
SECONDS = 400  # Nothing here takes that long, even on a busy machine.


@pytest.fixture(scope="module")
def parallel_study():
    """That module, which is sent to other processes as it is."""
    spec = importlib.util.spec_from_file_location("parallel_study", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["parallel_study"] = module
    spec.loader.exec_module(module)
    cloudpickle.register_pickle_by_value(module)
    yield module
    cloudpickle.unregister_pickle_by_value(module)
    del sys.modules["parallel_study"]


@pytest.fixture(scope="module")
def names(parallel_study):
    return [trial.name for trial in parallel_study.TRIALS]


@pytest.fixture(scope="module")
def expected(parallel_study, tmp_path_factory):
    """The curves of all trials, run one after another."""
    folder = tmp_path_factory.mktemp("one") / "study"
    return histories(
        parallel_study.run(
            folder, SequentialExecutor(), {}, parallel_study.Events()
        )
    )


@pytest.fixture
def start(tmp_path):
    """Returns `start(engine, behaviour)`: the study in a process of its own."""
    started = []

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            env={
                **os.environ,
                "KERAS_BACKEND": keras.backend.backend(),
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield (
        lambda engine, behaviour: (
            begin(str(tmp_path / "study"), engine, json.dumps(behaviour))
            if engine != "cluster"
            else begin("cluster")
        )
    )
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process, *events):
    """Reads what a process prints until it has told of all these events."""
    left = set(events)
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    while left:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        left = {e for e in left if tuple(json.loads(line)[: len(e)]) != e}
    timer.cancel()


def histories(records):
    return {
        name: record.history
        for name, record in records.items()
        if not record.reason
    }


def ran(folder):
    """Returns how often each trial was begun."""
    return Counter((folder / "ran.txt").read_text().split())


def files(folder):
    return {p: p.read_bytes() for p in folder.glob("study/trials/*.json")}


def check_events(events, records):
    """Each trial starts, counts its epochs up, and ends, as in its record."""
    for name, record in records.items():
        first, *epochs, last = [e for e in events if e[1] == name]
        assert first == ("started", name)
        assert last == ("ended", name, record.reason)
        assert {event[0] for event in epochs} <= {"epoch"}
        numbers = [event[2] for event in epochs]
        assert numbers == sorted(set(numbers))


DEATHS = {
    "serf-seed0": ("kill", "EndedEarlyError: its process was ended by SIGKILL"),
    "gelu-seed0": ("raise", "ValueError: no"),
}


def check_records(records, deaths, expected, threads):
    for name, record in records.items():
        if name in deaths:
            assert record.reason.startswith(deaths[name])
        else:
            assert (record.reason, record.history) == ("", expected[name])
            assert record.environment["threads"] == threads


@pytest.mark.long
def test_a_process_dies_with_its_trial_alone(
    tmp_path, parallel_study, names, expected
):
    folder = tmp_path / "study"
    behaviour = {name: does for name, (does, _) in DEATHS.items()}
    events = parallel_study.Events()
    records = parallel_study.run(folder, Processes(2), behaviour, events)
    check_events(events, records)
    assert ("epoch", "relu-seed0", 2, expected["relu-seed0"]["loss"][1]) in (
        events
    )
    reasons = {name: reason for name, (_, reason) in DEATHS.items()}
    check_records(records, reasons, expected, max(1, joblib.cpu_count() // 2))
    for name in DEATHS:
        record = json.loads((folder / f"trials/{name}.json").read_text())
        assert record["reason"] == records[name].reason
    assert ran(tmp_path) == Counter(names)
    before = files(tmp_path)

    records = parallel_study.run(folder, SequentialExecutor(), {}, events)
    assert histories(records) == expected
    assert ran(tmp_path) - Counter(names) == Counter(DEATHS.keys())
    for path, content in before.items():
        if path.stem not in DEATHS:
            assert path.read_bytes() == content


@pytest.mark.long
@pytest.mark.parametrize(
    "kill", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_interrupted_or_killed_it_completes(
    tmp_path, start, parallel_study, names, expected, kill
):
    """Ctrl-C or kill -9, and what they leave behind."""
    long = {"silu-seed0": 1000.0, "relu-seed1": 1000.0}
    process = start("processes", long)
    wait_for(
        process,
        *[("ended", name) for name in names[:3]],
        *[("epoch", name) for name in long],
    )
    if kill:
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGINT)  # As a terminal does.
    _, err = process.communicate(timeout=SECONDS)
    if not kill:
        assert process.returncode == 130
        assert err.splitlines()[-1] == (
            "interrupted: finished trials are kept; run the same command again "
            f"to resume ({tmp_path / 'study'})"
        )
    check_ended(process.pid)
    before = files(tmp_path)
    assert {path.stem for path in before} == set(names[:3])

    records = parallel_study.run(
        tmp_path / "study", SequentialExecutor(), {}, parallel_study.Events()
    )
    assert histories(records) == expected
    assert before.items() <= files(tmp_path).items()
    counts = ran(tmp_path)
    assert (counts["silu-seed0"], counts["relu-seed1"]) == (2, 2)
    assert all(counts[path.stem] == 1 for path in before)


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


def test_two_at_once_share_the_trials(
    tmp_path, start, parallel_study, names, expected
):
    behaviour = {"all": 0.1}
    other = start("here", behaviour)
    wait_for(other, ("started",))
    events = parallel_study.Events()
    records = parallel_study.run(
        tmp_path / "study", SequentialExecutor(), behaviour, events
    )
    out, _ = other.communicate(timeout=SECONDS)
    assert other.returncode == 0
    assert histories(records) == expected
    assert ran(tmp_path) == Counter(names)
    assert events
    assert out
    models = sorted(path.name for path in tmp_path.glob("study/**/*.keras"))
    assert models == ["gelu.keras", "relu.keras", "serf.keras", "silu.keras"]


@pytest.fixture
def cluster(start):
    """A Ray cluster of two nodes: its process and its address."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    process = start("cluster", None)
    address = process.stdout.readline().strip()
    assert address
    yield process, address
    process.communicate(timeout=SECONDS)  # Without stdin, it ends.


@pytest.mark.slow
def test_on_a_ray_cluster_of_two_nodes(
    tmp_path, cluster, parallel_study, names, expected
):
    _, address = cluster
    events = parallel_study.Events()
    behaviour = {"serf-seed0": "kill"}
    records = parallel_study.run(
        tmp_path / "study", RayCluster(address), behaviour, events
    )
    check_events(events, records)
    assert ("epoch", "relu-seed0", 1, expected["relu-seed0"]["loss"][0]) in (
        events
    )
    reason = "EndedEarlyError: its process ended: The actor died"
    check_records(records, {"serf-seed0": reason}, expected, threads=1)
    assert ran(tmp_path) == Counter(names)


@pytest.mark.slow
def test_a_ray_cluster_that_loses_a_node_goes_on_with_the_other(
    tmp_path, cluster, parallel_study, names, expected
):
    process, address = cluster
    long = dict.fromkeys(names[:2], 5.0)
    started = set()

    class Losing(parallel_study.Events):
        def epoch_ended(self, trial, epoch, logs):
            started.add(trial.name)
            if len(started) == 2 and epoch == 1:  # Each node has a trial.
                print("lose", file=process.stdin, flush=True)

    records = parallel_study.run(
        tmp_path / "study", RayCluster(address), long, Losing()
    )
    failed = [record for record in records.values() if record.reason]
    assert failed  # Several, if Ray notices the loss late.
    for record in failed:
        assert record.reason.startswith("EndedEarlyError: its process ended: ")
    assert len(histories(records)) == len(names) - len(failed) >= 2
    assert histories(records).items() <= expected.items()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:99999"])
def test_ray_that_cannot_be_reached_is_told_at_once(address):
    cluster = RayCluster(address)
    trials = [Trial({"activation": "serf"}, 0)]
    with pytest.raises(UserError, match=f"cannot connect to Ray .* {address}"):
        next(cluster.run(None, trials, None))

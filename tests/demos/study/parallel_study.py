"""A study that takes no time, for test_executors; also in its own process.

`python parallel_study.py FOLDER ENGINE BEHAVIOUR` prints each event as JSON.
ENGINE is "here" or "processes"; BEHAVIOUR is JSON: what trials do, by name.
`python parallel_study.py cluster` runs a Ray cluster until stdin is closed. A
line on stdin takes one of its two nodes away.
"""

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from demos.study.executors.processes import Processes
from demos.study.executors.sequential import SequentialExecutor
from demos.study.study import Study, grid
from demos.study.trial import TrialResult

TRIALS = grid({"activation": ["relu", "serf", "gelu", "silu"]}, [0, 1])


class Task:
    """Draws a number, and does to some trials what it is told to."""

    objective = "validation"
    epochs = 2

    def __init__(self, ran, behaviour):
        self._ran = ran
        self._behaviour = behaviour

    def config(self):
        return {}

    def save_assets(self, folder):
        pass

    def run(self, trial, context):
        with self._ran.open("a") as file:
            file.write(f"{trial.name}\n")
        draw = np.random.default_rng(trial.seed)
        number = float(draw.normal()) + ord(trial.label[0])
        for epoch in range(self.epochs):
            context.on_epoch(epoch + 1, {"loss": number + epoch})
            self._behave(trial.name)
        return TrialResult(
            {"validation": number},
            {"loss": [number, number + 1]},
            3,
            lambda path: path.write_text(trial.name),
        )

    def _behave(self, name):
        does = self._behaviour.get(name, self._behaviour.get("all"))
        if does == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if does == "exit":
            os._exit(3)
        if does == "raise":
            raise ValueError("no\nnever")
        if isinstance(does, float):
            time.sleep(does)


class Events(list):
    """An observer that remembers what it is told."""

    def trial_started(self, trial):
        self.append(("started", trial.name))

    def epoch_ended(self, trial, epoch, logs):
        self.append(("epoch", trial.name, epoch, logs["loss"]))

    def trial_ended(self, record):
        self.append(("ended", record.name, record.reason))


class PrintedEvents(Events):
    """An observer that prints what it is told."""

    def append(self, event):
        print(json.dumps(event), flush=True)


def run(folder, executor, behaviour, events):
    """Runs the study; returns its records by name."""
    task = Task(folder.with_name("ran.txt"), behaviour)
    records = Study(task, folder).run(TRIALS, events, executor)
    return {record.name: record for record in records}


def cluster():
    """Runs a Ray cluster of two nodes with one core each."""
    from ray.cluster_utils import Cluster

    # Apart from any other cluster; short, because it is part of socket names.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.environ["RAY_TMPDIR"] = folder
        Path(folder, "ray").mkdir()
        ray_cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "include_dashboard": False},
        )
        try:
            node = ray_cluster.add_node(num_cpus=1)
            print(ray_cluster.address, flush=True)
            if sys.stdin.readline():
                ray_cluster.remove_node(node, allow_graceful=False)
            sys.stdin.read()
        finally:
            ray_cluster.shutdown()


def main(folder, engine, behaviour):
    executor = SequentialExecutor() if engine == "here" else Processes(2)
    try:
        run(Path(folder), executor, json.loads(behaviour), PrintedEvents())
    except KeyboardInterrupt as stop:
        print(f"interrupted: {stop}", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    # A shell lets what it runs in the background ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.argv[1:] == ["cluster"]:
        cluster()
    else:
        main(*sys.argv[1:])

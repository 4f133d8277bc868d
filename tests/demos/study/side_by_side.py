"""A study that takes no time, run in a process of its own by test_executors.

`python side_by_side.py FOLDER ENGINE BEHAVIOUR` prints, as JSON, what was
observed and what came of it. ENGINE is "here", "processes" or the address of a
Ray cluster; BEHAVIOUR is JSON: what trials do, by name. With `--tell` it prints
what is observed at once, too.
`python side_by_side.py cluster` runs such a cluster.
"""

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from demos.common.backend import start_keras
from demos.study.executors import Processes
from demos.study.executors import RayCluster
from demos.study.study import SequentialExecutor
from demos.study.study import Study
from demos.study.study import grid
from demos.study.trial import TrialResult

ACTIVATIONS = ["relu", "serf", "gelu", "silu"]


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
        import keras

        with self._ran.open("a") as file:
            file.write(f"{trial.name}\n")
        x = keras.random.normal((), seed=trial.seed)
        number = float(keras.activations.get(trial.label)(x))
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


class Told:
    """Remembers what an observer is told, and says when."""

    def __init__(self):
        self.events = []

    def trial_started(self, trial):
        self._tell("started", trial.name)

    def epoch_ended(self, trial, epoch, logs):
        self._tell("epoch", trial.name, epoch, logs["loss"])

    def trial_ended(self, result):
        self._tell("ended", result.name, result.reason)

    def _tell(self, *event):
        self.events.append(event)
        if "--tell" in sys.argv:
            print(json.dumps(event), flush=True)


def cluster():
    """Runs a Ray cluster of two nodes, a core each, until stdin is closed."""
    # Apart from any other cluster; short, for it is part of sockets' names.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.environ["RAY_TMPDIR"] = folder
        Path(folder, "ray").mkdir()
        from ray.cluster_utils import Cluster

        found = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "include_dashboard": False},
        )
        try:
            found.add_node(num_cpus=1)
            print(found.address, flush=True)
            sys.stdin.read()
        finally:
            found.shutdown()


def main(folder, engine, behaviour):
    start_keras()
    folder = Path(folder)
    task = Task(folder.with_name("ran.txt"), json.loads(behaviour))
    if engine == "here":
        executor = SequentialExecutor()
    elif engine == "processes":
        executor = Processes(2)
    else:
        executor = RayCluster(engine)
    told = Told()
    try:
        results = Study(task, folder).run(
            grid({"activation": ACTIVATIONS}, [0, 1]), told, executor
        )
    except KeyboardInterrupt as stop:
        print(f"interrupted: {stop}", file=sys.stderr)
        sys.exit(130)
    table = [
        [r.name, r.reason, r.history, r.environment["threads"]] for r in results
    ]
    print(json.dumps([told.events, table]))


if __name__ == "__main__":
    # A shell has what it runs in the background ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.argv[1:] == ["cluster"]:
        cluster()
    else:
        main(*sys.argv[1:4])

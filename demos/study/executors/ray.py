"""Runs trials on the nodes of a Ray cluster."""

import contextlib
import importlib
import logging
import math
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

import keras_serf
from demos.common.errors import UserError
from demos.common.subprocesses import (
    POLL_SECONDS,
    EndedEarlyError,
    OnEvent,
    environment_variables,
    load_function,
)
from demos.study.executors.executor import (
    Results,
    Trials,
    pickled_runner,
    run_in_slots,
)
from demos.study.progress import Progress
from demos.study.runner import Runner
from demos.study.trial import Trial, TrialRecord

CONNECT_SECONDS = 10  # Maximum time to wait for the head of a cluster.


@dataclass(frozen=True)
class RayCluster:
    """The executor of `--engine ray`.

    Attributes:
        address: Address of the head, such as `"10.0.0.1:6379"`. The default is
            the cluster on this machine, or a new one.
        jobs: The number of processes; by default one for each node.
    """

    address: str | None = None
    jobs: int | None = None

    def run(
        self, runner: Runner, trials: Trials, progress: Progress
    ) -> Results:
        """Runs trials; see `Executor`."""
        if not trials:
            return
        with _connection(self.address) as ray:
            nodes = [node for node in ray.nodes() if node["Alive"]]
            jobs = self.jobs or len(nodes)
            fewest = min(int(n["Resources"].get("CPU", 0)) for n in nodes)
            threads = max(1, fewest // math.ceil(jobs / len(nodes)))
            gpus = ray.cluster_resources().get("GPU", 0)
            variables = environment_variables(keras.backend.backend(), threads)
            options = {
                "num_cpus": threads,
                "num_gpus": min(1.0, gpus / jobs),
                "max_restarts": 0,
                "runtime_env": {"env_vars": variables},
            }
            function = pickled_runner(runner)
            slots = [_RaySlot(ray, function, options) for _ in trials[:jobs]]
            yield from run_in_slots(slots, runner, trials, progress)


class _RaySlot:
    """A `Slot` that consists of a Ray actor and a queue of its events."""

    def __init__(
        self, ray: Any, function: bytes, options: Mapping[str, Any]
    ) -> None:
        self._ray = ray
        self._function = function
        self._options = options
        self._actor: Any = None
        self._queue: Any = None
        self._closed = False

    def call(self, trial: Trial, on_event: OnEvent) -> Any:
        ray = self._ray
        if self._actor is None:
            module = importlib.import_module("ray.util.queue")
            self._queue = module.Queue(actor_options={"num_cpus": 0})
            actor = ray.remote(_Actor).options(**self._options)
            self._actor = actor.remote(self._function, self._queue)
        try:
            result = self._actor.run.remote(trial)
            done = False
            while not done:
                done = bool(ray.wait([result], timeout=POLL_SECONDS)[0])
                for event in self._queue.get_nowait_batch(self._queue.size()):
                    on_event(*event)
            return ray.get(result)
        except ray.exceptions.RayActorError as error:
            if self._closed:
                raise RuntimeError("closed during a call") from None
            first = str(error).strip().partition("\n")[0]
            self._actor = None
            raise EndedEarlyError(f"its process ended: {first}") from None
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None

    def close(self) -> None:
        self._closed = True
        if self._actor is not None:
            self._ray.kill(self._actor)


class _Actor:
    """Runs trials on a node."""

    def __init__(self, function: bytes, events: Any) -> None:
        self._function = function
        self._events = events

    def run(self, trial: Trial) -> TrialRecord | None:
        return load_function(self._function)(
            trial, emit=lambda *event: self._events.put(event)
        )


@contextlib.contextmanager
def _connection(address: str | None) -> Iterator[Any]:
    """Connects to a cluster and sends this code to its nodes; yields Ray."""
    if address is not None:
        _check_listens(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Otherwise, a call after an interrupt would start a new cluster.
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"
    # Otherwise, Ray prints a line for each worker that dies.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    try:
        ray = importlib.import_module("ray")
    except ImportError:
        raise UserError(
            "--engine ray needs Ray; install it with: pip install ray"
        ) from None
    packages = [Path(__file__).parents[2], Path(keras_serf.__file__).parent]
    try:
        ray.init(
            address=address,
            include_dashboard=False if address is None else None,
            runtime_env={
                "py_modules": [str(package) for package in packages],
                "excludes": ["*.png", "*.ipynb"],
            },
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise UserError(
            f"cannot connect to Ray at --address {address}: {first}"
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_listens(address: str) -> None:
    """Raises UserError if nothing listens; Ray itself would wait minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # Ray knows other addresses too, such as "auto".
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot connect to Ray at --address {address}: {error}"
        ) from None

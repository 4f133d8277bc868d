"""Runs the benchmark on one backend after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from demos.benchmarks import names
from demos.benchmarks.accuracy.errors import Result, broken
from demos.benchmarks.accuracy.inputs import PATTERNS, SAMPLES, count
from demos.benchmarks.accuracy.options import AccuracyOptions
from demos.benchmarks.accuracy.report import write
from demos.benchmarks.backends import Outcome, calls
from demos.benchmarks.export.targets import TARGETS
from demos.common.backend import TRAINING
from demos.common.errors import UnfinishedError

MEASURE = "demos.benchmarks.accuracy.measure"
BLOCKS = 16  # Maximum number of blocks in a task.
Place = tuple[str, str, str, str, str]  # The first fields of a `Result`.


@dataclass(frozen=True)
class Task:
    """A few blocks of inputs, and the measurements on them."""

    dtype: str
    samples: int
    blocks: range
    places: tuple[Place, ...]

    def __str__(self) -> str:
        return f"{self.dtype}, blocks from {self.blocks[0]}"


def run(options: AccuracyOptions, chosen: Sequence[str], folder: Path) -> int:
    """Runs all measurements, prints and writes the report.

    Returns the exit code: 0 if Serf meets its error bounds, otherwise 1.
    """
    outcome = Outcome()
    results: dict[Place, Result] = {}
    tasks = {backend: plan(options, backend) for backend in chosen}
    for _, task, found in calls(
        *(MEASURE, tasks, folder, outcome),
        threads=1,  # More threads do not change the errors.
    ):
        if isinstance(found, Exception):
            found = [({}, str(found))] * len(task.places)
        for place, (errors, reason) in zip(task.places, found, strict=True):
            results.setdefault(place, Result(*place)).add(errors, reason)
    if not any(each.errors for each in results.values()):
        why = "; ".join(outcome.failures) or "interrupted"
        raise UnfinishedError(f"nothing was measured: {why}")
    print(write(folder, outcome, [*results.values()]))
    code = outcome.finish(folder)
    return code or int(bool(broken([*results.values()])))


def plan(options: AccuracyOptions, backend: str) -> list[Task]:
    """Returns the tasks of a backend.

    Eager and compiled Serf may be measured on all numbers of float32;
    everything else is measured on samples.
    """
    sweeps: dict[tuple[str, int], list[Place]] = {}
    for dtype in options.dtypes:
        if dtype == "float64" and backend not in TRAINING:
            continue  # There, Keras computes float64 in float32.
        for activation in (names.SERF, names.COMPOSED):
            for mode in options.modes:
                if mode in names.RUNTIMES:
                    if dtype != "float32":
                        continue
                    version = TARGETS[mode].version
                elif mode in names.MODES.get(backend, (names.EAGER,)):
                    version = f"{backend} {metadata.version(backend)}"
                else:
                    continue
                samples = SAMPLES
                if (
                    options.exhaustive
                    and (activation, dtype) == (names.SERF, "float32")
                    and mode in (names.EAGER, names.COMPILED)
                ):
                    samples = PATTERNS
                place = (backend, version, activation, mode, dtype)
                sweeps.setdefault((dtype, samples), []).append(place)
    tasks = []
    for (dtype, samples), places in sweeps.items():
        every = range(count(dtype, samples))
        parts = (every[n : n + BLOCKS] for n in every[::BLOCKS])
        tasks += [Task(dtype, samples, part, tuple(places)) for part in parts]
    return tasks

"""Cost: options of the command. Nothing here imports Keras or NumPy."""

from dataclasses import dataclass

from demos.benchmarks.benchmark import (
    Benchmark,
    BenchmarkOptions,
    check_names,
    check_positive,
)
from demos.common.backend import TRAINING

PARTS = ("elementwise", "memory", "compile", "steps", "lengths")
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class CostOptions(BenchmarkOptions):
    """Measures time and memory of Serf, ReLU, SiLU, GELU and Mish."""

    parts: tuple[str, ...] = PARTS
    """Measurements to run: the activations alone; the bytes stored for the
    backward pass; the first training step of a 24-layer network (traced and
    compiled); training steps of a Transformer and a CNN, and CNN prediction;
    changing batch sizes (TensorFlow)."""

    sizes: tuple[int, ...] = (2**12, 2**16, 2**20, 2**22)
    """Array sizes of the part elementwise."""

    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    """Dtypes of the part elementwise: float32, bfloat16 or float16."""

    seconds: float = 2.0
    """Time to measure all activations on one backend, in one mode, dtype and
    size. The number of rounds is between 5 and 51."""

    quick: bool = False
    """Runs a smoke test: tiny arrays and models, 3 activations, one round. The
    numbers are not meaningful."""


def check(options: CostOptions) -> None:
    """Raises UserError if an option is invalid."""
    check_names("--backends", options.backends, TRAINING)
    check_names("--parts", options.parts, PARTS)
    check_names("--dtypes", options.dtypes, DTYPES)
    check_positive("--sizes", *options.sizes)
    check_positive("--seconds", options.seconds)


DEMO = Benchmark("cost", CostOptions, check)

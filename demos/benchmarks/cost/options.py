"""Cost: options of the command. Nothing here imports Keras or NumPy."""

from dataclasses import dataclass

from demos.benchmarks.benchmark import Benchmark, check_names, check_positive
from demos.common.cli import OptionalPath

BACKENDS = ("tensorflow", "jax", "torch")
PARTS = ("elementwise", "growth", "memory", "compile", "steps", "lengths")
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class CostOptions:
    """Cost: time and memory of Serf beside ReLU, SiLU, GELU and Mish."""

    backends: tuple[str, ...] = BACKENDS
    """Keras backends to measure. Those that are not installed are skipped."""

    parts: tuple[str, ...] = PARTS
    """Measurements to run: all activations at one size, a few at many sizes,
    the bytes kept for the backward pass, the first training step of a network
    of 24 layers (traced and compiled), training steps of a Transformer and of a
    CNN and its prediction, and batch sizes that keep changing (TensorFlow)."""

    size: int = 2**22
    """Size of the array on which all activations are compared."""

    sizes: tuple[int, ...] = tuple(10**k for k in range(3, 9))
    """Sizes of the arrays for growth, in float32, compiled. The largest default
    takes 3.5 GB of memory."""

    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    """Dtypes in which all activations are compared; float16 works too."""

    seconds: float = 2.0
    """Time for each cell: all activations on one backend, in one mode, dtype
    and size. At least 5 rounds are run, at most 51."""

    out: OptionalPath = None
    """Output folder. Default: runs/cost, with a number appended if that holds
    results already."""

    quick: bool = False
    """Smoke test: tiny arrays and models, 3 activations, one round. The numbers
    are not meaningful."""


def check(options: CostOptions) -> None:
    """Raises UserError if an option has a bad value."""
    check_names("--backends", options.backends, BACKENDS)
    check_names("--parts", options.parts, PARTS)
    check_names("--dtypes", options.dtypes, DTYPES)
    check_positive("--size", options.size)
    check_positive("--sizes", *options.sizes)
    check_positive("--seconds", options.seconds)


DEMO = Benchmark("cost", CostOptions, check)

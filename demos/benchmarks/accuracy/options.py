"""Accuracy: options of the command. Nothing here imports Keras or NumPy."""

from dataclasses import dataclass

from demos.benchmarks.benchmark import Benchmark, check_names, check_positive
from demos.common.cli import OptionalPath
from demos.common.errors import UserError

BACKENDS = ("tensorflow", "jax", "torch", "numpy", "openvino")
DTYPES = ("float32", "float16", "bfloat16", "float64")
MODES = ("eager", "graph", "compiled", "onnx", "litert", "openvino")
PATTERNS = 2**32  # Of 32 bits.


@dataclass(frozen=True)
class AccuracyOptions:
    """Measures the maximum errors of Serf, in ulps, on every backend."""

    backends: tuple[str, ...] = BACKENDS
    """Keras backends to measure. Backends that are not installed are skipped.
    """

    dtypes: tuple[str, ...] = DTYPES
    """Dtypes to measure. float16 and bfloat16 are measured on all numbers."""

    modes: tuple[str, ...] = MODES
    """Execution modes. graph is tf.function; compiled is jax.jit,
    tf.function(jit_compile=True) or torch.compile. The last three are runtimes
    for exported models, measured only on float32 values."""

    exhaustive: bool = False
    """Measures all 2^32 numbers of float32, eager and compiled, instead of a
    sample."""

    samples: int = 2**20
    """Sample size for float32, spread evenly over the 2^32 bit patterns. About
    900,000 numbers in difficult regions and on a grid are added."""

    out: OptionalPath = None
    """Output folder. The default is runs/accuracy, with a number appended if
    that folder already has results."""


def check(options: AccuracyOptions) -> None:
    """Raises UserError if an option is invalid."""
    check_names("--backends", options.backends, BACKENDS)
    check_names("--dtypes", options.dtypes, DTYPES)
    check_names("--modes", options.modes, MODES)
    check_positive("--samples", options.samples)
    if options.samples > PATTERNS:
        raise UserError(
            f"--samples must be at most 2^32; for all numbers, use "
            f"--exhaustive. Received: {options.samples}"
        )


DEMO = Benchmark("accuracy", AccuracyOptions, check)

"""Accuracy: options of the command. Nothing here imports Keras or NumPy."""

from dataclasses import dataclass

from demos.benchmarks.benchmark import Benchmark, BenchmarkOptions, check_names
from demos.common.backend import INFERENCE, TRAINING

BACKENDS = TRAINING + INFERENCE
DTYPES = ("float32", "float16", "bfloat16", "float64")
MODES = ("eager", "graph", "compiled", "onnx", "litert", "openvino")


@dataclass(frozen=True)
class AccuracyOptions(BenchmarkOptions):
    """Measures the maximum errors of Serf, in ulps, on every backend."""

    backends: tuple[str, ...] = BACKENDS

    dtypes: tuple[str, ...] = DTYPES
    """Dtypes to measure. float16 and bfloat16 are measured on all numbers."""

    modes: tuple[str, ...] = MODES
    """Execution modes. graph is tf.function; compiled is jax.jit,
    tf.function(jit_compile=True) or torch.compile. The last three are runtimes
    for exported models, measured only on float32 values."""

    exhaustive: bool = False
    """Measures all 2^32 numbers of float32, eager and compiled, instead of a
    sample: 2^20 numbers, spread evenly over the bit patterns, and about 900,000
    numbers in difficult regions and on a grid."""


def check(options: AccuracyOptions) -> None:
    """Raises UserError if an option is invalid."""
    check_names("--backends", options.backends, BACKENDS)
    check_names("--dtypes", options.dtypes, DTYPES)
    check_names("--modes", options.modes, MODES)


DEMO = Benchmark("accuracy", AccuracyOptions, check)

"""Cost: options of the command. Nothing here imports Keras or NumPy."""

import os
from dataclasses import dataclass
from pathlib import Path

from demos.benchmarks.benchmark import Benchmark, check_names, check_positive
from demos.common.errors import UserError
from demos.common.machine import cores

BACKENDS = ("tensorflow", "jax", "torch")
PARTS = ("elementwise", "growth", "memory", "compile", "steps")
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class CostOptions:
    """Cost: time and memory of Serf beside ReLU, SiLU, GELU and Mish."""

    backends: tuple[str, ...] = BACKENDS
    """Keras backends to measure. Those that are not installed are skipped."""

    parts: tuple[str, ...] = PARTS
    """Measurements to run: all activations at one size, a few at many sizes,
    the bytes kept for the backward pass, the time to compile a deep network,
    the training step of a Transformer and of a CNN."""

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

    threads: int | None = None
    """Number of processor cores to use (Linux only). Default: all."""

    seed: int = 0
    """Seed of the inputs and of the order in each round."""

    out: Path | None = None
    """Output folder. Default: runs/cost, with a number appended if that holds
    results already."""

    quick: bool = False
    """Smoke test: tiny arrays and models, 3 activations, one round. The numbers
    are not meaningful."""


def check(options: CostOptions) -> None:
    """Checks what the parser cannot.

    Raises:
        UserError: An option has a bad value.
    """
    check_names("--backends", options.backends, BACKENDS)
    check_names("--parts", options.parts, PARTS)
    check_names("--dtypes", options.dtypes, DTYPES)
    check_positive("--size", options.size)
    check_positive("--sizes", *options.sizes)
    check_positive("--seconds", options.seconds)
    if options.threads is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise UserError("--threads needs Linux; leave it out")
    if not 0 < options.threads <= len(cores()):
        raise UserError(
            f"Expected --threads to be from 1 to {len(cores())}. Received: "
            f"{options.threads}"
        )


DEMO = Benchmark("cost", CostOptions, check)

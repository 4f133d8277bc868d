"""Export: options of the command. Nothing here imports Keras or NumPy."""

from dataclasses import dataclass

from demos.benchmarks.benchmark import Benchmark, BenchmarkOptions, check_names
from demos.benchmarks.export.targets import TARGETS
from demos.common.backend import TRAINING
from demos.common.errors import UserError

MODELS = ("dense", "cnn", "lstm", "transformer")


@dataclass(frozen=True)
class ExportOptions(BenchmarkOptions):
    """Exports models with Serf in every format and runs each in its runtime."""

    models: tuple[str, ...] = MODELS
    """Models to export. Integer formats export only the activation."""

    formats: tuple[str, ...] = tuple(TARGETS)
    """Formats to export to."""

    quick: bool = False
    """Runs a smoke test: only the first model."""


def check(options: ExportOptions) -> None:
    """Raises UserError if an option is invalid."""
    check_names("--backends", options.backends, TRAINING)
    check_names("--models", options.models, MODELS)
    check_names("--formats", options.formats, tuple(TARGETS))
    for name in options.formats:
        if set(options.backends) & set(TARGETS[name].backends):
            return
    raise UserError(
        "--formats must include a format that --backends can export. Received: "
        f"{' '.join(options.formats)} and {' '.join(options.backends)}"
    )


DEMO = Benchmark("export", ExportOptions, check)

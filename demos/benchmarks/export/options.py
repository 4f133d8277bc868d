"""Export: options of the command. Nothing here imports Keras or NumPy."""

from dataclasses import dataclass

from demos.benchmarks.benchmark import Benchmark, check_names
from demos.benchmarks.export.targets import BACKENDS, TARGETS
from demos.common.cli import OptionalPath
from demos.common.errors import UserError

MODELS = ("dense", "cnn", "lstm", "transformer")


@dataclass(frozen=True)
class ExportOptions:
    """Export: models with Serf in every format, run in every runtime."""

    backends: tuple[str, ...] = BACKENDS
    """Keras backends to export from. Those that are not installed are skipped.
    """

    models: tuple[str, ...] = MODELS
    """Models to export. For integer arithmetic an activation alone is tried."""

    formats: tuple[str, ...] = tuple(TARGETS)
    """Formats to export to."""

    out: OptionalPath = None
    """Output folder. Default: runs/export, with a number appended if that holds
    results already."""

    quick: bool = False
    """Smoke test: only the first model."""


def check(options: ExportOptions) -> None:
    """Raises UserError if an option has a bad value."""
    check_names("--backends", options.backends, BACKENDS)
    check_names("--models", options.models, MODELS)
    check_names("--formats", options.formats, tuple(TARGETS))
    for name in options.formats:
        if set(options.backends) & set(TARGETS[name].backends):
            return
    raise UserError(
        "Expected --formats that exist on --backends. Received: "
        f"{' '.join(options.formats)} on {' '.join(options.backends)}"
    )


DEMO = Benchmark("export", ExportOptions, check)

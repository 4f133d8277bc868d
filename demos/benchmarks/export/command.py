"""What works with what: models with Serf, exported to each runtime and run.

`python -m demos export`. On each backend each model is built with Serf in all
its places, written by Keras' exporter, read by the runtime that the file is
for, and run there; what it gives is compared with what Keras gives. Keras' own
quantization is tried beside. Every cell is tried with ReLU too, as a control:
where ReLU fails likewise, the exporter or the runtime is at fault; where ReLU
works and Serf does not, Serf is, and the command's exit code is 1. What is not
installed is not tried.

The error of a cell is the largest difference of an output, over the largest
output. It has to stay within a bound: 1e-5 for what computes in float32, which
is about a hundred roundings of 2^-24, and some tens of roundings for what
rounds weights or more to a shorter type.
"""

import contextlib
import importlib.util
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import MutableMapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from importlib import metadata
from pathlib import Path
from typing import IO
from typing import TYPE_CHECKING
from typing import Any

from demos.common.backend import choose_backend
from demos.common.backend import start_keras
from demos.common.cli import parse
from demos.common.errors import UserError
from demos.common.subprocesses import RESULTS
from demos.common.subprocesses import Emit
from demos.common.subprocesses import EndedEarlyError
from demos.common.subprocesses import check_names
from demos.common.subprocesses import emitter
from demos.common.subprocesses import events
from demos.common.subprocesses import free_folder
from demos.common.subprocesses import installed

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

COMMAND = "python -m demos export"
RUNS = Path("runs", "export")
BACKENDS = ("tensorflow", "jax", "torch")
SERF, CONTROL = "serf", "relu"

# What a cell may need, from the least on, and the mark of that in the table.
# Keras recommends both of the latter for runtimes that know no loops.
ANY_BATCH, FIXED_BATCH, UNROLLED = "", "fixed batch", "fixed batch, unroll=True"
NEEDS = {ANY_BATCH: "", FIXED_BATCH: " †", UNROLLED: " ‡"}

BATCH = 4
STEPS, FEATURES, PIXELS, WORDS = 3, 32, 12, 50

WORKS, FAILS, NEITHER = "works", "fails", "no"
ABSENT = "not installed"

# What converters and runtimes come from, besides Keras and its backends.
PACKAGES = (
    *("keras", "keras-hub", *BACKENDS),
    *("onnxruntime", "onnx", "onnxscript", "tf2onnx", "jax2onnx"),
    *("openvino", "ai-edge-litert", "litert-torch", "torch-xla"),
)


@dataclass(frozen=True)
class Format:
    """A row of the table.

    Attributes:
        label: What the table calls it.
        bound: Of the error.
        target: In `runtimes.TARGETS`; empty if Keras runs it.
        quantization: Keras' name of it; empty if there is none.
        backends: Where there is such a format at all.
        converters: Modules that Keras or we convert with, on each backend.
    """

    label: str
    bound: float
    target: str = ""
    quantization: str = ""
    backends: tuple[str, ...] = BACKENDS
    converters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_TO_ONNX = {
    "tensorflow": ("tf2onnx",),
    "jax": ("jax2onnx",),
    "torch": ("onnx", "onnxscript"),
}
_TO_LITERT = {"jax": ("tensorflow",), "torch": ("litert_torch",)}
_TO_SHORT_LITERT = {
    **_TO_LITERT,
    "torch": ("litert_torch", "ai_edge_quantizer"),
}

FORMATS = {
    "saved_model": Format("SavedModel", 1e-5, "saved_model"),
    "onnx": Format("ONNX", 1e-5, "onnx", converters=_TO_ONNX),
    "openvino": Format("OpenVINO, f32", 1e-5, "openvino"),
    # It chooses bfloat16, where the processor has it: 2^-9 a rounding.
    "openvino_default": Format("OpenVINO, as it is", 5e-2, "openvino_default"),
    "litert": Format("LiteRT", 1e-5, "litert", converters=_TO_LITERT),
    # 2^-11 a weight.
    "litert_float16": Format(
        *("LiteRT, float16 weights", 1e-2, "litert_float16"),
        converters=_TO_SHORT_LITERT,
    ),
    # 1/254 of the largest weight, and of the largest activation.
    "litert_int8": Format(
        *("LiteRT, int8 dynamic range", 1e-1, "litert_int8"),
        converters=_TO_SHORT_LITERT,
    ),
    "exported_program": Format(
        "ExportedProgram", 1e-5, "exported_program", backends=("torch",)
    ),
    "stablehlo": Format("StableHLO", 1e-5, "stablehlo", backends=("jax",)),
    "keras_int8": Format("Keras int8", 1e-1, quantization="int8"),
    # 2^-4 a weight and an activation.
    "keras_float8": Format("Keras float8", 2e-1, quantization="float8"),
    # 1/14 of the largest weight.
    "keras_int4": Format("Keras int4", 5e-1, quantization="int4"),
}


@dataclass(frozen=True)
class ExportOptions:
    """Exports models with Serf to every runtime, and runs them there."""

    backends: tuple[str, ...] = BACKENDS
    """Each is tried in a process of its own; those not installed are left
    out."""
    models: tuple[str, ...] = ("dense", "cnn", "lstm", "transformer")
    """What to export."""
    formats: tuple[str, ...] = tuple(FORMATS)
    """Where to."""
    out: Path | None = None
    """Folder to write; by default runs/export, or with a number behind where
    that holds results already."""
    quick: bool = False
    """The first model alone."""


@dataclass(frozen=True)
class Trial:
    """What is exported, and from where to where.

    Attributes:
        backend: Of Keras.
        format: In `FORMATS`.
        model: In `MODELS`.
        activation: `SERF` or `CONTROL`.
    """

    backend: str
    format: str
    model: str
    activation: str


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial.

    Attributes:
        error: Largest difference over largest output; None if none came out.
        need: One of `NEEDS`, the least that worked.
        reason: Why it does not work; empty if it does.
        tried: False if what it takes is not installed.
    """

    error: float | None = None
    need: str = ANY_BATCH
    reason: str = ""
    tried: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell of the table.

    Attributes:
        backend: Of Keras.
        format: In `FORMATS`.
        model: In `MODELS`.
        ours: What came of Serf.
        control: What came of ReLU.
    """

    backend: str
    format: str
    model: str
    ours: TrialResult
    control: TrialResult

    @property
    def verdict(self) -> str:
        """Whether it `WORKS`, Serf `FAILS`, or `NEITHER` Serf nor ReLU does.

        `ABSENT` where it was not tried.
        """
        if not (self.ours.tried and self.control.tried):
            return ABSENT
        if self.control.reason:
            return NEITHER if self.ours.reason else WORKS
        order = list(NEEDS)
        needs_more = order.index(self.ours.need) > order.index(
            self.control.need
        )
        return FAILS if self.ours.reason or needs_more else WORKS


@dataclass
class Findings:
    """All that is known, filled while it becomes so.

    Attributes:
        outcomes: Of each trial that was made.
        failures: Backends that could not be tried, and why.
    """

    outcomes: dict[Trial, TrialResult] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def cells(self) -> list[Cell]:
        """Those whose both trials were made."""
        found = []
        for trial, ours in self.outcomes.items():
            control = self.outcomes.get(
                Trial(trial.backend, trial.format, trial.model, CONTROL)
            )
            if trial.activation == SERF and control is not None:
                found.append(
                    Cell(
                        *(trial.backend, trial.format, trial.model),
                        ours,
                        control,
                    )
                )
        return found


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: The command line behind `export`.

    Returns:
        The exit code: 0; 1 if ReLU works somewhere and Serf does not, or a
        backend could not be tried; 130 when interrupted, what was found so far
        being written.

    Raises:
        UserError: An option is at fault, or no backend is installed.
    """
    options = parse(ExportOptions, arguments, COMMAND)
    check_names("--backends", options.backends, BACKENDS)
    check_names("--models", options.models, tuple(MODELS))
    check_names("--formats", options.formats, tuple(FORMATS))
    folder = free_folder(options.out, RUNS)
    planned = {
        name: plan(options, name) for name in installed(options.backends)
    }
    if not any(planned.values()):
        raise UserError(
            "Expected --formats that there are on --backends. Received: "
            f"{' '.join(options.formats)} on {' '.join(options.backends)}"
        )
    findings = Findings()
    code = 0
    try:
        _work(planned, findings, folder / "logs")
    except KeyboardInterrupt:
        code = 130
    for failure in findings.failures:
        print(f"error: {failure}; see {folder / 'logs'}", file=sys.stderr)
    if not findings.cells:
        return code or 1
    print(write(folder, findings))
    said = "interrupted: what was found is in" if code else "wrote"
    print(f"{said} {folder}", file=sys.stderr)
    broken = any(cell.verdict == FAILS for cell in findings.cells)
    return code or (1 if broken or findings.failures else 0)


def plan(options: ExportOptions, backend: str) -> list[Trial]:
    """Lists what to try on a backend.

    Args:
        options: Of the command.
        backend: The backend.
    """
    models = tuple(dict.fromkeys(options.models))
    return [
        Trial(backend, name, model, activation)
        for name in dict.fromkeys(options.formats)
        if backend in FORMATS[name].backends
        for model in (models[:1] if options.quick else models)
        for activation in (SERF, CONTROL)
    ]


# The parent's side.


def _work(
    planned: Mapping[str, Sequence[Trial]], findings: Findings, logs: Path
) -> None:
    from tqdm import tqdm

    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{logs} cannot be written: {error}") from None
    with tqdm(
        total=sum(map(len, planned.values())),
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
        leave=False,
        bar_format="{desc} {bar} {n_fmt}/{total_fmt} {remaining} left",
    ) as bar:

        def show(trial: Trial, outcome: TrialResult | None) -> None:
            if outcome is not None:
                bar.update()
                return
            bar.set_description_str(
                f"{trial.backend}: {FORMATS[trial.format].label}, "
                f"{trial.model}, {trial.activation}"
            )

        for backend, trials in planned.items():
            with (logs / f"{backend}.txt").open("w+") as log:
                gather(backend, trials, findings, log, show)


def gather(
    backend: str,
    trials: Sequence[Trial],
    findings: Findings,
    log: IO[str],
    show: Callable[[Trial, TrialResult | None], None],
) -> None:
    """Makes the trials of a backend in a process of its own.

    A trial that the process does not survive is noted, and another process
    goes on with the next one.

    Args:
        backend: The backend.
        trials: On it.
        findings: What is found is added to it as it comes.
        log: Takes what converters print.
        show: Is told each trial, and None when it begins, then its outcome.
    """
    pending = list(trials)

    def done(outcome: TrialResult) -> None:
        trial = pending.pop(0)
        findings.outcomes[trial] = outcome
        show(trial, outcome)

    while pending:
        begun = False
        task = [asdict(trial) for trial in pending]
        try:
            with contextlib.closing(
                events("demos.benchmarks.export.command", backend, task, log)
            ) as found:
                for kind, content in found:
                    if kind == "begin":
                        begun = True
                        show(pending[0], None)
                    else:
                        done(TrialResult(**content))
        except EndedEarlyError as error:
            if not begun:
                findings.failures.append(f"{backend}: {error}")
                return
            done(TrialResult(reason=one_line(str(error))))


# The side of the process that exports.


def work(text: str) -> None:
    """Makes trials, and writes what comes of each to stdout.

    Args:
        text: The trials, as JSON; all on one backend.
    """
    emit: Emit = emitter()
    trials = [Trial(**each) for each in json.loads(text)]
    choose_backend(trials[0].backend)
    start_keras()
    for trial in trials:
        emit("begin", None)
        print(f"\n== {trial}", file=sys.stderr, flush=True)
        emit("end", asdict(attempt(trial)))


def attempt(trial: Trial) -> TrialResult:
    """Makes a trial on the active backend.

    First with any batch, and where that does not work, with what it may need.

    Args:
        trial: The trial.
    """
    missing = absent(trial)
    if missing:
        reason = f"{', '.join(missing)}: not installed"
        return TrialResult(reason=reason, tried=False)
    outcome = TrialResult()
    for need in _needs(trial):
        try:
            error = compare(trial, need)
        except ImportError as failure:  # The model is not to blame.
            return TrialResult(reason=reason_of(failure))
        except Exception as failure:  # Of Keras, a converter or a runtime.
            outcome = TrialResult(reason=reason_of(failure))
            print(outcome.reason, file=sys.stderr, flush=True)
            continue
        bound = FORMATS[trial.format].bound
        if error <= bound:
            return TrialResult(error, need)
        outcome = TrialResult(
            error,
            need,
            f"differs by {error:.1e} of the largest output, {bound:g} allowed",
        )
    return outcome


def absent(trial: Trial) -> list[str]:
    """Lists the modules that a trial takes and that are not installed.

    Args:
        trial: The trial.
    """
    from demos.benchmarks.export import runtimes

    chosen = FORMATS[trial.format]
    modules = list(chosen.converters.get(trial.backend, ()))
    if chosen.target:
        modules.append(runtimes.TARGETS[chosen.target].module)
    if trial.model == "transformer":
        modules.append("keras_hub")
    return [name for name in modules if importlib.util.find_spec(name) is None]


def _needs(trial: Trial) -> Sequence[str]:
    if not FORMATS[trial.format].target:
        return (ANY_BATCH,)
    if trial.model == "lstm":
        return (ANY_BATCH, FIXED_BATCH, UNROLLED)
    return (ANY_BATCH, FIXED_BATCH)


def compare(trial: Trial, need: str = ANY_BATCH) -> float:
    """Runs a model in Keras and elsewhere, and compares.

    Args:
        trial: On the active backend.
        need: One of `NEEDS`.

    Returns:
        The largest difference over the largest output.

    Raises:
        RuntimeError: The outputs are not to be compared.
        Exception: Whatever the exporter, or the runtime, raises.
    """
    import keras
    import numpy as np

    from demos.benchmarks.export import runtimes

    chosen = FORMATS[trial.format]
    keras.utils.set_random_seed(0)
    batch = None if need == ANY_BATCH else BATCH
    model = MODELS[trial.model](trial.activation, batch, need == UNROLLED)
    x = inputs(trial.model)
    y = keras.ops.convert_to_numpy(model(x))
    if chosen.quantization:
        quantize(model, chosen.quantization, x)
        found = keras.ops.convert_to_numpy(model(x))
    else:
        with tempfile.TemporaryDirectory() as folder:
            run = runtimes.deploy(model, chosen.target, Path(folder))
            found = np.asarray(run(x))
    if found.shape != y.shape or not np.isfinite(found).all():
        raise RuntimeError(
            f"it gives {found.ravel()[:4]} of shape {found.shape}, not "
            f"{y.ravel()[:4]} of shape {y.shape}"
        )
    return float(np.max(np.abs(found - y)) / np.max(np.abs(y)))


def quantize(model: Any, mode: str, x: "NDArray[Any]") -> None:
    """Quantizes a model, in place, as Keras does.

    Args:
        model: The model.
        mode: "int8", "int4" or "float8"; the last one takes its scales from
            training, which here leaves the weights alone.
        x: Inputs for that.

    Raises:
        RuntimeError: It has no layer that Keras quantizes.
    """
    with warnings.catch_warnings():
        # Each layer that has nothing to quantize says so.
        warnings.simplefilter("ignore", UserWarning)
        model.quantize(mode)
    modes = [
        getattr(layer.dtype_policy, "quantization_mode", None)
        for layer in model._flatten_layers()
    ]
    if mode not in modes:
        raise RuntimeError(f"Keras has quantized no layer to {mode}")
    if mode == "float8":
        import keras

        y = keras.ops.convert_to_numpy(model(x))
        model.compile(keras.optimizers.SGD(0.0), "mse")
        model.fit(x, y, epochs=2, verbose=0)


def reason_of(error: Exception) -> str:
    """Says in one line why something cannot be had.

    Args:
        error: What was raised.
    """
    # A converter's own error often carries its name, and a dump of its graph.
    return one_line(f"{type(error).__name__}: {error}")


def one_line(text: str, most: int = 280) -> str:
    """Puts text into one line of at most so many characters.

    Args:
        text: The text.
        most: Characters.
    """
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 3] + "..."


# The models: small, but with weights that LiteRT quantizes, 1024 at least.


def inputs(model: str) -> "NDArray[Any]":
    """Draws inputs of a model, always the same.

    Args:
        model: In `MODELS`.

    Returns:
        An array of `BATCH` examples.
    """
    import numpy as np

    draw = np.random.default_rng(0)
    if model == "transformer":
        return draw.integers(0, WORDS, (BATCH, STEPS), dtype="int32")
    shape = {
        "dense": (BATCH, FEATURES),
        "cnn": (BATCH, PIXELS, PIXELS, 3),
        "lstm": (BATCH, STEPS, FEATURES),
    }[model]
    # Wide enough to reach both tails.
    return draw.normal(0, 2, shape).astype("float32")


def _dense(activation: str, batch: int | None, unroll: bool) -> Any:
    import keras
    from keras import layers

    x = start = keras.Input((FEATURES,), batch)
    for _ in range(2):
        x = layers.Dense(64, activation=activation)(x)
    return keras.Model(start, layers.Dense(4)(x))


def _cnn(activation: str, batch: int | None, unroll: bool) -> Any:
    import keras
    from keras import layers

    x = start = keras.Input((PIXELS, PIXELS, 3), batch)
    x = layers.Conv2D(32, 3, activation=activation)(x)
    x = layers.SeparableConv2D(48, 3, activation=activation)(x)
    x = layers.Conv2D(48, 3, strides=2)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation(activation)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(start, layers.Dense(4)(x))


def _lstm(activation: str, batch: int | None, unroll: bool) -> Any:
    import keras
    from keras import layers

    x = start = keras.Input((STEPS, FEATURES), batch)
    x = layers.LSTM(
        24,
        activation=activation,
        recurrent_activation=activation,
        unroll=unroll,
    )(x)
    return keras.Model(start, layers.Dense(4)(x))


def _transformer(activation: str, batch: int | None, unroll: bool) -> Any:
    import keras
    import keras_hub

    hub: Any = keras_hub.layers  # Its defaults mislead the type checker.
    x = start = keras.Input((STEPS,), batch, dtype="int32")
    x = hub.TokenAndPositionEmbedding(WORDS, STEPS, 32)(x)
    x = hub.TransformerEncoder(64, num_heads=2, activation=activation)(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(start, keras.layers.Dense(4)(x))


MODELS: Mapping[str, Callable[[str, int | None, bool], Any]] = {
    "dense": _dense,
    "cnn": _cnn,
    "lstm": _lstm,
    "transformer": _transformer,
}
LABELS = {
    "dense": "Dense",
    "cnn": "CNN",
    "lstm": "LSTM",
    "transformer": "Transformer",
}


# The report.


def versions() -> dict[str, str]:
    """Returns the versions of those of `PACKAGES` that are installed."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def write(folder: Path, findings: Findings) -> str:
    """Writes table.md, table.csv and results.json.

    Args:
        folder: Where to.
        findings: All that was found.

    Returns:
        The text of table.md, which ends with the verdict.

    Raises:
        UserError: The folder cannot be written.
    """
    from demos.common.files import atomic
    from demos.common.files import write_json
    from demos.common.files import write_text

    text = markdown(findings, versions())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic(folder / "table.csv") as scratch:
            table(findings.cells).to_csv(scratch, index=False)
        write_text(folder / "table.md", text + "\n")
        write_json(
            folder / RESULTS,
            {
                "versions": versions(),
                "failures": findings.failures,
                "cells": [
                    {**asdict(cell), "verdict": cell.verdict}
                    for cell in findings.cells
                ],
            },
        )
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}") from None
    return text


def table(cells: Sequence[Cell]) -> "pd.DataFrame":
    """Lists all that was found, a row a cell.

    Args:
        cells: All of them.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "backend": cell.backend,
                "format": cell.format,
                "run by": runner(cell),
                "model": cell.model,
                "verdict": cell.verdict,
                "bound": FORMATS[cell.format].bound,
                **{
                    f"{activation} {key}": value
                    for activation, outcome in (
                        (SERF, cell.ours),
                        (CONTROL, cell.control),
                    )
                    for key, value in asdict(outcome).items()
                },
            }
            for cell in cells
        ]
    )


def runner(cell: Cell) -> str:
    """Returns the package and version that runs a cell.

    Args:
        cell: The cell.
    """
    from demos.benchmarks.export.runtimes import TARGETS

    target = FORMATS[cell.format].target
    if target:
        return TARGETS[target].version
    return f"keras {metadata.version('keras')}"


def markdown(findings: Findings, packages: Mapping[str, str]) -> str:
    """Writes the report as text.

    Args:
        findings: All that was found.
        packages: Versions, by name.

    Returns:
        Markdown: the table, what it says, the verdict.
    """
    from demos.report.tables import markdown_table

    cells = findings.cells
    models = list(dict.fromkeys(cell.model for cell in cells))
    lines: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        lines.setdefault((cell.format, cell.backend), {})[cell.model] = cell
    notes: dict[str, int] = {}
    header = ["format", "from", "run by", "bound"]
    rows = [header + [LABELS[model] for model in models]]
    for name in FORMATS:
        for (format, backend), found in lines.items():
            if format != name:
                continue
            shown = [
                _say(found[model], notes) if model in found else ""
                for model in models
            ]
            rows.append(
                [
                    *(FORMATS[name].label, backend),
                    runner(next(iter(found.values()))),
                    f"{FORMATS[name].bound:g}",
                    *shown,
                ]
            )
    about = ", ".join(f"{name} {version}" for name, version in packages.items())
    return "\n".join(
        [
            "# Serf, exported",
            "",
            f"Largest difference from Keras over the largest output, for "
            f"models with Serf. {about}.",
            "",
            *markdown_table(rows, left=3),
            "",
            "†: with a fixed batch size. ‡: with a fixed batch size and "
            "`unroll=True`. no: with ReLU neither. FAILS: with ReLU it works. "
            "not installed: not tried.",
            *([""] if notes else []),
            *(f"{number}. {note}" for note, number in notes.items()),
            *([""] if findings.failures else []),
            *(f"- {failure}" for failure in findings.failures),
            "",
            f"**Verdict.** {verdict(cells)}",
        ]
    )


def _say(cell: Cell, notes: MutableMapping[str, int]) -> str:
    mark = NEEDS[cell.ours.need]
    if cell.verdict == WORKS:
        return f"{cell.ours.error:.1e}{mark}"
    reason = cell.ours.reason
    if not reason:
        reason = (
            f"needs {cell.ours.need}; {CONTROL} needs "
            f"{cell.control.need or 'nothing'}"
        )
    number = notes.setdefault(reason, len(notes) + 1)
    word = "FAILS" if cell.verdict == FAILS else cell.verdict
    return f"{word} ({number})"


def verdict(cells: Sequence[Cell]) -> str:
    """Says in one sentence what the table says.

    Args:
        cells: All of them.
    """
    count = {
        name: sum(cell.verdict == name for cell in cells)
        for name in (WORKS, FAILS, NEITHER, ABSENT)
    }
    tried = len(cells) - count[ABSENT]
    text = (
        f"Serf works in {count[WORKS]} of {tried} cells; in "
        f"{count[NEITHER]} neither Serf nor ReLU does"
    )
    if count[ABSENT]:
        text += f"; {count[ABSENT]} more were not tried"
    broken = [
        f"{FORMATS[cell.format].label} from {cell.backend}, "
        f"{LABELS[cell.model]}"
        for cell in cells
        if cell.verdict == FAILS
    ]
    if broken:
        return f"{text}; ReLU works and Serf fails in: {'; '.join(broken)}."
    return f"{text}; nowhere does Serf fail where ReLU works."

"""Export report: tables of all formats, and the verdict."""

import contextlib
from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from demos.benchmarks.benchmark import RESULTS
from demos.benchmarks.export.targets import TARGETS
from demos.benchmarks.export.trials import (
    ABSENT,
    CONTROL,
    FAILS,
    INTEGER_ACTIVATIONS,
    NEEDS,
    NEITHER,
    RANGES,
    SERF,
    WORKS,
    Cell,
    Results,
    Trial,
    cells,
)
from demos.common.backend import TRAINING
from demos.common.files import write_json, write_text
from demos.report.tables import markdown_table

# Packages of converters and runtimes, besides Keras and its backends.
PACKAGES = (
    *("keras", "keras-hub", *TRAINING),
    *("onnxruntime", "onnx", "onnxscript", "tf2onnx", "jax2onnx"),
    *("openvino", "ai-edge-litert", "litert-torch", "torch-xla"),
)


def write(folder: Path, results: Results, failures: Sequence[str]) -> str:
    """Writes table.md and results.json; returns the text of table.md."""
    packages = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            packages[package] = metadata.version(package)
    text = markdown(results, failures, packages)
    content = {
        "versions": packages,
        "failures": failures,
        "cells": [
            {
                **asdict(cell),
                "run by": TARGETS[cell.format].version,
                "bound": TARGETS[cell.format].bound,
                "verdict": cell.verdict,
            }
            for cell in cells(results)
        ],
        "integers": [
            asdict(trial) | asdict(result)
            for trial, result in results.items()
            if trial.model in RANGES
        ],
    }
    write_text(folder / "table.md", text + "\n")
    write_json(folder / RESULTS, content)
    return text


def markdown(
    results: Results, failures: Sequence[str], packages: Mapping[str, str]
) -> str:
    """Returns the tables, notes on them, and the verdict."""
    about = ", ".join(f"{name} {version}" for name, version in packages.items())
    notes: dict[str, int] = {}
    whole = cells(results)
    lines = ["# Serf, exported", "", f"{about}.", ""]
    if whole:
        lines += [
            "Largest difference from Keras over the largest output, for "
            "models with Serf.",
            "",
            *markdown_table(_models_table(whole, notes), left=3),
            "",
            "†: with a fixed batch size. ‡: with a fixed batch size and "
            "`unroll=True`. no: it does not work with ReLU either. FAILS: it "
            "works with ReLU, but not with Serf. not installed: not tested.",
            "",
        ]
    integers = _integers_table(results, notes)
    if len(integers) > 1:
        lines += [
            "Integer arithmetic: largest error of only an activation, for "
            "inputs within ±3 and ±8, calibrated on these ranges.",
            "",
            *markdown_table(integers, left=4),
            "",
        ]
    lines += [f"{number}. {note}" for note, number in notes.items()]
    lines += [""] * bool(notes)
    lines += [f"- {failure}" for failure in failures] + [""] * bool(failures)
    lines += [f"**Verdict.** {verdict(whole)}"] * bool(whole)
    return "\n".join(lines).rstrip()


def _models_table(
    whole: Sequence[Cell], notes: MutableMapping[str, int]
) -> list[list[str]]:
    models = list(dict.fromkeys(cell.model for cell in whole))
    places = {(cell.format, cell.backend, cell.model): cell for cell in whole}
    rows = [["format", "from", "run by", "bound", *models]]
    for name, target in TARGETS.items():
        for backend in TRAINING:
            there = [places.get((name, backend, model)) for model in models]
            if any(there):
                texts = [_text(each, notes) if each else "" for each in there]
                row = [target.label, backend, target.version]
                rows.append([*row, f"{target.bound:g}", *texts])
    return rows


def _text(cell: Cell, notes: MutableMapping[str, int]) -> str:
    if cell.verdict == WORKS:
        return f"{cell.ours.error:.1e}{NEEDS[cell.ours.need]}"
    need = cell.control.need or "nothing"
    more = f"needs {cell.ours.need}; {CONTROL} needs {need}"
    reason = cell.ours.reason or more
    word = "FAILS" if cell.verdict == FAILS else cell.verdict
    return f"{word} ({notes.setdefault(reason, len(notes) + 1)})"


def _integers_table(
    results: Results, notes: MutableMapping[str, int]
) -> list[list[str]]:
    rows = [["format", "from", "run by", "inputs", *INTEGER_ACTIVATIONS]]
    for trial in results:
        if trial.model in RANGES and trial.activation == SERF:
            place = (trial.backend, trial.format, trial.model)
            target = TARGETS[trial.format]
            row = [target.label, trial.backend, target.version, trial.model]
            for activation in INTEGER_ACTIVATIONS:
                result = results.get(Trial(*place, activation))
                if result and result.reason:
                    number = notes.setdefault(result.reason, len(notes) + 1)
                    row.append(f"{'no' if result.tried else ABSENT} ({number})")
                else:
                    row.append(f"{result.error:.3f}" if result else "")
            rows.append(row)
    return rows


def verdict(whole: Sequence[Cell]) -> str:
    """Summarizes the table of models in one sentence."""
    count = Counter(cell.verdict for cell in whole)
    tried = len(whole) - count[ABSENT]
    text = (
        f"Serf works in {count[WORKS]} of {tried} cells; in "
        f"{count[NEITHER]} neither Serf nor ReLU does"
    )
    if count[ABSENT]:
        text += f"; {count[ABSENT]} more were not tested"
    broken = [
        f"{TARGETS[cell.format].label} from {cell.backend}, {cell.model}"
        for cell in whole
        if cell.verdict == FAILS
    ]
    if broken:
        return f"{text}; ReLU works and Serf fails in: {'; '.join(broken)}."
    return f"{text}. Serf works wherever ReLU works."

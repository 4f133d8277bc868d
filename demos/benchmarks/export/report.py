"""The report: a table of all formats, and the verdict."""

import contextlib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from demos.benchmarks.benchmark import RESULTS
from demos.benchmarks.export.formats import BACKENDS, FORMATS
from demos.benchmarks.export.targets import TARGETS
from demos.benchmarks.export.types import (
    ABSENT,
    CONTROL,
    FAILS,
    NEEDS,
    NEITHER,
    WORKS,
    Cell,
    Findings,
)
from demos.common.files import write_json, write_text
from demos.report.tables import markdown_table

LABELS = {
    "dense": "Dense",
    "cnn": "CNN",
    "lstm": "LSTM",
    "transformer": "Transformer",
}
# What converters and runtimes come from, besides Keras and its backends.
PACKAGES = (
    *("keras", "keras-hub", *BACKENDS),
    *("onnxruntime", "onnx", "onnxscript", "tf2onnx", "jax2onnx"),
    *("openvino", "ai-edge-litert", "litert-torch", "torch-xla"),
)


def write(folder: Path, findings: Findings) -> str:
    """Writes table.md and results.json.

    Returns:
        The text of table.md, which ends with the verdict.
    """
    packages = versions()
    text = markdown(findings, packages)
    cells = [
        {
            **asdict(cell),
            "run by": runner(cell),
            "bound": FORMATS[cell.format].bound,
            "verdict": cell.verdict,
        }
        for cell in findings.cells
    ]
    content = {
        "versions": packages,
        "failures": findings.failures,
        "cells": cells,
    }
    write_text(folder / "table.md", text + "\n")
    write_json(folder / RESULTS, content)
    return text


def versions() -> dict[str, str]:
    """Returns the versions of those of `PACKAGES` that are installed."""
    installed = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed[package] = metadata.version(package)
    return installed


def runner(cell: Cell) -> str:
    """Returns the package and version that runs a cell."""
    target = FORMATS[cell.format].target
    if target:
        return TARGETS[target].version
    return f"keras {metadata.version('keras')}"


def markdown(findings: Findings, packages: Mapping[str, str]) -> str:
    """Returns the table, notes on it, and the verdict.

    Args:
        findings: All that was found.
        packages: Versions, by name.
    """
    cells = findings.cells
    models = list(dict.fromkeys(cell.model for cell in cells))
    places = {(cell.format, cell.backend, cell.model): cell for cell in cells}
    lines = dict.fromkeys((cell.format, cell.backend) for cell in cells)
    notes: dict[str, int] = {}
    rows = [
        [
            "format",
            "from",
            "run by",
            "bound",
            *(LABELS[model] for model in models),
        ]
    ]
    for name, backend in sorted(lines, key=lambda at: _position(*at)):
        there = [places.get((name, backend, model)) for model in models]
        label, bound = FORMATS[name].label, FORMATS[name].bound
        rows.append(
            [
                *(label, backend, runner(next(filter(None, there)))),
                f"{bound:g}",
                *(_text(cell, notes) if cell else "" for cell in there),
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


def _position(name: str, backend: str) -> tuple[int, int]:
    return list(FORMATS).index(name), BACKENDS.index(backend)


def _text(cell: Cell, notes: MutableMapping[str, int]) -> str:
    if cell.verdict == WORKS:
        return f"{cell.ours.error:.1e}{NEEDS[cell.ours.need]}"
    reason = cell.ours.reason or (
        f"needs {cell.ours.need}; {CONTROL} needs "
        f"{cell.control.need or 'nothing'}"
    )
    number = notes.setdefault(reason, len(notes) + 1)
    word = "FAILS" if cell.verdict == FAILS else cell.verdict
    return f"{word} ({number})"


def verdict(cells: Sequence[Cell]) -> str:
    """Says in one sentence what the table says."""
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

"""The report: tables, figure and verdict."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from demos.benchmarks.accuracy.errors import NEAR_ZERO
from demos.benchmarks.accuracy.errors import QUANTITIES
from demos.benchmarks.accuracy.errors import SYMBOLS
from demos.benchmarks.accuracy.figure import draw
from demos.benchmarks.accuracy.options import DTYPES
from demos.benchmarks.accuracy.promises import Result
from demos.benchmarks.accuracy.promises import error_text
from demos.benchmarks.accuracy.promises import number_text
from demos.benchmarks.accuracy.promises import verdict
from demos.benchmarks.benchmark import RESULTS
from demos.benchmarks.names import COMPILED
from demos.benchmarks.names import EAGER
from demos.benchmarks.names import SERF
from demos.common.files import atomic
from demos.common.files import write_json
from demos.common.files import write_text
from demos.report.tables import markdown_table


def write(folder: Path, results: Sequence[Result]) -> str:
    """Writes table.csv, table.md, figure.png and results.json.

    Returns:
        The text of table.md, which ends with the verdict.
    """
    names = list(dict.fromkeys(each.backend for each in results))
    results = sorted(
        results,
        key=lambda each: (
            DTYPES.index(each.dtype),
            names.index(each.backend),
            # Exhaustive sweeps come after the samples.
            each.activation != SERF,
        ),
    )
    text = markdown(results)
    with atomic(folder / "table.csv") as path:
        table(results).to_csv(path, index=False)
    write_text(folder / "table.md", text + "\n")
    with atomic(folder / "figure.png") as path:
        draw(path, results)
    write_json(folder / RESULTS, [asdict(each) for each in results])
    return text


def table(results: Sequence[Result]) -> pd.DataFrame:
    """Lists everything but the bins, a row for each result."""
    return pd.DataFrame(
        [
            {
                "backend": each.backend,
                "version": each.version,
                "activation": each.activation,
                "source": each.source,
                "mode": each.mode,
                "dtype": each.dtype,
                "reason": each.reason,
                **{
                    f"{name}_{key}": value
                    for name, errors in each.errors.items()
                    for key, value in asdict(errors).items()
                    if key != "bins"
                },
            }
            for each in results
        ]
    )


def markdown(results: Sequence[Result]) -> str:
    """Returns what was measured, a table, what was not, and the verdict."""
    shown = [each for each in results if each.errors]
    header = [
        *("run by", "activation", "mode", "dtype", "inputs"),
        *("f: ulp", "f′: units", "f″: units", "f near 0: ulp"),
        *("NaN or inf", "limits"),
    ]
    sources = sorted({each.source for each in shown})
    notes = [f"- {note}" for note in _notes(results)]
    return "\n".join(
        [
            "# Errors of Serf",
            "",
            f"Largest errors, and where: {', '.join(sources)}.",
            "",
            "An ulp is the spacing of the dtype at the exact result. Units: "
            "eps (|G| + |x D|) for f′ = G + x D, and eps (|2 D| + |x D′|) for "
            "f″ = 2 D + x D′, with G = f/x, D = G′ and eps the spacing of the "
            "dtype at 1. In a half type, half an ulp is the best that there "
            "is. Near 0: the smallest normal numbers, whose products some "
            "hardware flushes to zero. NaN or inf: how many finite x give one, "
            "and the smallest of them.",
            "",
            *markdown_table([header, *map(_cells, shown)]),
            "",
            *([*notes, ""] if notes else []),
            f"**Verdict.** {verdict(results)}",
        ]
    )


def _cells(result: Result) -> list[str]:
    errors = [result.errors.get(name) for name in (*QUANTITIES, NEAR_ZERO)]
    nonfinite = [
        f"{SYMBOLS[name]} {e.nonfinite:,} ({number_text(e.example)})"
        for name, e in result.errors.items()
        if e.nonfinite
    ]
    limits = [limit for e in result.errors.values() for limit in e.limits]
    return [
        result.version,
        result.activation,
        result.mode,
        result.dtype,
        f"{result.errors['value'].inputs:,}",
        *("" if e is None else error_text(e) for e in errors),
        ", ".join(nonfinite) or "none",
        ", ".join(limits) or "right",
    ]


def _notes(results: Sequence[Result]) -> list[str]:
    """Says what could not be measured, and why."""
    reasons: dict[tuple[str, str], dict[str, list[str]]] = {}
    for each in results:
        reason = each.reason
        if each.errors and each.mode in (EAGER, COMPILED):
            if "derivative" not in each.errors:
                reason = "Keras has no derivatives there"
            elif (
                each.activation == SERF
                and "second_derivative" not in each.errors
            ):
                reason = f"{each.backend} compiles no second derivative"
        if reason:
            places = reasons.setdefault((each.mode, reason), {})
            places.setdefault(each.backend, []).append(each.activation)
    notes = []
    for (mode, reason), places in reasons.items():
        named = [
            # What Serf lacks, all activations lack.
            backend
            if SERF in names
            else f"{backend} ({', '.join(dict.fromkeys(names))})"
            for backend, names in places.items()
        ]
        notes.append(f"{mode}, on {', '.join(named)}: {reason}")
    return notes

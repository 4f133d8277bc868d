"""Accuracy report: a table, notes and the verdict."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from demos.benchmarks import names
from demos.benchmarks.accuracy.errors import SYMBOLS, Result, verdict
from demos.benchmarks.accuracy.options import DTYPES
from demos.benchmarks.backends import Outcome
from demos.benchmarks.benchmark import RESULTS
from demos.common.files import write_json, write_text
from demos.report.tables import markdown_table

EXPLANATION = (
    "Maximum errors, and where they occur. An ulp is the spacing of the dtype "
    "at the exact result. Units: eps (|G| + |x D|) for f′ = G + x D, and "
    "eps (|2 D| + |x D′|) for f″ = 2 D + x D′, with G = f/x, D = G′ and eps "
    "the spacing of the dtype at 1. For a half type, half an ulp is the "
    "minimum. NaN or inf: the number of finite x that give NaN or infinity, "
    "and the smallest of them."
)


def write(folder: Path, outcome: Outcome, results: Sequence[Result]) -> str:
    """Writes table.md and results.json; returns the text of table.md."""
    results = sorted(
        results,
        key=lambda each: (
            DTYPES.index(each.dtype),
            [e["backend"] for e in outcome.environments].index(each.backend),
            # Exhaustive measurements follow the samples.
            each.activation != names.SERF,
        ),
    )
    text = markdown(outcome, results)
    write_text(folder / "table.md", text + "\n")
    content = {
        "environments": outcome.environments,
        "results": [asdict(each) for each in results],
    }
    write_json(folder / RESULTS, content)
    return text


def markdown(outcome: Outcome, results: Sequence[Result]) -> str:
    """Returns the environments, the table, failures and the verdict."""
    header = [
        *("run by", "activation", "mode", "dtype", "inputs"),
        *("f: ulp", "f′: units", "f″: units", "NaN or inf", "limits"),
    ]
    rows = [_cells(each) for each in results if each.errors]
    notes = dict.fromkeys(
        f"- {each.version}, {each.activation}, {each.mode}: {each.reason}"
        for each in results
        if each.reason
    )
    return "\n".join(
        [
            *("# Errors of Serf", ""),
            *(EXPLANATION, ""),
            *(*outcome.describe(), ""),
            *(*markdown_table([header, *rows]), ""),
            *([*notes, ""] if notes else []),
            f"**Verdict.** {verdict(results)}",
        ]
    )


def _cells(result: Result) -> list[str]:
    nonfinite = [
        f"{SYMBOLS[name]} {e.nonfinite:,} ({e.example:.5g})"
        for name, e in result.errors.items()
        if e.nonfinite
    ]
    limits = [limit for e in result.errors.values() for limit in e.limits]
    return [
        *(result.version, result.activation, result.mode, result.dtype),
        f"{result.errors['value'].inputs:,}",
        *(str(result.errors.get(name, "")) for name in SYMBOLS),
        ", ".join(nonfinite) or "none",
        ", ".join(limits) or "correct",
    ]

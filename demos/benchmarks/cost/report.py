"""The report: tables, figure and all raw numbers."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from demos.benchmarks import names
from demos.benchmarks.backends import describe
from demos.benchmarks.benchmark import RESULTS
from demos.benchmarks.cost.figure import draw
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.ratios import Ratio, tabulate
from demos.benchmarks.cost.types import REFERENCES, Findings, Kept
from demos.common.files import atomic, write_json, write_text
from demos.report.tables import markdown_table

SHORT = {names.FORWARD: "fwd", names.BOTH: "fwd+bwd"}


def write(folder: Path, options: CostOptions, findings: Findings) -> str:
    """Writes timings.csv, table.md, figure.png and results.json.

    Returns:
        The text of table.md.
    """
    table = tabulate(findings.timings)
    text = markdown(table, options, findings)
    content = {
        "options": {**asdict(options), "out": str(folder)},
        **asdict(findings),
    }
    with atomic(folder / "timings.csv") as path:
        table.to_csv(path, index=False)
    write_text(folder / "table.md", text + "\n")
    if not table.empty:
        with atomic(folder / "figure.png") as path:
            draw(path, table)
    write_json(folder / RESULTS, content)
    return text


def markdown(
    table: pd.DataFrame, options: CostOptions, findings: Findings
) -> str:
    """Returns all tables, and what could not be measured.

    Args:
        table: What `ratios.tabulate` returns.
        options: The options of the command.
        findings: All that was measured.
    """
    lines = ["# The cost of Serf", ""]
    if options.quick:
        lines += ["**Smoke test: the numbers are not meaningful.**", ""]
    lines += [
        "Activations run in turns in one process, in a random order each "
        "round. Times are medians of the rounds; a ratio is the median of the "
        "ratios in each round. copy (-x) moves the same bytes as an "
        "activation and computes nothing: the limit that memory sets. "
        "Compiled is jax.jit, tf.function(jit_compile=True) and torch.compile; "
        "graph is a plain tf.function. By default Keras uses jax.jit, a graph, "
        "and eager PyTorch.",
        "",
    ]
    lines += describe(findings.environments.values())
    if not table.empty:
        lines += _elementwise_tables(table, options.size)
        lines += _growth_tables(table)
        for work, reference in (
            (names.COMPILE, names.GELU),
            (names.TRANSFORMER, names.RELU),
            (names.CNN, names.RELU),
        ):
            lines += _model_table(table, work, reference)
    lines += _kept_table(findings.kept)
    if findings.failures:
        lines += ["", "## Not measured", ""]
        lines += [f"- {failure}" for failure in findings.failures]
    return "\n".join(lines)


def _elementwise_tables(table: pd.DataFrame, size: int) -> list[str]:
    """Compares all activations, at one size."""
    single = table[table["work"].isin(SHORT) & (table["size"] == size)]
    columns = [
        "nanoseconds",
        *(f"of {name}" for name in (names.GELU, names.MISH, names.COPY)),
    ]
    lines: list[str] = []
    for (backend, dtype, mode), group in single.groupby(
        ["backend", "dtype", "mode"], sort=False
    ):
        wide = group.pivot(index="activation", columns="work", values=columns)
        wide = wide.reindex(group["activation"].unique())
        passes = [work for work in SHORT if work in set(group["work"])]
        order = [(column, work) for work in passes for column in columns]
        header = [
            f"{SHORT[work]} {column.replace('nanoseconds', 'ns')}"
            for column, work in order
        ]
        rows = [
            [str(name), *map(_number, row)]
            for name, row in zip(wide.index, wide[order].values, strict=True)
        ]
        lines += ["", f"## {backend}, {dtype}, {mode}, {size:,} elements", ""]
        lines += markdown_table([["activation", *header], *rows])
    return lines


def _growth_tables(table: pd.DataFrame) -> list[str]:
    """Shows Serf at many sizes."""
    serf = table[
        table["work"].isin(SHORT)
        & (table["mode"] == names.COMPILED)
        & (table["dtype"] == "float32")
        & (table["activation"] == names.SERF)
    ]
    columns = ["nanoseconds", *(f"of {name}" for name in REFERENCES)]
    lines: list[str] = []
    for backend, group in serf.groupby("backend", sort=False):
        if group["size"].nunique() < 2:
            continue
        rows = [["elements", "pass", "ns per element", *columns[1:]]]
        for row in group.sort_values(["work", "size"]).to_dict("records"):
            numbers = [_number(row[column]) for column in columns]
            rows.append([f"{row['size']:,}", row["work"], *numbers])
        lines += ["", f"## {backend}, serf, float32, compiled, by size", ""]
        lines += markdown_table(rows)
    return lines


def _model_table(table: pd.DataFrame, work: str, reference: str) -> list[str]:
    """Compares activations in whole models, on all backends."""
    chosen = table[table["work"] == work]
    if chosen.empty:
        return []
    header = ["activation"]
    cells: dict[str, list[str]] = {n: [] for n in chosen["activation"].unique()}
    for (backend, mode), group in chosen.groupby(
        ["backend", "mode"], sort=False
    ):
        header += [f"{backend} {mode} ms", f"of {reference}"]
        by_name = group.set_index("activation")
        for name, row in cells.items():
            if name not in by_name.index:
                row += ["", ""]
                continue
            one = by_name.loc[name]
            quartiles = [f"of {reference}{q}" for q in ("", " q1", " q3")]
            row += [f"{1e3 * one['seconds']:,.1f}", str(Ratio(*one[quartiles]))]
    rows = [header, *([name, *row] for name, row in cells.items())]
    title = f"## {work[0].upper()}{work[1:]}"
    return ["", title, "", *markdown_table(rows)]


def _kept_table(kept: Sequence[Kept]) -> list[str]:
    if not kept:
        return []
    columns = list(dict.fromkeys((k.backend, k.mode) for k in kept))
    texts = {
        (k.activation, k.backend, k.mode): f"{k.total:g} ({k.besides:g})"
        for k in kept
    }
    rows = [
        [name, *(texts.get((name, *column), "") for column in columns)]
        for name in dict.fromkeys(k.activation for k in kept)
    ]
    header = ["activation", *(" ".join(column) for column in columns)]
    return [
        "",
        "## Kept for the backward pass",
        "",
        "Bytes per element in float32; in brackets, without input and output. "
        "Not measured in TensorFlow's graphs and with XLA, where it depends on "
        "the whole model.",
        "",
        *markdown_table([header, *rows]),
    ]


def _number(value: Any) -> str:
    return "" if np.isnan(value) else f"{value:#.3g}".rstrip(".")

"""Cost report: tables, figure and raw numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from demos.benchmarks import names
from demos.benchmarks.backends import Outcome
from demos.benchmarks.benchmark import RESULTS
from demos.benchmarks.cost.figure import draw
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.plan import Cell
from demos.common.files import atomic, write_json, write_text
from demos.report.tables import markdown_table

REFERENCES = (names.GELU, names.MISH, names.COPY, names.RELU)  # For ratios.
CELL = [each.name for each in fields(Cell)]
EXPLANATION = (
    "Activations run in one process, in a random order in each round. Times "
    "are medians over the rounds; a ratio is the median of the ratios in each "
    "round. copy (-x) moves the same bytes as an activation without computing, "
    "so it shows the memory limit. Compiled is jax.jit, "
    "tf.function(jit_compile=True) and torch.compile; graph is a plain "
    "tf.function. By default, Keras uses jax.jit, a graph, and eager PyTorch."
)

Record = Mapping[str, Any]


@dataclass
class Findings(Outcome):
    """All results, in the order of measurement."""

    # The fields of a `plan.Cell`, `activation`, and `seconds`: the time of one
    # call in each round. The activations of a cell share the rounds.
    timings: list[Record] = field(default_factory=list)
    # `backend`, `mode`, `activation`, and `total` and `besides` of `weigh`.
    kept: list[Record] = field(default_factory=list)
    # `backend`, `work`, `activation`, `seconds` and `mebibytes`.
    lengths: list[Record] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)  # With the reasons.


def write(folder: Path, options: CostOptions, findings: Findings) -> str:
    """Writes all files of the report; returns the text of table.md."""
    table = tabulate(findings.timings)
    text = markdown(table, options, findings)
    with atomic(folder / "timings.csv") as path:
        table.to_csv(path, index=False)
    write_text(folder / "table.md", text + "\n")
    if not table.empty:
        with atomic(folder / "figure.png") as path:
            draw(path, table)
    about = {"options": asdict(options) | {"out": str(folder)}}
    write_json(folder / RESULTS, about | asdict(findings))
    return text


def tabulate(timings: Sequence[Record]) -> pd.DataFrame:
    """Returns a table of times and ratios, one row per timing.

    The columns are those of the cell, `activation`, `rounds`, `seconds`
    (median), `nanoseconds` per element, and for each of `REFERENCES` the ratio
    `of <name>` with its quartiles `of <name> q1` and `q3` over the rounds; NaN
    if the reference was not measured.
    """
    key = itemgetter(*CELL)
    times = {(key(t), t["activation"]): t["seconds"] for t in timings}
    rows = []
    for timing in timings:
        seconds = timing["seconds"]
        row = {**timing, "rounds": len(seconds), "seconds": np.median(seconds)}
        row["nanoseconds"] = 1e9 * row["seconds"] / (row["size"] or math.nan)
        for name in REFERENCES:
            other = times.get((key(timing), name), math.nan)
            quartiles = np.quantile(
                np.divide(seconds, other), (0.25, 0.5, 0.75)
            )
            columns = (f"of {name}{end}" for end in (" q1", "", " q3"))
            row |= zip(columns, quartiles, strict=True)
        rows.append(row)
    return pd.DataFrame(rows)


def markdown(
    table: pd.DataFrame, options: CostOptions, findings: Findings
) -> str:
    """Returns all tables: of the result of `tabulate`, and of the rest."""
    lines = ["# The cost of Serf", ""]
    if options.quick:
        lines += ["**Smoke test: the numbers are not meaningful.**", ""]
    lines += [EXPLANATION, "", *findings.describe()]
    if not table.empty:
        lines += _elementwise_tables(table)
        for work in names.MODEL_WORK:
            lines += _model_table(table, work)
    lines += _lengths_table(findings.lengths)
    lines += _kept_table(findings.kept)
    missing = [f"- {each}" for each in findings.unmeasured + findings.failures]
    return "\n".join(lines + (_section("Not measured", *missing)))


def _section(title: str, *lines: str) -> list[str]:
    return ["", f"## {title}", "", *lines] if lines else []


def _elementwise_tables(table: pd.DataFrame) -> list[str]:
    """Compares all activations: with GELU at each size, else at the largest."""
    single = table[table["work"].isin((names.FORWARD, names.BOTH))]
    references = (names.GELU, names.MISH, names.COPY)
    columns = ["nanoseconds", *(f"of {name}" for name in references)]
    lines: list[str] = []
    for (backend, dtype, mode), group in single.groupby(
        ["backend", "dtype", "mode"], sort=False
    ):
        *smaller, largest = sorted(group["size"].unique())
        rows = [["pass", "activation", "ns each", *columns[1:]]]
        rows[0] += [f"of {names.GELU}, {size:,}" for size in smaller]
        for (work, name), sizes in group.groupby(
            ["work", "activation"], sort=False
        ):
            by_size = sizes.set_index("size")
            numbers = [by_size[column][largest] for column in columns]
            numbers += [by_size[columns[1]].get(size) for size in smaller]
            rows.append([work, name, *map(_number, numbers)])
        title = f"{backend}, {dtype}, {mode}, {largest:,} elements"
        lines += _section(title, *markdown_table(rows, left=2))
    return lines


def _model_table(table: pd.DataFrame, work: str) -> list[str]:
    """Compares activations in whole models, with quartiles of the ratios."""
    references = (names.GELU, names.RELU)
    rows = [["backend", "mode", "activation", "ms"]]
    rows[0] += [f"of {name}" for name in references]
    for row in table[table["work"] == work].to_dict("records"):
        milliseconds = f"{1e3 * row['seconds']:,.1f}"
        rows.append([row["backend"], row["mode"], row["activation"]])
        rows[-1] += [milliseconds, *(_ratio(row, name) for name in references)]
    if len(rows) == 1:
        return []
    title = f"{work[0].upper()}{work[1:]}"
    if work == names.FIRST_STEP:
        title += ", each in a new process: tracing, compiling"
    return _section(title, *markdown_table(rows, left=3))


def _ratio(row: Mapping[Any, Any], name: str) -> str:
    low, median, high = (row[f"of {name}{end}"] for end in (" q1", "", " q3"))
    if math.isnan(median):
        return ""
    return f"{median:.3f} ({low:.3f} to {high:.3f})"


def _lengths_table(lengths: Sequence[Record]) -> list[str]:
    """Compares activations on batches whose size keeps changing."""
    gelu = {
        (each["backend"], each["work"]): each["seconds"]
        for each in lengths
        if each["activation"] == names.GELU
    }
    rows = [["backend", "work", "activation", "seconds", "more", "MiB"]]
    for each in lengths:
        seconds = each["seconds"]
        more = seconds - gelu.get((each["backend"], each["work"]), math.nan)
        rows.append([each["backend"], each["work"], each["activation"]])
        rows[-1] += [f"{seconds:.2f}", f"{more:+.2f}"]
        rows[-1] += [f"{each['mebibytes']:.0f}"]
    if not lengths:
        return []
    return _section(
        "200 different batch sizes, three times each",
        "A perceptron with four hidden layers, as Keras runs it by default, "
        f"in a new process: seconds, difference from {names.GELU} in seconds, "
        "and growth of the memory of the process.",
        "",
        *markdown_table(rows, left=3),
    )


def _kept_table(kept: Sequence[Record]) -> list[str]:
    rows = [["backend", "mode", "activation", "total", "without in/out"]]
    for each in kept:
        rows.append([each["backend"], each["mode"], each["activation"]])
        rows[-1] += [f"{each['total']:g}", f"{each['besides']:g}"]
    if not kept:
        return []
    return _section(
        "Stored for the backward pass",
        "Bytes per element in float32, in total and without input and output. "
        "Not measured in TensorFlow graphs and with XLA, where they depend on "
        "the whole model.",
        "",
        *markdown_table(rows, left=3),
    )


def _number(value: Any) -> str:
    return "" if np.isnan(value) else f"{value:#.3g}".rstrip(".")

"""The report: tables, figure and all raw numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from demos.benchmarks import names
from demos.benchmarks.backends import describe
from demos.benchmarks.benchmark import RESULTS
from demos.benchmarks.cost.figure import draw
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.plan import Cell
from demos.common.files import atomic, write_json, write_text
from demos.report.tables import markdown_table

SHORT = {names.FORWARD: "fwd", names.BOTH: "fwd+bwd"}
REFERENCES = (names.GELU, names.MISH, names.COPY, names.RELU)  # Of ratios.
CELL = [each.name for each in fields(Cell)]
EXPLANATION = (
    "Activations run in turns in one process, in a random order each round. "
    "Times are medians of the rounds; a ratio is the median of the ratios in "
    "each round. copy (-x) moves the same bytes as an activation and computes "
    "nothing: the limit that memory sets. Compiled is jax.jit, "
    "tf.function(jit_compile=True) and torch.compile; graph is a plain "
    "tf.function. By default Keras uses jax.jit, a graph, and eager PyTorch."
)

Record = Mapping[str, Any]


@dataclass
class Findings:
    """All that was measured, in the order of measurement.

    Attributes:
        environments: Versions, processor and cores of each backend.
        timings: The fields of a `plan.Cell`, `activation`, and `seconds`: the
            time of one call in each round; the activations of a cell share its
            rounds.
        kept: `backend`, `mode`, `activation`, `total` and `besides`, as
            `measure.weigh` returns them.
        lengths: `backend`, `work`, `activation`, `seconds` and `mebibytes`.
        failures: What could not be measured, and why.
    """

    environments: list[Record] = field(default_factory=list)
    timings: list[Record] = field(default_factory=list)
    kept: list[Record] = field(default_factory=list)
    lengths: list[Record] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, kind: str, content: Any) -> None:
        """Adds what a child process has emitted to the list `kind`."""
        getattr(self, kind).append(content)


def write(folder: Path, options: CostOptions, findings: Findings) -> str:
    """Writes timings.csv, table.md, figure.png and results.json.

    Returns the text of table.md.
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


def tabulate(timings: Sequence[Record]) -> pd.DataFrame:
    """Makes a table of times and ratios, a row for each timing.

    The columns are those of the cell, `activation`, `rounds`, `seconds`
    (median), `nanoseconds` per element, and for each of `REFERENCES` the ratio
    `of <name>` with its quartiles `of <name> q1` and `q3`, over the rounds; NaN
    where the reference was not measured.
    """

    def key(timing: Record) -> tuple[Any, ...]:
        return tuple(timing[name] for name in CELL)

    times = {(key(t), t["activation"]): t["seconds"] for t in timings}
    rows = []
    for timing in timings:
        seconds = timing["seconds"]
        row = dict(timing)
        row |= {"rounds": len(seconds), "seconds": np.median(seconds)}
        size = row["size"] or math.nan
        row["nanoseconds"] = 1e9 * row["seconds"] / size
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
    """Returns all tables, of what `tabulate` returned and of the rest."""
    lines = ["# The cost of Serf", ""]
    if options.quick:
        lines += ["**Smoke test: the numbers are not meaningful.**", ""]
    lines += [EXPLANATION, "", *describe(findings.environments)]
    if not table.empty:
        lines += _elementwise_tables(table, options.size)
        for work in names.MODEL_WORK:
            lines += _model_table(table, work)
    lines += _lengths_table(findings.lengths)
    lines += _kept_table(findings.kept)
    if findings.failures:
        failures = [f"- {failure}" for failure in findings.failures]
        lines += ["", "## Not measured", "", *failures]
    return "\n".join(lines)


def _section(title: str, *lines: str) -> list[str]:
    return ["", f"## {title}", "", *lines]


def _elementwise_tables(table: pd.DataFrame, size: int) -> list[str]:
    """Compares all activations, at one size."""
    single = table[table["work"].isin(SHORT) & (table["size"] == size)]
    references = (names.GELU, names.MISH, names.COPY)
    columns = ["nanoseconds", *(f"of {name}" for name in references)]
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
        lines += _section(
            f"{backend}, {dtype}, {mode}, {size:,} elements",
            *markdown_table([["activation", *header], *rows]),
        )
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
        "200 batch sizes in turn, three times over",
        "A perceptron with four hidden layers, as Keras runs it by default, "
        f"in a new process: seconds, how many more than {names.GELU} takes, "
        "and by how much the memory of the process grows.",
        "",
        *markdown_table(rows, left=3),
    )


def _kept_table(kept: Sequence[Record]) -> list[str]:
    if not kept:
        return []
    columns = list(dict.fromkeys((k["backend"], k["mode"]) for k in kept))
    texts = {
        (k["activation"], k["backend"], k["mode"]): (
            f"{k['total']:g} ({k['besides']:g})"
        )
        for k in kept
    }
    rows = [["activation", *map(" ".join, columns)]]
    for name in dict.fromkeys(k["activation"] for k in kept):
        rows.append([name, *(texts.get((name, *c), "") for c in columns)])
    return _section(
        "Kept for the backward pass",
        "Bytes per element in float32; in brackets, without input and output. "
        "Not measured in TensorFlow's graphs and with XLA, where it depends on "
        "the whole model.",
        "",
        *markdown_table(rows),
    )


def _number(value: Any) -> str:
    return "" if np.isnan(value) else f"{value:#.3g}".rstrip(".")

"""Tables of a study, as data frames, Markdown and LaTeX."""

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from demos.report import statistics
from demos.report.comparisons import Analysis
from demos.report.figures.forest import chip
from demos.report.trials import by_label, finished, further_settings
from demos.report.types import Baselines, Metric, Presentation, Table
from demos.study.trial import TrialRecord


def summarize(
    results: Sequence[TrialRecord],
    metrics: Sequence[Metric],
    baselines: Baselines,
) -> pd.DataFrame:
    """Summarizes trials, one row for each setting, followed by baselines.

    Args:
        results: Records of all trials, including failed ones.
        metrics: The metrics to summarize.
        baselines: Metrics of the baselines, by name; at least the first metric.

    Returns:
        A table with the columns `model`, one for each setting besides the
        activation, `kind` (trained or baseline), `seeds`, `failed`, the mean of
        each metric, `<key>_interval` (half-width of the 95% t interval),
        `<key>_low` and `<key>_high` (limits of the 95% bootstrap interval),
        `seconds` (mean per trial) and `parameters`.
    """
    rows = []
    for group in by_label(results).values():
        done = finished(group)
        row: dict[str, Any] = {
            "model": group[0].settings["activation"],
            **further_settings(group[0]),
            "kind": "trained",
            "seeds": len(done),
            "failed": len(group) - len(done),
        }
        if done:
            for key in (metric.key for metric in metrics):
                sample = [result.metrics[key] for result in done]
                row[key], row[f"{key}_interval"] = statistics.interval(sample)
                row[f"{key}_low"], row[f"{key}_high"] = statistics.bootstrap(
                    sample
                )
            row["seconds"] = np.mean([result.seconds for result in done])
            row["parameters"] = done[0].parameters
        rows.append(row)
    for name, scores in baselines.items():
        values = {m.key: scores[m.key] for m in metrics if m.key in scores}
        # Empty, because missing values would turn the others into floats.
        none = dict.fromkeys(further_settings(results[0]), "")
        rows.append({"model": name, **none, "kind": "baseline", **values})
    table = pd.DataFrame(rows)
    counts = ["seeds", "failed", "parameters"]
    return table.astype({name: "Int64" for name in counts if name in table})


def list_trials(results: Sequence[TrialRecord]) -> pd.DataFrame:
    """Lists every trial, including failed ones.

    Returns:
        One row per trial: settings, `seed`, all metrics, `seconds`,
        `parameters`, `finished` and `reason`.
    """
    keys = list(finished(results)[0].metrics)
    return pd.DataFrame(
        [
            {
                **result.settings,
                "seed": result.seed,
                **{key: result.metrics.get(key, math.nan) for key in keys},
                "seconds": result.seconds,
                "parameters": result.parameters,
                "finished": result.finished,
                "reason": result.reason,
            }
            for result in results
        ]
    )


def cells(
    table: pd.DataFrame,
    results: Sequence[TrialRecord],
    presentation: Presentation,
) -> list[list[str]]:
    """Formats the result of `summarize`: the header, then the rows."""
    further = list(further_settings(results[0]))
    header = [
        "model",
        *further,
        *(["tuned"] if presentation.chosen else []),
        "seeds",
        *(metric.label for metric in presentation.metrics),
        "seconds",
        "parameters",
    ]
    rows = [
        [
            f"{row['model']} (baseline)"
            if row["kind"] == "baseline"
            else row["model"],
            *(str(row[name]) for name in further),
            *([_tuned(row, presentation)] if presentation.chosen else []),
            _cell(row["seeds"], "d"),
            *(_score(row, metric) for metric in presentation.metrics),
            _cell(row["seconds"], ".1f"),
            _cell(row["parameters"], ",d"),
        ]
        for row in table.to_dict("records")
    ]
    return [header, *rows]


def markdown(
    header_and_rows: Sequence[Sequence[str]],
    results: Sequence[TrialRecord],
    presentation: Presentation,
    verdict: str,
) -> str:
    """Formats the report as Markdown.

    The rows are the result of `cells`. The verdict is the last paragraph.
    """
    failures = [
        f"- {result.label}, seed {result.seed}, failed: "
        f"{without_html(result.reason)}"
        for result in results
        if result.reason
    ]
    return "\n".join(
        [
            f"# {without_html(presentation.title)}",
            "",
            *(
                f"{without_html(note)}\n"
                for note in (*presentation.warnings, *presentation.notes)
            ),
            presentation.interval_note,
            "",
            *markdown_table(header_and_rows, left=len(results[0].settings)),
            "",
            *([*failures, ""] if failures else []),
            *(
                line
                for table in presentation.tables
                for line in captioned(table)
            ),
            f"**Verdict.** {verdict}",
        ]
    )


def captioned(table: Table) -> list[str]:
    """Returns the lines of a Markdown table below its caption."""
    rows = markdown_table([table.header, *table.rows], table.left)
    return [f"{table.caption}:", "", *rows, ""]


def without_html(text: str) -> str:
    """Escapes HTML tags and entities, which Markdown would keep.

    Example:

    >>> without_html("<b> & 1 < 2")
    '&lt;b> & 1 < 2'
    """
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def markdown_table(
    header_and_rows: Sequence[Sequence[str]], left: int = 1
) -> list[str]:
    """Returns the lines of a Markdown table with aligned columns.

    Args:
        header_and_rows: The header, then the rows.
        left: Number of left-aligned columns; the others are right-aligned.
    """
    rows = [
        [without_html(cell).replace("|", r"\|") for cell in row]
        for row in header_and_rows
    ]
    widths = [max(2, *map(len, column)) for column in zip(*rows, strict=True)]
    rule = [
        "-" * width if i < left else "-" * (width - 1) + ":"
        for i, width in enumerate(widths)
    ]
    return [
        "| "
        + " | ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in (rows[0], rule, *rows[1:])
    ]


def latex(header_and_rows: Sequence[Sequence[str]], left: int) -> str:
    """Formats a LaTeX `tabular` in the style of the package booktabs.

    For the arguments, see `markdown_table`.
    """
    header, *rows = header_and_rows
    tabular = (
        pd.DataFrame(rows, columns=header)
        .style.hide(axis="index")
        .format(escape="latex")
        .format_index(escape="latex", axis="columns")
        .to_latex(
            column_format="l" * left + "r" * (len(header) - left),
            hrules=True,
        )
    )
    # The character itself needs a font encoding that includes it.
    tabular = tabular.replace("±", r"$\pm$")
    return f"% Needs \\usepackage{{booktabs}}.\n{tabular}"


def terminal(
    table: pd.DataFrame,
    presentation: Presentation,
    analysis: Analysis,
    sentences: Sequence[str],
) -> str:
    """Formats scores and verdict as plain text of at most 80 columns.

    `table` is the result of `summarize`. The verdicts of `analysis` are in the
    rows if there is one for each activation. `sentences` are the findings.
    """
    metric = presentation.metrics[0]
    reference, words = analysis.reference, {}
    if not analysis.levels:
        words = {n: chip(w, reference) for n, w in analysis.verdicts.items()}
        words[reference] = "reference"
    rows = [
        (
            row["model"],
            _settings(table, row),
            _score(row, metric),
            "baseline"
            if row["kind"] == "baseline"
            else words.get(row["model"], ""),
        )
        for row in table.to_dict("records")
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        for row in rows
    ]
    return "\n".join(
        [
            f"{presentation.title}: test {metric.label}",
            "",
            *(f"  {line}"[:80].rstrip() for line in lines),
            "",
            *(
                textwrap.fill(line, 80)
                for line in (*presentation.warnings, *sentences)
            ),
        ]
    )


def _settings(table: pd.DataFrame, row: Mapping[str, Any]) -> str:
    names = list(table.columns[1 : list(table.columns).index("kind")])
    return ", ".join(f"{n}={row[n]}" for n in names if row[n] != "")


def _tuned(row: Mapping[str, Any], presentation: Presentation) -> str:
    chosen = presentation.chosen.get(row["model"], {})
    return ", ".join(f"{name}={value}" for name, value in chosen.items())


def _cell(value: float, form: str) -> str:
    return "" if pd.isna(value) else format(value, form)


def _score(row: Mapping[str, Any], metric: Metric) -> str:
    """Formats a mean with its interval; empty if there is none."""
    form = f".{metric.decimals}f"
    mean = _cell(row.get(metric.key, math.nan), form)
    half_width = _cell(row.get(f"{metric.key}_interval", math.nan), form)
    return f"{mean} ± {half_width}" if half_width else mean

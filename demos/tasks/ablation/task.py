"""Ablation: a study of each axis on small networks, and one summary page."""

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from demos.common.errors import UnfinishedError, UserError
from demos.common.files import atomic, write_text
from demos.common.keras_config import channels_last
from demos.common.progress import log
from demos.report.comparisons import analyze
from demos.report.figures.scores import draw_studies
from demos.report.html_report import embedded, fill
from demos.report.tables import markdown_table
from demos.report.trials import reference_of
from demos.report.types import Report, Table
from demos.tasks import study
from demos.tasks.ablation.options import RUNS, AblationOptions, axis_texts
from demos.tasks.ablation.verdict import (
    DEPTH,
    HEADER,
    summary,
    table,
)
from demos.tasks.classification.options import check
from demos.tasks.classification.task import ClassificationTask, load
from demos.tasks.demo import smoke_test
from demos.tasks.metrics import COMPARED

PAGE = "ablation.html"


def run(options: AblationOptions) -> Report:
    """Runs a study of each axis, and reports on all of them."""
    channels_last()
    texts = axis_texts(options)
    if options.quick:
        options = smoke_test(options)
    task = load(options)
    folder = options.out or RUNS / task.dataset.name
    for text in texts.values():  # Reports errors before training.
        study.trials_of(task, replace(options, vary=(text,)), check)
    reports: dict[str, Report] = {}
    failed: dict[str, str] = {}
    for number, (axis, text) in enumerate(texts.items(), 1):
        log(f"axis {number}/{len(texts)}: {text}")
        out = options.out and options.out / axis
        try:
            reports[axis] = study.run(
                replace(task),  # A new instance, since tasks keep models.
                replace(options, vary=(text,), out=out),
                folder,
                check,
            )
        except UnfinishedError as error:
            failed[axis] = str(error)
    if not reports:
        raise UnfinishedError(next(iter(failed.values())))
    warnings = [study.SMOKE_TEST] * options.quick
    notes = [
        task.describe(),
        *(f"{axis}: {reason}" for axis, reason in failed.items()),
        f"Not varied: {fixed(task)}.",
    ]
    return write(folder, reports, notes, warnings)


def fixed(task: ClassificationTask) -> str:
    """Returns the shared options that are not 0 or off."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for config in (task.model, task.training)
        for name, value in vars(config).items()
        if value
    )


def write(
    folder: Path,
    reports: Mapping[str, Report],
    notes: Sequence[str],
    warnings: Sequence[str] = (),
) -> Report:
    """Writes the results of all studies, and returns a report.

    It writes ablation.html, ablation.md and ablation.png. The warnings are
    reasons why the scores may not be meaningful.
    """
    metric = COMPARED["ablation"]
    records = {axis: one.results for axis, one in reports.items()}
    analyses = {
        axis: analyze(one.results, metric, one.baselines, studies=len(reports))
        for axis, one in reports.items()
    }
    depth = None
    if DEPTH in reports:
        alone = reports[DEPTH]
        depth = analyze(alone.results, metric, alone.baselines)
    verdicts = summary(analyses, depth, metric)
    every = tuple(record for ours in records.values() for record in ours)
    reference = reference_of(every)
    title = "Ablation: one hyperparameter at a time"
    chart = draw_studies(records, metric, title)
    notes = [*notes, f"{len(reports)} studies, {len(every)} trials."]
    pages = {axis: one.folder / "report.html" for axis, one in reports.items()}
    cells = table(analyses, metric)
    lines = [
        f"# {title}",
        "",
        *(f"{note}\n" for note in (*warnings, *notes)),
        *markdown_table([HEADER, *cells], left=3),
        "",
        f"**Verdict.** {' '.join(verdicts)}",
    ]
    text = "\n".join(lines)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "ablation.md", text)
        with atomic(folder / chart.name) as scratch:
            chart.save(scratch)
        page = fill(
            PAGE,
            title=title,
            warnings=warnings,
            findings=verdicts,
            notes=notes,
            pictures=embedded({chart: folder / chart.name}),
            comparisons=Table(
                f"{reference} against the others: {metric.label}",
                HEADER,
                cells,
                left=3,
            ),
            studies=[
                {
                    "axis": axis,
                    "findings": one.findings,
                    "link": Path(
                        os.path.relpath(pages[axis], folder)
                    ).as_posix(),
                }
                for axis, one in reports.items()
            ],
            command=study.command_line(),
        )
        write_text(folder / PAGE, page)
    except OSError as error:
        raise UserError(f"{folder} is not writable: {error}") from None
    short = [textwrap.fill(line, 80) for line in (*warnings, *verdicts)]
    short.append(f"report: {folder / PAGE}")
    return Report(text, folder, every, short="\n".join(short))

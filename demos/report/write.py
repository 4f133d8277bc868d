"""Writes a report: tables, figures and an HTML page with both."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from demos.common.files import atomic, write_json, write_text
from demos.report import html_report, tables
from demos.report.comparisons import analyze
from demos.report.figures import charts, forest
from demos.report.figures.studies import draw_verdict
from demos.report.findings import alerts, findings
from demos.report.summary import StudyVerdict
from demos.report.types import Baselines, Presentation, Report, Table
from demos.study.trial import TrialRecord


def write_report(
    folder: Path,
    results: Sequence[TrialRecord],
    baselines: Baselines,
    presentation: Presentation,
) -> Report:
    """Writes the tables, the figures and report.html.

    Args:
        folder: Output folder for table.csv, table.md, table.tex, trials.csv,
            verdict.json, verdict.png, report.html, the task's charts, and the
            charts of `charts.NAMES`.
            Outdated charts of an earlier report are deleted.
        results: Records of all trials, including failed ones; at least one
            must have finished.
        baselines: Metrics of the baselines, by name; the first baseline is the
            trivial one.
        presentation: Names and notes.

    Returns:
        The report. Its text is that of table.md.
    """
    summary = tables.summarize(results, presentation.metrics, baselines)
    cells = tables.cells(summary, results, presentation)
    analysis = analyze(
        results,
        presentation.metrics[0],
        baselines,
        presentation.reference,
        presentation.margin,
    )
    sentences = findings(analysis, results)
    text = tables.markdown(cells, results, presentation, " ".join(sentences))
    listed = tables.list_trials(results)
    for name, frame in (("table", summary), ("trials", listed)):
        with atomic(folder / f"{name}.csv") as scratch:
            frame.to_csv(
                scratch,
                index=False,
                encoding="utf-8",
                errors="backslashreplace",
            )
    write_text(folder / "table.md", text)
    record = StudyVerdict.of(presentation.title, analysis, results)
    write_json(folder / "verdict.json", asdict(record))
    left = len(results[0].settings)
    write_text(folder / "table.tex", tables.latex(cells, left))
    drawn = [
        *charts.draw(results, baselines, presentation, analysis),
        *presentation.pictures,
    ]
    pictures = {chart: folder / chart.name for chart in drawn}
    if forest.rows(analysis.comparisons, analysis):
        # The page has the same as HTML.
        drawn.append(draw_verdict(analysis, sentences[0]))
    for chart in drawn:
        with atomic(folder / chart.name) as scratch:
            chart.save(scratch)
    for name in {*charts.NAMES} - {chart.name for chart in drawn}:
        (folder / name).unlink(missing_ok=True)
    warnings = (*presentation.warnings, *alerts(analysis, results))
    card = html_report.card(presentation, analysis, sentences, warnings)
    scores = Table("Scores on the test split", cells[0], cells[1:], left)
    page = html_report.render(
        results,
        presentation,
        analysis,
        sentences,
        card,
        scores,
        listed,
        pictures,
    )
    write_text(folder / "report.html", page)
    return Report(
        text,
        folder,
        tuple(results),
        baselines,
        tuple(sentences),
        analysis.verdicts,
        tables.terminal(summary, presentation, analysis, sentences)
        + f"\nreport: {folder / 'report.html'}",
        html_report.fill("notebook.html", card=card, scores=scores),
    )

"""Summary: reads the verdicts of studies and writes one page."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from demos.common.errors import UserError
from demos.common.files import atomic, read_json, write_text
from demos.common.text import folder_name
from demos.report.figures import scores
from demos.report.figures.studies import draw_studies
from demos.report.html_report import embedded, fill
from demos.report.summary import (
    Scores,
    StudyVerdict,
    mean_ranks,
    probability_of_improvement,
)
from demos.report.tables import captioned
from demos.report.trials import varied
from demos.report.types import Table
from demos.tasks.options import check_unique
from demos.tasks.summary import record
from demos.tasks.summary.options import VERDICT

TITLE = "All studies"


def summarize(paths: Sequence[Path], out: Path) -> str:
    """Reads studies and writes their summary.

    Args:
        paths: Folders of studies, or tables of trials that this command wrote.
            Studies in a table that vary more than the activation are listed
            separately and not included in the totals.
        out: Output folder for summary.html, summary.md, summary.png,
            trials.csv.gz, and one PNG for each study in a table that varies
            more than the activation.

    Returns:
        The sentence on all studies, and the path of summary.html.

    Raises:
        UserError: If a folder has no verdict, a file is not a table of trials,
            or `out` is not writable.
    """
    recorded = [
        s for path in paths if path.is_file() for s in record.read(path)
    ]
    folders = [path for path in paths if not path.is_file()]
    verdicts = [_read(folder / VERDICT) for folder in folders]
    every = [*recorded, *map(record.of_folder, folders)]
    check_unique("the summary", [study.name for study in every])
    studies = [
        *(s.verdict() for s in recorded if not varied(s.results)),
        *verdicts,
    ]
    if not studies:
        raise UserError("no study varies the activation alone; give one more")
    tables = [_verdicts(studies), *_aggregates(studies)]
    charts = {"summary.png": draw_studies(studies, TITLE)}
    for study in recorded:
        if varied(study.results):
            charts[f"{folder_name(study.name)}.png"] = scores.draw_studies(
                {study.name: study.results}, study.metric, study.name
            )
    sentence = _sentence(studies)
    lines = [f"# {TITLE}", "", sentence, ""]
    for table in tables:
        lines += captioned(table)
    lines += [f"- **{s.name}.** {s.findings()}" for s in recorded]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, chart in charts.items():
            with atomic(out / name) as scratch:
                chart.save(scratch)
        with atomic(out / "trials.csv.gz") as scratch:
            record.write(scratch, every)
        write_text(out / "summary.md", "\n".join(lines))
        page = fill(
            "summary.html",
            title=TITLE,
            findings=[sentence],
            pictures=embedded(
                {chart: out / name for name, chart in charts.items()}
            ),
            tables=tables,
        )
        write_text(out / "summary.html", page)
    except OSError as error:
        raise UserError(f"{out} is not writable: {error}") from None
    return f"{textwrap.fill(sentence, 80)}\nreport: {out / 'summary.html'}"


def _read(path: Path) -> StudyVerdict:
    try:
        return StudyVerdict.of_json(read_json(path))
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise UserError(
            f"{path} is not the verdict of a study ({error}); run the study "
            "again to write it"
        ) from None


def _sentence(studies: Sequence[StudyVerdict]) -> str:
    words = [c.word for study in studies for c in study.comparisons]
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    told = ", ".join(f"{word} in {n}" for word, n in counts.items())
    told = told or "nothing to compare"
    names = {study.reference for study in studies}
    return (
        f"{' / '.join(sorted(names))} against other activations "
        f"(studies: {len(studies)}, comparisons: {len(words)}): {told}."
    )


def _verdicts(studies: Sequence[StudyVerdict]) -> Table:
    return Table(
        "Verdicts, with the simultaneous 95% intervals of each study",
        ["study", "against", "verdict", "difference", "interval", "seeds"],
        [
            [
                study.title,
                comparison.other,
                comparison.word,
                study.number(comparison.mean),
                f"{study.number(comparison.low)} to "
                f"{study.number(comparison.high)} {study.unit}",
                str(len(comparison.values)),
            ]
            for study in studies
            for comparison in study.comparisons
        ],
        left=3,
    )


def _aggregates(studies: Sequence[StudyVerdict]) -> list[Table]:
    """Returns probability of improvement and mean ranks, if they exist."""
    scores = [
        {name: np.array(values) for name, values in study.scores.items()}
        for study in studies
    ]
    reference = studies[0].reference
    tables = []
    rows = []
    for other in dict.fromkeys(name for study in scores for name in study):
        both = [s for s in scores if {reference, other} <= s.keys()]
        if other != reference and both:
            found = probability_of_improvement(both, reference, other)
            rows.append(
                [
                    other,
                    f"{found.value:.2f}",
                    f"{found.low:.2f} to {found.high:.2f}",
                    str(len(both)),
                ]
            )
    if rows:
        tables.append(
            Table(
                f"Probability that a run with {reference} scores better",
                ["than a run with", "probability", "95% interval", "studies"],
                rows,
            )
        )
    shared: Scores = {
        name: values
        for name, values in scores[0].items()
        if all(name in study for study in scores)
    }
    if len(shared) > 1:
        ranks = mean_ranks([{n: s[n] for n in shared} for s in scores])
        tables.append(
            Table(
                "Mean rank over the studies; 1 is the best",
                ["activation", "mean rank", "95% interval"],
                [
                    [name, f"{r.value:.2f}", f"{r.low:.2f} to {r.high:.2f}"]
                    for name, r in sorted(
                        ranks.items(), key=lambda item: item[1].value
                    )
                ],
            )
        )
    return tables

"""Summary: options of the command. Nothing here imports the report."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from demos.common.cli import parse
from demos.common.errors import UserError
from demos.common.files import check_writable

COMMAND = "python -m demos summary"
VERDICT = "verdict.json"


@dataclass(frozen=True)
class SummaryOptions:
    """Puts the verdicts of several studies on one page.

    Writes a forest plot of all paired differences, the probability of
    improvement and the mean ranks, with stratified bootstrap intervals.
    """

    folders: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="FOLDER ...", help_behavior_hint=""),
    ] = ()
    """Folders of studies, or tables of trials (trials.csv.gz) that this command
    wrote. The default is all studies in runs/."""
    out: Path = Path("runs", "summary")
    """Output folder."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; raises UserError if the input is invalid."""
    options = parse(SummaryOptions, arguments, COMMAND)
    folders = options.folders or tuple(
        sorted(path.parent for path in Path("runs").glob(f"*/*/{VERDICT}"))
    )
    if not folders:
        raise UserError(
            "runs/ has no study with a report: run one, such as python -m "
            "demos sentiment, or give the folders"
        )
    check_writable(options.out)
    summary = importlib.import_module("demos.tasks.summary.summary")
    print(summary.summarize(folders, options.out))
    return 0

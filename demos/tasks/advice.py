"""Warnings of a report: training too short, verdict read repeatedly."""

from collections.abc import Sequence
from pathlib import Path

from demos.common.files import read_json, write_json
from demos.report.types import Presentation
from demos.study.trial import TrialRecord


def advice(records: Sequence[TrialRecord], shown: Presentation) -> list[str]:
    """Returns warnings about the training of the trials of a study.

    There is a warning if the best epoch is mostly the last one.
    """
    curves = [
        record.history[shown.curve]
        for record in records
        if record.history.get(shown.curve)
    ]
    best = max if shown.metrics[0].higher_is_better else min
    last = sum(len(c) > 1 and best(c) == c[-1] for c in curves)
    if not curves or last <= len(curves) / 2:
        return []
    return [
        f"The best epoch is the last one in {last} of {len(curves)} trials: "
        "train longer (more epochs)."
    ]


def looks(folder: Path, seeds: int) -> str:
    """Records the number of seeds for which the verdict was read.

    Returns a note if it was read with several numbers of seeds, else "".
    """
    path = folder / "looks.json"
    try:
        before = [size for size in read_json(path) if type(size) is int]
    except (OSError, ValueError, TypeError):
        before = []
    sizes = sorted({*before, seeds})
    write_json(path, sizes)
    if len(sizes) < 2:
        return ""
    return (
        f"The verdict was read with {', '.join(map(str, sizes))} seeds. Each "
        "look increases the probability of a wrong verdict: choose the number "
        "of seeds before the study."
    )

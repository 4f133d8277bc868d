"""Sample translations for the report."""

from collections.abc import Sequence
from pathlib import Path

from demos.datasets.types import Pairs
from demos.report.trials import reference_of
from demos.report.types import Table
from demos.study.trial import TrialRecord, best, trial_path

COUNT = 10


def samples(
    test: Pairs,
    objective: str,
    folder: Path,
    records: Sequence[TrialRecord],
) -> tuple[Table, ...]:
    """Returns sample translations of the test split, evenly spaced.

    Returns:
        A table of sources, references and translations by the best model with
        serf, or with another activation if there is none; empty if the
        translations cannot be read.
    """
    reference = reference_of(records)
    chosen = best(
        [r for r in records if r.settings["activation"] == reference], objective
    )
    path = trial_path(folder, chosen, "test.txt")
    try:
        translations = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    if len(translations) != len(test):
        return ()
    rows = list(zip(test.sources, test.targets, translations, strict=True))[
        :: max(1, len(test) // COUNT)
    ][:COUNT]
    header = ("source", "reference", f"{chosen.label}, seed {chosen.seed}")
    return (Table("Translations of the test split", header, rows, left=3),)

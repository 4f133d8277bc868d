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
    """Shows translations of the test split, evenly spaced.

    Args:
        test: The test split.
        objective: The metric that chooses the model.
        folder: Folder of the study.
        records: Those of all trials; at least one finished.

    Returns:
        A table of sources, references and the translations of the best model
        of serf, if there is one, else of another activation; none where its
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

"""The record: all trials of several studies in one tidy table."""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from demos.common.errors import UserError
from demos.report.comparisons import Analysis, analyze
from demos.report.findings import findings
from demos.report.summary import StudyVerdict
from demos.report.types import Baselines, Metric
from demos.study.trial import TrialRecord, gather
from demos.tasks.metrics import COMPARED

COLUMNS = ("study", "activation", "seed", "settings", "metric", "value")
WRONG = (OSError, ValueError, LookupError, TypeError)
BASELINE = "baseline:"  # Prefix of the name of a baseline.


@dataclass(frozen=True)
class RecordedStudy:
    """A study of the record.

    Attributes:
        name: Its name, which begins with the name of its task.
        results: Settings, seeds and scores of its trials.
        baselines: Scores of the baselines; the first is the trivial one.
    """

    name: str
    results: tuple[TrialRecord, ...]
    baselines: Baselines

    @property
    def metric(self) -> Metric:
        """The metric of the verdict."""
        return COMPARED[self.name.partition("-")[0]]

    def analyze(self) -> Analysis:
        """Compares Serf with each other activation."""
        return analyze(self.results, self.metric, self.baselines)

    def findings(self) -> str:
        """Returns the findings of the study."""
        return " ".join(findings(self.analyze(), self.results))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Lists the trials as rows of the table."""
        for record in self.results:
            settings = dict(record.settings)
            activation = settings.pop("activation")
            text = json.dumps(settings)
            for metric, value in record.metrics.items():
                yield self.name, activation, record.seed, text, metric, value
        for name, scores in self.baselines.items():
            for metric, value in scores.items():
                yield self.name, BASELINE + name, "", "{}", metric, value

    def verdict(self) -> StudyVerdict:
        """Returns the results for a summary."""
        return StudyVerdict.of(self.name, self.analyze(), self.results)


def read(path: Path) -> list[RecordedStudy]:
    """Reads a table of trials, in the order of its studies.

    Args:
        path: A CSV file, compressed or not, with the columns `COLUMNS` and one
            row for each metric of each trial. `settings` is a JSON object. The
            activation of a baseline is `baseline:NAME`, without a seed.

    Raises:
        UserError: If the file is not such a table.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        rows = table.astype({"value": float})[list(COLUMNS)]
        if rows.duplicated(list(COLUMNS[:-1])).any():
            raise ValueError("it has a score twice")
        if not np.isfinite(rows["value"]).all():
            raise ValueError("a value is not finite")
        return [
            _study(str(name), group)
            for name, group in rows.groupby("study", sort=False)
        ]
    except (*WRONG, EOFError, RecursionError, zlib.error) as error:
        raise UserError(
            f"{path} is not a table with the columns {', '.join(COLUMNS)} "
            f"({error})"
        ) from None


def of_folder(folder: Path) -> RecordedStudy:
    """Reads the trials in the folder of a study.

    Raises:
        UserError: If the folder has no finished study.
    """
    results = gather(folder)
    try:
        task = results[0].config.get("task", "compare")
        table = pd.read_csv(folder / "table.csv")
        scores = [name for name in results[0].metrics if name in table]
        baselines = {
            row["model"]: {
                name: row[name] for name in scores if row[name] == row[name]
            }
            for row in table[table["kind"] == "baseline"].to_dict("records")
        }
    except WRONG as error:
        raise UserError(
            f"{folder} has no finished study ({error}); run it again"
        ) from None
    name = f"{task}-{folder.resolve().name}"
    return RecordedStudy(name, tuple(results), baselines)


def write(path: Path, studies: Sequence[RecordedStudy]) -> None:
    """Writes studies to a table; the same trials give the same bytes."""
    rows = [row for study in studies for row in study.rows()]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    text = table.to_csv(index=False)
    path.write_bytes(gzip.compress(text.encode(errors="replace"), mtime=0))


def _study(name: str, rows: pd.DataFrame) -> RecordedStudy:
    if name.partition("-")[0] not in COMPARED:
        raise ValueError(f"{name!r} does not begin with a task's name")
    results, baselines = [], {}
    trials = rows.groupby(["activation", "settings", "seed"], sort=False)
    for (activation, settings, seed), group in trials:
        metrics = dict(zip(group["metric"], group["value"], strict=True))
        if activation.startswith(BASELINE):
            baselines[activation.removeprefix(BASELINE)] = metrics
        else:
            settings = {"activation": activation, **json.loads(settings)}
            hash(tuple(settings.values()))  # TypeError for a list.
            if settings["activation"] != activation:
                raise ValueError("settings have another activation")
            results.append(
                TrialRecord(settings, int(seed), "", metrics=metrics)
            )
    # The same settings and seed may be spelt in two ways.
    different = {(*sorted(r.settings.items()), r.seed) for r in results}
    if len(different) < len(results):
        raise ValueError("it has a trial twice")
    study = RecordedStudy(name, tuple(results), baselines)
    key = study.metric.key
    if not results or any(key not in result.metrics for result in results):
        raise ValueError(f"{name} has no {key}")
    return study

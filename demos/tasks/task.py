"""Base class of the tasks: data, settings and shared code of trials."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import keras

from demos.common.files import write_json
from demos.report.types import Presentation
from demos.study.trial import Trial, TrialRecord
from demos.training import optimizers
from demos.training.task import TrainingTask

SPLITS = ("train", "validation", "test")
QUICK = "-quick"  # Suffix of the dataset name in a smoke test.


@dataclass(frozen=True)
class Task(TrainingTask):
    """Trains and scores one model at a time, on data that all trials share.

    A subclass has a `train` method (see `TrainingTask`), which returns scores
    on the test split and, as `validation_...`, on the validation split. It also
    describes its data and its report.

    Attributes:
        notes: Notes on the data for the report.
        unit: Name of the examples, in the plural.
        objective: The metric on the validation split that selects the best
            model; higher is better.
        groups: Names for several options in `--vary`.
        fixed: Options that all trials of a study share, because the data or the
            saved files depend on them.
        packages: Packages whose versions affect scores.
    """

    dataset: Any
    model: Any
    training: Any
    notes: tuple[str, ...] = field(default=(), init=False, repr=False)
    name: ClassVar[str]
    unit: ClassVar[str]
    objective: ClassVar[str]
    groups: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    fixed: ClassVar[Collection[str]] = ()
    packages: ClassVar[tuple[str, ...]] = ()

    @property
    def epochs(self) -> int:
        """Maximum number of epochs of a trial."""
        return self.training.epochs

    @property
    def study_name(self) -> str:
        """Default name of the study's folder."""
        return self.dataset.name

    def config(self) -> dict[str, Any]:
        """Returns everything except the trial that affects its result."""
        return {
            "task": self.name,
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest(),
            "rows": {name: len(getattr(self.dataset, name)) for name in SPLITS},
            "model": asdict(self.model),
            "training": asdict(self.training),
            "versions": {
                name: metadata.version(name) for name in self.packages
            },
        }

    def optimizer(self, steps: int, **options: Any) -> keras.Optimizer:
        """Creates the optimizer with linear warm-up and cosine decay.

        `steps` is the number of batches of an epoch. For the options, see
        `demos.training.optimizers.make`.
        """
        training = self.training
        rate = optimizers.cosine(
            training.learning_rate,
            training.epochs * steps,
            round(training.warmup_epochs * steps),
        )
        return optimizers.make(training.optimizer, rate, **options)

    def check(self, varied: Collection[str] = ()) -> None:
        """Raises UserError if (varied) options are invalid for the task."""

    def save_assets(self, folder: Path) -> None:
        """Writes the files that all saved models need."""
        write_json(folder / "labels.json", self.dataset.label_names)

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores simple models that any network should beat, by name."""
        raise NotImplementedError

    def baseline_trials(
        self, activations: Sequence[str], seed: int
    ) -> dict[str, Trial]:
        """Returns trials that serve as baselines, by name."""
        return {}

    def describe(self) -> str:
        """Describes the data in one line: name, sizes, labels and notes."""
        labels = f"labels {', '.join(self.dataset.label_names)}"
        notes = *self.dataset.notes, *self.notes
        return "; ".join([sizes(self.dataset, self.unit), labels, *notes])

    def presentation(
        self, folder: Path, records: Sequence[TrialRecord]
    ) -> Presentation:
        """Returns the presentation of the report."""
        raise NotImplementedError


def sizes(dataset: Any, unit: str) -> str:
    """Describes the splits of a dataset; `unit` names its rows, in the plural.

    For example: "digits: 900 images for training, 50 for validation, 50 for
    testing".
    """
    train, validation, test = (len(getattr(dataset, name)) for name in SPLITS)
    return (
        f"{dataset.name}: {train} {unit} for training, {validation} for "
        f"validation, {test} for testing"
    )


def with_validation(
    test: Mapping[str, float], validation: Mapping[str, float]
) -> dict[str, float]:
    """Merges test and validation scores; the latter as `validation_...`."""
    return {**test, **{f"validation_{k}": v for k, v in validation.items()}}


def waiting_note(records: Sequence[TrialRecord]) -> str:
    """Reports the fraction of training time spent waiting for data."""
    training = sum(record.timings["training"] for record in records)
    waiting = sum(record.timings["waiting_for_data"] for record in records)
    return (
        f"At most {waiting / training:.1%} of the training time was spent "
        "waiting for data."
    )


def smoke_test_part(
    dataset: Any,
    train: int,
    rows: Callable[[Any, int], Iterable[int]] = lambda part, most: evenly(
        len(part), most
    ),
) -> Any:
    """Returns the part of a dataset that a smoke test uses.

    It limits the rows of the training split, and the other splits to a quarter
    of that. `rows` selects the rows of a split; by default evenly spaced.
    """
    parts = {name: getattr(dataset, name) for name in SPLITS}
    few = {
        name: part.take([*rows(part, train if name == "train" else train // 4)])
        for name, part in parts.items()
    }
    return replace(dataset, name=f"{dataset.name}{QUICK}", **few)


def evenly(count: int, most: int) -> range:
    """Returns at most `most` of `count` indices, evenly spaced.

    Example:

    >>> list(evenly(7, 3))
    [0, 3, 6]
    """
    return range(0, count, max(1, -(-count // most)))

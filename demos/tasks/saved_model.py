"""Finds and loads the trained models of a study, for `predict`."""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import keras
import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from demos.common.errors import UserError
from demos.common.files import digest, read_json, read_text
from demos.common.progress import log, print_line
from demos.datasets import images
from demos.study.trial import best, gather, saved_study
from demos.tasks.options import PredictOptions
from demos.tasks.task import QUICK

Content = TypeVar("Content")


@dataclass(frozen=True)
class SavedModel:
    """A trained model, and the files that its task saved with it.

    Each method raises UserError if its file is missing, damaged or replaced.
    `command` is the command to train again; `files` has the known SHA-256 of
    files by name.
    """

    path: Path
    command: str
    files: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> keras.Model:
        """Loads the model on any backend.

        It is not compiled, because the optimizer belongs to the backend that
        trained it. Keras' safe mode runs no code from the file.
        """

        def reader(path: Path) -> keras.Model:
            if path.exists() and not zipfile.is_zipfile(path):
                raise ValueError("it is not a complete archive")
            return keras.saving.load_model(path, compile=False, safe_mode=True)

        return self._read(self.path, reader)

    def json(self, name: str, **kinds: type) -> Any:
        """Reads a JSON file of the study, and checks its value types."""

        def reader(path: Path) -> Any:
            content = read_json(path)
            for key, kind in kinds.items():
                if not isinstance(content[key], kind):
                    raise TypeError(f"{key} is {content[key]!r:.99}")
            return content

        return self._read(self.path.with_name(name), reader)

    def labels(self, count: int, name: str = "labels.json") -> list[str]:
        """Reads the names of the labels, and checks their number."""

        def reader(path: Path) -> list[str]:
            content = read_json(path)
            names = content["labels"] if isinstance(content, dict) else content
            if not isinstance(names, list) or not all(
                isinstance(each, str) for each in names
            ):
                raise TypeError("it is not a list of labels")
            if len(names) != count:
                raise ValueError(
                    f"it has {len(names)} labels, and the model {count}"
                )
            return names

        return self._read(self.path.with_name(name), reader)

    def tokenizer(self, name: str = "tokenizer.json") -> Tokenizer:
        """Reads a tokenizer of the study."""
        return self._read(
            self.path.with_name(name),
            lambda path: Tokenizer.from_str(read_text(path)),
        )

    def _read(self, path: Path, reader: Callable[[Path], Content]) -> Content:
        try:
            content = reader(path)
            if self.files.get(path.name) not in (None, "", digest(path)):
                raise ValueError("it is not the file that the study wrote")
            return content
        except MemoryError:  # Not an error of the file.
            raise
        except Exception as error:  # tokenizers raises a bare Exception.
            raise UserError(
                f"{path} cannot be read: {error}; train again with another "
                f"--out: {self.command}"
            ) from None


def print_labels(
    label_names: Sequence[str], probabilities: np.ndarray, inputs: Sequence[Any]
) -> None:
    """Prints the label and probability of each input, and the input."""
    width = max(map(len, label_names))
    for row, text in zip(probabilities, inputs, strict=True):
        label = label_names[row.argmax()]
        print_line(f"{label:{width}}  {row.max():.3f}  {text}")


def find(
    options: PredictOptions, runs: Path, objective: str, command: str
) -> SavedModel:
    """Finds the model of a study with the best objective, and logs it.

    Raises UserError if there is none. `command` is the command to train one.
    """
    folder = options.out or latest_study(runs)
    study = saved_study(folder)
    records = [
        record
        for record in gather(folder, study.get("fingerprint"))
        if options.activation in (None, record.settings["activation"])
        and "sees" not in record.settings  # Not a unimodal baseline.
    ]
    kinds = {record.config.get("task", runs.name) for record in records}
    if kinds - {runs.name} or any(
        objective not in record.metrics for record in records
    ):
        raise UserError(
            f"{folder} has a study of another task; train with: {command}"
        )
    # A model may have been deleted to save space.
    records = [r for r in records if (folder / f"{r.label}.keras").is_file()]
    if not records:
        whose = f" with {options.activation}" if options.activation else ""
        raise UserError(
            f"{folder} has no trained model{whose}; train with: {command}"
        )
    chosen = best(records, objective)
    path = folder / f"{chosen.label}.keras"
    log(
        f"{path}: seed {chosen.seed}, {objective.replace('_', ' ')} "
        f"{chosen.metrics[objective]:.3f}"
    )
    if f"{QUICK}-" in f"{chosen.config.get('dataset')}-":
        log("warning: this model is from a smoke test (--quick)")
    files = {**study.get("files", {}), path.name: chosen.model}
    return SavedModel(path, command, files)


def latest_study(runs: Path) -> Path:
    """Returns the folder of the latest study, preferably with a model."""

    def order(folder: Path) -> tuple[bool, float]:
        begun = (folder / "study.json").stat().st_mtime
        return any(folder.glob("*.keras")), begun

    return max((path.parent for path in runs.glob("*/study.json")), key=order)


def open_image(path: Path) -> Image.Image:
    """Opens an image file, upright, in RGB; raises UserError on failure."""
    try:
        return images.open_image(path)
    except MemoryError:
        raise
    except Exception as error:  # A decoder may raise anything.
        reason = f": {error}" if "megapixels" in str(error) else ""
        raise UserError(f"{path} cannot be read as an image{reason}") from None

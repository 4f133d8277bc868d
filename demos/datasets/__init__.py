"""Sources of data, one a file; each yields plain Python and knows no model."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

from demos.errors import UserError


@dataclass(frozen=True)
class Split:
    """Texts and, for each of them, the index of its label."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class TextClassification:
    """Labelled texts in three splits; no text stands in two of them.

    Attributes:
        name: Name of the dataset; it becomes the name of a folder.
        label_names: Name of each label, at its index.
        train: What a model learns from.
        validation: What chooses between epochs and between models.
        test: What is scored once, at the end.
        notes: What a reader should know (rows left out and why), a line each.
    """

    name: str
    label_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Returns the SHA-256 of labels and splits: it changes with the data.

        Returns:
            64 hexadecimal digits.
        """
        content = asdict(self)
        del content["notes"]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def load(
    dataset: str,
    text_column: str = "text",
    label_column: str = "label",
    data_dir: Path | None = None,
) -> TextClassification:
    """Loads a dataset by its name, or the user's own file.

    Args:
        dataset: `"rotten_tomatoes"`, `"imdb"`, or the path of a `.csv` or
            `.tsv` file.
        text_column: Column of the texts in the user's own file.
        label_column: Column of the labels in the user's own file.
        data_dir: Folder where the IMDB archive, or what it unpacks to, was
            placed by hand.

    Returns:
        The dataset, split.

    Raises:
        UserError: The dataset is unknown, missing, or cannot be used.
    """
    if dataset == "rotten_tomatoes":
        from demos.datasets import rotten_tomatoes

        return rotten_tomatoes.load()
    if dataset == "imdb":
        from demos.datasets import imdb

        return imdb.load(data_dir)
    if Path(dataset).suffix.lower() in (".csv", ".tsv"):
        from demos.datasets import delimited

        return delimited.load(Path(dataset), text_column, label_column)
    raise UserError(
        "Expected --dataset to be rotten_tomatoes, imdb or the path of a .csv "
        f"or .tsv file. Received: {dataset!r}"
    )


def stratified_split(
    name: str,
    texts: Sequence[str],
    labels: Sequence[int],
    label_names: Sequence[str],
    fractions: Sequence[float],
    seed: int = 0,
) -> list[Split]:
    """Splits unique texts so that each split has the labels' proportions.

    Args:
        name: Names the data in errors.
        texts: The texts, each of them once.
        labels: Index of the label of each text.
        label_names: Name of each label, for errors.
        fractions: Fraction of the texts in each split; they sum to 1.
        seed: Seed of the draw; fixed, so that the split is the same always.

    Returns:
        One split for each fraction.

    Raises:
        UserError: A label has too few texts to stand in every split.
    """
    from sklearn.model_selection import train_test_split

    fewest = min(range(len(label_names)), key=list(labels).count)
    count = list(labels).count(fewest)
    needed = round(1 / min(fractions))
    if count < needed:
        raise UserError(
            f"Expected at least {needed} different texts of each label in "
            f"{name}. Received: {count} of {label_names[fewest]!r}"
        )
    rest = list(range(len(texts)))
    left = 1.0
    splits = []
    for fraction in fractions[:-1]:
        parts = train_test_split(
            rest,
            train_size=round(len(rest) * fraction / left),
            stratify=[labels[i] for i in rest],
            random_state=seed,
        )
        chosen, rest = (list(part) for part in parts)
        splits.append(take(texts, labels, chosen))
        left -= fraction
    splits.append(take(texts, labels, rest))
    return splits


def take(
    texts: Sequence[str], labels: Sequence[int], rows: Sequence[int]
) -> Split:
    """Gathers rows into a split.

    Args:
        texts: All texts.
        labels: All labels.
        rows: Indices of those to take, in the order wanted.

    Returns:
        The split.
    """
    return Split(
        tuple(texts[i] for i in rows), tuple(int(labels[i]) for i in rows)
    )

"""Texts and labels from the user, in a CSV or TSV file."""

from pathlib import Path

from demos.common.errors import UserError
from demos.common.text import one_line
from demos.datasets.splits import label_indices, stratified
from demos.datasets.table import check_columns, read_table
from demos.datasets.types import Split, TextClassification

FRACTIONS = (0.8, 0.1, 0.1)


def load(
    path: Path,
    text_column: str,
    label_column: str,
    split_seed: int | None = None,
) -> TextClassification:
    """Loads a UTF-8 file with a header row and any number of labels.

    Only the first of repeated texts is kept, so that no text is in two splits;
    texts that differ only in spaces or in the encoding of accents are repeated.
    The split is stratified by label and fixed: 80% training, 10% validation,
    10% test.

    Args:
        path: The file: tab-separated if it is `.tsv`, else comma-separated.
        text_column: Name of the column of texts.
        label_column: Name of the column of labels.
        split_seed: Seed of a random split; by default the split is fixed.

    Returns:
        The dataset, named after the file.

    Raises:
        UserError: If the file is missing, empty, not UTF-8 or not a table; if a
            column is missing or repeated; or if there are fewer than two
            labels.
    """
    rows = read_table(path)
    for flag, column in (("text", text_column), ("label", label_column)):
        if column not in rows.columns:
            raise UserError(
                f"Expected --{flag}-column to name a column of {path}: "
                f"{', '.join(rows.columns)}. Received: {column!r}"
            )
    check_columns(rows, path, (text_column, label_column))
    if text_column == label_column:
        raise UserError(
            "Expected --text-column and --label-column to differ. "
            f"Received: {text_column!r} for both"
        )
    texts = rows[text_column].str.strip()
    labels = rows[label_column].map(one_line)
    complete = (texts != "") & (labels != "")
    unique = complete & ~texts.map(one_line).where(complete).duplicated()
    if not unique.any():
        raise UserError(
            f"{path} has no row with both a text and a label "
            f"({len(rows)} rows read)"
        )
    label_names, indices = label_indices(
        labels[unique].tolist(), f"column {label_column!r} of {path}"
    )
    train, validation, test = stratified(
        Split(tuple(texts[unique]), indices),
        FRACTIONS,
        label_names,
        str(path),
        "texts",
        seed=split_seed,
    )
    dropped = {
        "with an empty text or label": int((~complete).sum()),
        "with a repeated text": int((complete & ~unique).sum()),
    }
    return TextClassification(
        name=one_line(path.stem),
        label_names=label_names,
        train=train,
        validation=validation,
        test=test,
        notes=tuple(
            f"{count} of {len(rows)} rows skipped: rows {what}"
            for what, count in dropped.items()
            if count
        ),
    )

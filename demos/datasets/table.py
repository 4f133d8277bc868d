"""Reads the user's CSV or TSV tables, with every cell as text."""

import csv
import re
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from demos.common.errors import UserError
from demos.common.files import is_regular


def read_table(path: Path) -> pd.DataFrame:
    """Reads a table with a header row.

    Args:
        path: A UTF-8 file: tab-separated if it is `.tsv`, else comma-separated.

    Returns:
        The rows, at least one; an empty cell is "". Columns keep their names in
        the file, even if these repeat.

    Raises:
        UserError: If the file is missing, empty, not UTF-8 or not a table.
    """
    if not is_regular(path):
        raise UserError(f"Expected --dataset to be a file. Received: {path}")
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    read = partial(
        pd.read_csv,
        path,
        sep=separator,
        dtype=str,
        keep_default_na=False,
        encoding="utf-8-sig",
        index_col=False,
    )
    try:
        with warnings.catch_warnings():
            # Rows are longer than the header; columns would be lost silently.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            rows = read()
            # pandas renames repeated columns.
            rows.columns = read(header=None, nrows=1).iloc[0].tolist()
    except pd.errors.EmptyDataError:
        raise UserError(f"{path} is empty") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None
    except (
        pd.errors.ParserError,
        pd.errors.ParserWarning,
        ValueError,
    ) as error:
        raise UserError(f"{path} is not a table: {error}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if rows.empty:
        raise UserError(f"{path} is empty: it has a header and no rows")
    _check_quotes(path, separator)
    rows = rows.fillna("")
    # A quotation mark that is not closed swallows rows up to the next one.
    ends = [re.escape(end) for end in rows.iloc[:, -1].unique()[:99] if end]
    row = f"{separator}(?:{'|'.join(ends or ['$.'])})\r?\n"
    columns = rows.shape[1] - 1
    if separator == "\t":  # A cell rarely has a tab and a line break.
        row, columns = r"\t[^\n]*\n|\n[^\n]*\t", columns + 1
    for column in range(columns):
        swallowed = rows.iloc[:, column].str.contains(row)
        if swallowed.any():
            raise UserError(
                f"{path} has a quotation mark that is not closed in data row "
                f"{swallowed.argmax() + 1}; close it, or write it twice"
            )
    return rows


def _check_quotes(path: Path, separator: str) -> None:
    """Raises a `UserError` if text follows a quoted cell.

    pandas would delete the quotation marks, and rows up to the next one.
    """
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=separator, strict=True)
        try:
            for _ in reader:
                pass
        except csv.Error:
            raise UserError(
                f"{path} has a quotation mark in or before line "
                f"{reader.line_num} that is part of a text or not closed; "
                "quote the whole cell, and write the mark twice"
            ) from None


def check_columns(
    rows: pd.DataFrame, path: Path, columns: Sequence[str]
) -> None:
    """Raises a `UserError` if one of the columns is missing or repeated."""
    missing = [column for column in columns if column not in rows.columns]
    if missing:
        raise UserError(
            f"Expected {path} to have the columns {', '.join(columns)}. "
            f"Received: {', '.join(rows.columns)}"
        )
    for column in columns:
        count = list(rows.columns).count(column)
        if count > 1:
            raise UserError(
                f"Expected one column {column!r} in {path}. Received: {count}"
            )

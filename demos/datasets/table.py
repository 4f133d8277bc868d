"""Tables of the user in CSV or TSV files, read as they are written."""

import functools
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from demos.common.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path) -> "pd.DataFrame":
    """Reads a table with a header row, every cell as text.

    Args:
        path: In UTF-8; a `.tsv` file is read with tabs, any other with commas.

    Returns:
        The rows; at least one. An empty cell is "".

    Raises:
        UserError: The file is missing, empty, not UTF-8 or not a table.
    """
    import pandas as pd

    if not path.is_file():
        raise UserError(f"Expected --dataset to be a file. Received: {path}")
    try:
        with warnings.catch_warnings():
            # Rows longer than the header: columns would be lost silently.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            read = functools.partial(
                pd.read_csv,
                path,
                sep="\t" if path.suffix.lower() == ".tsv" else ",",
                dtype=str,
                keep_default_na=False,
                encoding="utf-8-sig",
                index_col=False,
            )
            rows = read()
            # As they are written: pandas renames those that repeat.
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
    return rows.fillna("")

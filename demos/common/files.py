"""Files that are written as a whole or not at all, and read with care."""

import contextlib
import json
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demos.common.errors import UserError


def is_regular(path: Path) -> bool:
    """Returns whether a path is a file; a device or a pipe may never end."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: a NUL in the path.
        return False


def find_file(
    folder: Path, path: str, allow_outside: bool = False
) -> Path | None:
    """Returns the file at a path that data name; None where there is none.

    Args:
        folder: The folder of the data.
        path: From that folder.
        allow_outside: Whether the file may be outside the folder.

    Raises:
        UserError: It leads out of the folder, by `..`, a link or as a whole.
    """
    found = folder / path
    if not is_regular(found):
        return None
    inside = found.resolve().is_relative_to(folder.resolve())
    if not (inside or allow_outside):
        raise UserError(
            f"{path} is outside {folder}; --allow-outside reads it all the same"
        )
    return found


def read_text(path: Path) -> str:
    """Reads a file in UTF-8.

    Raises:
        OSError: It is missing, or no regular file.
        ValueError: It is not UTF-8.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is no regular file")
    return path.read_text(encoding="utf-8")


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        OSError: The file is missing, or no regular file.
        ValueError: It is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def check_writable(folder: Path) -> None:
    """Checks, writing nothing, that a folder exists or can be made.

    Raises:
        UserError: A file is in its place, or permission is missing.
    """
    nearest = folder.absolute()
    while not (nearest.exists() or nearest.is_symlink()):
        nearest = nearest.parent
    if not nearest.is_dir():
        raise UserError(
            f"Expected --out to be a folder. Received: {folder}, but {nearest} "
            "is a file"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(
            f"{nearest} is not writable; choose another folder with --out"
        )


def write_json(path: Path, content: Any) -> None:
    """Replaces a file by JSON, atomically."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replaces a file by text in UTF-8, atomically.

    What cannot be encoded is escaped, so that no report is lost for it.
    """
    with atomic(path) as scratch:
        scratch.write_text(text, encoding="utf-8", errors="backslashreplace")


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Replaces a file atomically; several processes may do so at once.

    Yields:
        A path in the same folder, with the same suffix, to write to. It takes
        the place of `path` at the end, or is deleted after an error.
    """
    scratch = path.with_name(
        f".{path.stem}.{uuid.uuid4().hex[:8]}.partial{path.suffix}"
    )
    try:
        yield scratch
        with scratch.open("rb") as file:
            os.fsync(file.fileno())  # Or a crash may leave an empty file.
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise

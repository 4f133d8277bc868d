"""Atomic writing and safe reading of files."""

import contextlib
import hashlib
import json
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demos.common.errors import UserError


def is_regular(path: Path) -> bool:
    """Returns whether a path is a regular file, not a device or a pipe."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: a NUL in the path.
        return False


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path) -> str:
    """Reads a file in UTF-8.

    Raises:
        OSError: If it is missing or not a regular file.
        ValueError: If it is not UTF-8.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is not a regular file")
    return path.read_text(encoding="utf-8")


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        OSError: If the file is missing or not a regular file.
        ValueError: If it is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def check_writable(folder: Path) -> None:
    """Checks that a folder exists or can be created, without writing.

    Raises:
        UserError: If it is a file, or not writable.
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
    """Writes JSON to a file atomically."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes text in UTF-8 to a file atomically.

    Characters that cannot be encoded are escaped, so that no report is lost.
    """
    with atomic(path) as scratch:
        scratch.write_text(text, encoding="utf-8", errors="backslashreplace")


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Replaces a file atomically, even from several processes at once.

    Yields:
        A temporary path in the same folder, with the same suffix. At the end,
        it replaces `path`; after an error, it is deleted.
    """
    scratch = path.with_name(
        f".{path.stem}.{uuid.uuid4().hex[:8]}.partial{path.suffix}"
    )
    try:
        yield scratch
        with scratch.open("rb") as file:
            os.fsync(file.fileno())  # Otherwise a crash may leave it empty.
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise

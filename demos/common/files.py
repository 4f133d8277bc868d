"""Files that are written as a whole or not at all."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demos.common.errors import UserError


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
    """Replaces a file by text in UTF-8, atomically."""
    with atomic(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


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

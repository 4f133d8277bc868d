"""Files that are the old ones or the new ones, whole, whatever happens."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demos.common.errors import UserError


def check_writable(folder: Path) -> None:
    """Checks, writing nothing, that a folder is there or can be made.

    Args:
        folder: The folder.

    Raises:
        UserError: Something else has its place, or permission is missing.
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
            f"{nearest} cannot be written; choose another folder with --out"
        )


def write_json(path: Path, content: Any) -> None:
    """Writes JSON so that the file is the old one or the new one, whole.

    Args:
        path: The file.
        content: What to write.
    """
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes text so that the file is the old one or the new one, whole.

    Args:
        path: The file.
        text: What to write.
    """
    with atomic(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Gives a path to write to, which takes the place of `path` at the end.

    Two processes may do so at once: each has a path of its own.

    Args:
        path: The file to replace.

    Yields:
        A path in the same folder, with the same ending. When all went well it
        is put in its place, otherwise it is deleted.
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

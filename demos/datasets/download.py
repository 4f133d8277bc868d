"""Files from the network: fetched once, and checked against a digest."""

import hashlib
from pathlib import Path

from demos.common.backend import start_keras
from demos.common.errors import UserError


def fetch(
    name: str,
    url: str,
    digest: str | None,
    algorithm: str = "sha256",
    folder: str = "datasets",
) -> Path:
    """Downloads a file, once, to Keras' own cache.

    Args:
        name: Name of the file in the cache.
        url: Where it is published.
        digest: Digest that it must have, in hexadecimal digits; None where
            none is published.
        algorithm: `"md5"` or `"sha256"`.
        folder: Folder of the cache.

    Returns:
        The path of the file, whose digest is right.

    Raises:
        UserError: It could not be downloaded, or is another file.
    """
    start_keras()
    import keras

    try:
        return Path(
            keras.utils.get_file(
                name,
                url,
                file_hash=digest,
                hash_algorithm=algorithm,
                cache_subdir=folder,
            )
        )
    except Exception as error:  # Keras raises a bare Exception on any failure.
        raise UserError(
            f"{name} could not be downloaded ({error}); download {url} by "
            "hand, place it in a folder and name the folder with --data-dir"
        ) from None


def check_digest(path: Path, digest: str, algorithm: str, url: str) -> None:
    """Refuses a file that is not the one published.

    Args:
        path: The file.
        digest: Digest that it must have, in hexadecimal digits.
        algorithm: `"md5"` or `"sha256"`.
        url: Where the right one is published, for the error.

    Raises:
        UserError: The file has another digest, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            received = hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if received != digest:
        raise UserError(
            f"Expected {path} to have the {algorithm.upper()} digest {digest}. "
            f"Received: {received}; download it again from {url}"
        )

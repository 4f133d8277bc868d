"""Downloads files once, checks their digests and unpacks them safely."""

import gzip
import hashlib
import lzma
import os
import tarfile
import tempfile
import zlib
from pathlib import Path

from demos.common.backend import start_keras
from demos.common.errors import UserError

DEEPEST = 50  # Maximum depth of folders in an archive.


def fetch(
    name: str,
    url: str,
    digest: str | None,
    algorithm: str = "sha256",
    folder: str = "datasets",
) -> Path:
    """Downloads a file once to the cache of Keras.

    Args:
        name: Name of the file in the cache.
        url: URL of the file.
        digest: Expected digest in hexadecimal digits; None if none is
            published.
        algorithm: `"md5"` or `"sha256"`.
        folder: Folder of the cache.

    Raises:
        UserError: If the download fails, or the digest is wrong.
    """
    start_keras()
    import keras  # The backend must be set before Keras is imported.

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
            f"{name} could not be downloaded ({error}); download {url} "
            "manually, and give its folder with --data-dir"
        ) from None


def check_digest(path: Path, digest: str, algorithm: str, url: str) -> None:
    """Raises a `UserError` if a file does not have the published digest."""
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


def unpack(archive: Path, folder: str, url: str) -> None:
    """Unpacks one folder next to the archive; it appears only when complete.

    Args:
        archive: A tar archive, compressed or not. Links, and paths that leave
            the folder, are rejected.
        folder: Name of the folder in the archive.
        url: URL of the archive, for the error.

    Raises:
        UserError: If the archive is damaged or has other content, or the disk
            is full.
    """
    try:
        with (
            tempfile.TemporaryDirectory(dir=archive.parent) as scratch,
            tarfile.open(archive) as tar,
        ):
            tar.extractall(scratch, filter=_plain)
            # tarfile stops at a damaged header, and does not read the checksum
            # after it.
            while tar.fileobj and tar.fileobj.read(1 << 20):
                pass
            unpacked = Path(scratch, folder)
            if not unpacked.is_dir():
                raise UserError(
                    f"Expected {archive} to contain the folder {folder}. "
                    "Received: none; delete it, and download it again from "
                    f"{url}"
                )
            os.replace(unpacked, archive.parent / folder)
    except (
        tarfile.TarError,
        EOFError,
        gzip.BadGzipFile,
        lzma.LZMAError,
        zlib.error,
    ) as error:
        raise UserError(
            f"{archive} cannot be unpacked: {error}; delete it, and download "
            f"it again from {url}"
        ) from None
    except OSError as error:
        raise UserError(
            f"{archive} cannot be unpacked to {archive.parent}: {error}"
        ) from None


def _plain(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
    """Accepts files and folders inside `path`, but no links."""
    if member.name.count("/") > DEEPEST:
        raise tarfile.FilterError(f"{member.name:.50}... is nested too deeply")
    if not (member.isfile() or member.isdir()):
        raise tarfile.SpecialFileError(member)
    return tarfile.data_filter(member, path)

"""Archives from the network, unpacked so that they can do no harm."""

import gzip
import lzma
import os
import tarfile
import tempfile
import zlib
from pathlib import Path

from demos.common.errors import UserError


def unpack(archive: Path, folder: str, url: str) -> None:
    """Unpacks one folder beside the archive; it appears only when complete.

    Args:
        archive: A tar archive, compressed or not. No link in it is followed,
            and no path that leaves its folder.
        folder: Name of the folder in the archive.
        url: Where it is published, for the error.

    Raises:
        UserError: The archive is damaged, holds something else, or there is no
            room for it.
    """
    try:
        with (
            tempfile.TemporaryDirectory(dir=archive.parent) as scratch,
            tarfile.open(archive) as tar,
        ):
            tar.extractall(scratch, filter=_plain)
            # tarfile takes a damaged header for the end, and leaves the
            # checksum behind it unread.
            while tar.fileobj and tar.fileobj.read(1 << 20):
                pass
            unpacked = Path(scratch, folder)
            if not unpacked.is_dir():
                raise UserError(
                    f"Expected {archive} to hold the folder {folder}. "
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
    """Lets files and folders inside `path` through, and no link of any kind."""
    if not (member.isfile() or member.isdir()):
        raise tarfile.SpecialFileError(member)
    return tarfile.data_filter(member, path)

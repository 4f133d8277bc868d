"""Makes untrusted texts safe for printing and for folder names."""

import re
import unicodedata

# Control characters, characters that reorder or break lines, and lone
# surrogates, which represent bytes that are not UTF-8 and cannot be written.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
LONGEST_NAME = 100  # Bytes of a folder name, to which suffixes are appended.


def printable(text: str) -> str:
    r"""Escapes control characters and characters that cannot be encoded.

    Example:

    >>> print(printable("a\x1b[31m\n"))
    a\x1b[31m\n
    """
    return _UNSAFE.sub(
        lambda match: match[0].encode("unicode_escape").decode(), text
    )


def one_line(text: str) -> str:
    """Normalizes spaces and accents of a name, and makes it printable."""
    return printable(unicodedata.normalize("NFC", " ".join(text.split())))


def folder_name(text: str) -> str:
    """Turns a name into one part of a path, on any file system.

    Example:

    >>> folder_name("../a:b"), folder_name("..")
    ('-a-b', 'data')
    """
    name = re.sub(r'[/\\:*?"<>|]', "-", printable(text)).strip(". ")
    return name.encode()[:LONGEST_NAME].decode(errors="ignore") or "data"

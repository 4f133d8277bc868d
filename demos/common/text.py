"""Texts that came from elsewhere, made safe to print and to name folders by."""

import re

# What a terminal obeys, what reorders or breaks lines, and lone surrogates,
# which stand for bytes that are not UTF-8 and cannot be written.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
LONGEST_NAME = 100  # Bytes of a folder's name, to which more is appended.


def printable(text: str) -> str:
    r"""Escapes control characters and what cannot be encoded.

    Example:

    >>> print(printable("a\x1b[31m\n"))
    a\x1b[31m\n
    """
    return _UNSAFE.sub(
        lambda match: match[0].encode("unicode_escape").decode(), text
    )


def one_line(text: str) -> str:
    """Cleans a label or a name: single spaces, and all of it printable."""
    return printable(" ".join(text.split()))


def folder_name(text: str) -> str:
    """Turns a name into one part of a path, on any file system.

    Example:

    >>> folder_name("../a:b"), folder_name("..")
    ('-a-b', 'data')
    """
    name = re.sub(r'[/\\:*?"<>|]', "-", printable(text)).strip(". ")
    return name.encode()[:LONGEST_NAME].decode(errors="ignore") or "data"

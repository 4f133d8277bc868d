"""Extracts a one-line reason from an error of Keras."""

import re

_TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Keras adds the messages of the outer layers in front of the reason.
_BEFORE = re.compile(
    r"Exception encountered: |Exception encountered when calling .*\s"
    r"|deserialization: "
)
_AFTER = re.compile(
    r"\s+(?:Arguments received by|Example:|Full object config:)"
)
_LONGEST = 400


def reason(error: BaseException) -> str:
    """Returns only the reason in a message of Keras."""
    text = _TERMINAL_COLOURS.sub("", str(error))
    text = _AFTER.split(_BEFORE.split(text)[-1])[0]
    text = " ".join(text.split()).removesuffix(".")
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    return text or type(error).__name__

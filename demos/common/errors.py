"""The errors that end a command with one line."""

import re

from demos.common.text import one_line, printable


class UserError(Exception):
    """Bad input: its message is one line that names the value and the remedy.

    The command line prints the line on stderr and exits with `exit_code`.
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class UnfinishedError(UserError):
    """The input was good, and yet there is nothing to report."""

    exit_code = 1


def reason_of(error: BaseException) -> str:
    r"""Describes an error in one line: its type and its message's first line.

    Keras wraps what a layer raises in messages of its own; they are removed.

    Example:

    >>> reason_of(MemoryError("too large\nfor this machine"))
    'MemoryError: too large'
    """
    message = re.sub(r"\x1b\[[\d;]*m", "", str(error))  # ANSI colors.
    # keras/src/utils/traceback_utils.py and keras/src/ops/operation.py.
    wrapper = r"(Exception encountered when|Could not automatically) .*\n\n"
    first_line = re.sub(wrapper, "", message).strip().partition("\n")[0]
    return printable(f"{type(error).__name__}: {first_line}")

"""Errors that end a command with a one-line message."""

import re

from demos.common.text import one_line, printable


class UserError(Exception):
    """Invalid input; the one-line message names the value and the remedy.

    The command line prints the message on stderr and exits with `exit_code`.
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class UnfinishedError(UserError):
    """The input is valid, but there is no result to report."""

    exit_code = 1


def reason_of(error: BaseException) -> str:
    r"""Describes an error in one line: type and first line of the message.

    The messages that Keras adds to the errors of layers are removed.

    Example:

    >>> reason_of(MemoryError("too large\nfor this machine"))
    'MemoryError: too large'
    """
    message = re.sub(r"\x1b\[[\d;]*m", "", str(error))  # ANSI colors.
    # keras/src/utils/traceback_utils.py and keras/src/ops/operation.py.
    wrapper = r"(Exception encountered when|Could not automatically) .*\n\n"
    first_line = re.sub(wrapper, "", message).strip().partition("\n")[0]
    return printable(f"{type(error).__name__}: {first_line}")

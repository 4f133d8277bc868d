"""The errors that end a command with one line."""


class UserError(Exception):
    """Bad input: its message is one line that names the value and the remedy.

    The command line prints the line on stderr and exits with `exit_code`.
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class UnfinishedError(UserError):
    """The input was good, and yet there is nothing to report."""

    exit_code = 1

"""The one error that is the user's to fix."""


class UserError(Exception):
    """Bad input: its message is one line that names the value and the remedy.

    The command line prints the line on stderr and exits with code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))

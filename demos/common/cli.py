"""Frozen dataclasses from command lines, and errors in one line."""

import contextlib
import inspect
import io
import re
from collections.abc import Sequence
from typing import TypeVar

import tyro

from demos.common.errors import UserError

Options = TypeVar("Options")


def parse(
    kind: type[Options],
    arguments: Sequence[str],
    command: str,
    notes: str = "",
    default: Options | None = None,
) -> Options:
    """Parses arguments as the fields of a dataclass.

    Args:
        kind: The dataclass; docstrings of its fields are the help texts.
        arguments: The command line, without the command.
        command: The command, for the help.
        notes: Follows the dataclass' docstring in the help.
        default: Holds the defaults; by default those of the dataclass.

    Returns:
        An instance of `kind`.

    Raises:
        UserError: The arguments do not fit.
        SystemExit: After `--help`, with code 0.
    """
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(
                kind,
                args=list(arguments),
                default=tyro.MISSING_NONPROP if default is None else default,
                prog=command,
                description=f"{inspect.getdoc(kind)}\n\n{notes}".strip(),
                config=(
                    tyro.conf.OmitArgPrefixes,
                    tyro.conf.FlagCreatePairsOff,
                ),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(
            f"{_first_message(captured.getvalue()).rstrip('.')}; "
            f"see {command} --help"
        ) from None


def option_values(arguments: Sequence[str], name: str) -> list[str]:
    """Looks for an option in a command line that is not parsed yet.

    Args:
        arguments: The command line.
        name: Of the option, such as `"--size"`.

    Returns:
        Its value, if it is given; the last one of several, as the parser has
        it.
    """
    found: list[str] = []
    for i, argument in enumerate(arguments):
        if argument.startswith(f"{name}="):
            found = [argument.partition("=")[2]]
        elif argument == name:
            found = list(arguments[i + 1 : i + 2])
    return found


def _first_message(boxed: str) -> str:
    """Takes what tyro says is wrong out of the box that it draws around."""
    lines: list[str] = []
    if "│" not in boxed:  # Nor is there a box, but a title that is underlined.
        boxed = "".join(f"│{line}│\n" for line in boxed.splitlines()[2:])
    for line in boxed.splitlines():
        inside = re.fullmatch(r"\s*│(.*)│\s*", line)
        text = inside[1].strip() if inside else ""
        if lines and (not text or set(text) <= {"─", "-"}):
            break
        if text:
            lines.append(text)
    message = " ".join(lines) or "the options could not be read"
    # An option that is not given is None; nobody has to write so.
    return re.sub(r"'None', |, 'None'", "", message)

"""Frozen dataclasses from command lines, by tyro."""

import inspect
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from demos.common.errors import UserError

Options = TypeVar("Options")


def optional(metavar: str) -> Any:
    """Marks an option that may be left out, so that its help has no None."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="")


OptionalFloat = Annotated[float | None, optional("FLOAT")]
OptionalInt = Annotated[int | None, optional("INT")]
OptionalPath = Annotated[Path | None, optional("PATH")]
OptionalStr = Annotated[str | None, optional("STR")]
NARROWEST = 20  # Columns; tyro's help never ends in much fewer.
# Options of earlier releases, and what they are called now.
RENAMED = {
    "--encoders": "--layers",
    "--blocks": "--layers",
    "--probes": "--unimodal-baselines",
    "--no-probes": "--no-unimodal-baselines",
}


def parse(
    kind: type[Options],
    arguments: Sequence[str],
    command: str,
    notes: str = "",
    default: Options | None = None,
) -> Options:
    """Parses arguments as the fields of a dataclass.

    Args:
        kind: The dataclass; the docstrings of its fields are the help texts.
        arguments: The command line, without the command.
        command: The command, for the help.
        notes: Follows the docstring of the dataclass in the help.
        default: Holds the defaults; by default those of the dataclass.

    Returns:
        An instance of `kind`.

    Raises:
        UserError: An option has another name now.
        SystemExit: After `--help` with code 0; with code 2 where the arguments
            are invalid, after tyro has printed why.
    """
    for argument in arguments:
        check_renamed(argument.partition("=")[0])
    if shutil.get_terminal_size().columns < NARROWEST:
        os.environ["COLUMNS"] = str(NARROWEST)
    return tyro.cli(
        kind,
        args=list(arguments),
        default=tyro.MISSING_NONPROP if default is None else default,
        prog=command,
        description=f"{inspect.getdoc(kind)}\n\n{notes}".strip(),
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )


def check_renamed(flag: str) -> None:
    """Raises UserError where an option has another name now."""
    if flag in RENAMED:
        raise UserError(f"{flag} is called {RENAMED[flag]} now")


def option_value(arguments: Sequence[str], name: str) -> str | None:
    """Looks for an option in a command line that is not parsed yet.

    Args:
        arguments: The command line.
        name: The option, such as `"--size"`.

    Returns:
        Its value, the last one of several; None if it is not given.

    Example:

    >>> option_value(["--size", "tiny", "--quick"], "--size")
    'tiny'
    """
    value = None
    for i, argument in enumerate(arguments):
        if argument.startswith(f"{name}="):
            value = argument.partition("=")[2]
        elif argument == name:
            value = next(iter(arguments[i + 1 : i + 2]), None)
    return value

"""Parses command lines into frozen dataclasses, with tyro."""

import argparse
import dataclasses
import inspect
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import docstring_parser
import tyro

from demos.common.errors import UserError

Options = TypeVar("Options")


def optional(metavar: str) -> Any:
    """Marks an optional option, so that its help does not show None."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="")


OptionalFloat = Annotated[float | None, optional("FLOAT")]
OptionalInt = Annotated[int | None, optional("INT")]
OptionalPath = Annotated[Path | None, optional("PATH")]
OptionalStr = Annotated[str | None, optional("STR")]
NARROWEST = 20  # Columns; with much fewer, tyro's help never terminates.
# Options of earlier releases and their new names.
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
        notes: Text that follows the docstring of the dataclass in the help.
        default: An instance with the default values, or None for those of the
            dataclass.

    Returns:
        An instance of `kind`.

    Raises:
        UserError: If an option has been renamed.
        SystemExit: With code 0 after `--help`; with code 2 if the arguments are
            invalid, after tyro has printed the reason.
    """
    for argument in arguments:
        check_renamed(argument.partition("=")[0])
    if shutil.get_terminal_size().columns < NARROWEST:
        os.environ["COLUMNS"] = str(NARROWEST)
    _join_lines(kind)
    return tyro.cli(
        kind,
        args=list(arguments),
        default=tyro.MISSING_NONPROP if default is None else default,
        prog=command,
        description=f"{inspect.getdoc(kind)}\n\n{notes}".strip(),
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )


def _join_lines(kind: Any) -> None:
    """Makes one line of each field's docstring; tyro would keep the breaks."""
    texts = {
        field.arg_name: field.description
        for base in reversed(kind.__mro__)
        if dataclasses.is_dataclass(base)
        for field in docstring_parser.parse_from_object(base).params
    }
    for field in dataclasses.fields(kind):
        text = " ".join((texts.get(field.name) or "").split())
        field.metadata = MappingProxyType({"help": text})
        if dataclasses.is_dataclass(field.type):
            _join_lines(field.type)


def check_renamed(flag: str) -> None:
    """Raises UserError if an option has been renamed."""
    if flag in RENAMED:
        raise UserError(f"{flag} is now called {RENAMED[flag]}")


def option_value(arguments: Sequence[str], name: str) -> str | None:
    """Finds an option in a command line before it is parsed.

    Args:
        arguments: The command line.
        name: The option, such as `"--size"`.

    Returns:
        The last value of the option; None if it is not given.

    Example:

    >>> option_value(["--size", "tiny", "--quick"], "--size")
    'tiny'
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(name, dest="value", nargs="?")
    return parser.parse_known_args(arguments)[0].value

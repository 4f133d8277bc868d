"""Command lines to dataclasses: values, errors and renamed options."""

from dataclasses import dataclass
from typing import Literal

import pytest

from demos.common.cli import OptionalPath, option_value, parse
from demos.common.errors import UserError

pytestmark = pytest.mark.once


@dataclass(frozen=True)
class Options:
    """Does something."""

    size: int = 3
    """How large."""
    colour: Literal["red", "green"] | None = None
    """Which
    colour."""
    path: OptionalPath = None
    """Where to."""


def test_options_are_read():
    assert parse(Options, ["--colour", "red"], "demo") == Options(3, "red")
    assert parse(Options, [], "demo", default=Options(5)) == Options(5)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--colour", "blue"], ("blue", "red", "green")),
        (["--size", "big"], ("big", "int")),
        (["--no-such-option", "2"], ("--no-such-option",)),
    ],
)
def test_an_invalid_option_ends_with_code_2_and_its_reason(
    arguments, told, capsys
):
    with pytest.raises(SystemExit) as stopped:
        parse(Options, arguments, "demo")
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert all(text in error for text in told)
    assert "demo --help" in error


def test_help_has_the_docstrings(capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(Options, ["--help"], "demo", notes="More to know.")
    assert not stopped.value.code
    text = capsys.readouterr().out
    assert all(t in text for t in ("Does something.", "How large.", "More"))
    assert "Which colour." in text  # The terminal breaks lines, nothing else.
    assert "--path PATH " in text
    assert "Where to. " in text  # Without a default of None.


@pytest.mark.parametrize(
    "arguments", [["--encoders", "2"], ["--blocks=2"], ["--no-probes"]]
)
def test_a_renamed_option_names_the_new_one(arguments):
    with pytest.raises(
        UserError, match=r"is now called --.*(layers|baselines)"
    ):
        parse(Options, arguments, "demo")


def test_the_last_value_of_an_option_counts():
    assert option_value(["--size", "1", "--size=2"], "--size") == "2"
    assert option_value(["--size", "1"], "--colour") is None
    assert option_value(["--size"], "--size") is None

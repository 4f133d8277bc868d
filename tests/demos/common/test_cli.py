"""Command lines to dataclasses: errors in one line, and the help."""

from dataclasses import dataclass
from typing import Literal

import pytest

from demos.common.cli import parse
from demos.common.errors import UserError


@dataclass(frozen=True)
class Options:
    """Does something."""

    size: int = 3
    """How large."""
    colour: Literal["red", "green"] | None = None
    """Which colour."""


def test_options_are_read():
    assert parse(Options, ["--colour", "red"], "demo") == Options(3, "red")


def test_a_wrong_choice_names_the_right_ones_in_one_sentence():
    with pytest.raises(UserError) as caught:
        parse(Options, ["--colour", "blue"], "demo")
    message = str(caught.value)
    assert "'blue'" in message
    assert "'red'" in message
    assert "'green'" in message
    assert "None" not in message
    assert message.endswith("); see demo --help")

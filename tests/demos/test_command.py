"""What the commands of all tasks share."""

from dataclasses import dataclass

import pytest

from demos import command
from demos.errors import UserError


@dataclass(frozen=True)
class Numbers:
    count: int = 1
    fraction: float = 0.5
    decay: float = 0.0
    flag: bool = False
    name: str | None = None


def check(**values):
    command.check_numbers([Numbers(**values)], ("fraction",), ("decay",))


@pytest.mark.parametrize(
    "values", [{}, {"flag": True}, {"fraction": 0.0}, {"name": "a"}]
)
def test_numbers_in_range_pass(values):
    check(**values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"count": 0}, "--count to be above 0"),
        ({"decay": -1.0}, "--decay to be above 0"),
        ({"decay": float("nan")}, "--decay to be above 0"),
        ({"count": float("inf")}, "--count to be above 0"),
        ({"fraction": 1.0}, "--fraction to be from 0 to below 1"),
    ],
)
def test_numbers_out_of_range_are_named(values, says):
    with pytest.raises(UserError, match=says):
        check(**values)

"""Texts of others are printed and name folders without doing harm."""

import pytest

from demos.common.errors import UserError, reason_of
from demos.common.progress import log, print_line
from demos.common.text import folder_name, one_line, printable

pytestmark = pytest.mark.once

HOSTILE = "\x1b]0;mine\x07 \x9b31m \u202e caf\udce9\n"


def test_nothing_that_a_terminal_obeys_is_printed(capsys):
    print_line(HOSTILE)
    log(HOSTILE)
    print(UserError(HOSTILE), reason_of(ValueError(HOSTILE)))
    captured = capsys.readouterr()
    for line in (captured.out + captured.err).splitlines():
        assert line.isprintable()
        assert r"\x1b]0;mine\x07 \x9b31m \u202e caf\udce9" in line


def test_other_texts_stay_as_they_are():
    for text in ("café", "日本", "👩‍🔬 ∞", "a\\b"):
        assert printable(text) == one_line(text) == text
    assert one_line(" a\n b\x85c ") == "a b c"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("reviews", "reviews"),
        ("café", "café"),
        ("..", "data"),
        ("", "data"),
        ("/etc/passwd", "-etc-passwd"),
        ("../../a", "-..-a"),
        ("caf\udce9\0", "caf-udce9-x00"),
        ("é" * 300, "é" * 50),
    ],
)
def test_names_of_data_are_one_part_of_a_path(tmp_path, name, folder):
    assert folder_name(name) == folder
    assert (tmp_path / folder_name(name)).parent == tmp_path

"""`python -m demos`: what it lists, and how it fails."""

import subprocess
import sys

import pytest

from demos.__main__ import COMMANDS
from demos.__main__ import main


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_demos_are_listed_one_line_each(arguments, capsys):
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, summary) in COMMANDS.items():
        assert sum(name in line and summary in line for line in lines) == 1


def test_unknown_demo_is_one_line(capsys):
    assert main(["sentimnt"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "'sentimnt'" in captured.err
    assert "sentiment" in captured.err


def test_help_imports_no_keras():
    code = (
        "import sys\n"
        "from demos.__main__ import main\n"
        "main([])\n"
        "try: main(['sentiment', '--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "assert not {'keras', 'pandas', 'scipy'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for flag in ("--activations", "--seeds", "--quick", "--embedding-dim"):
        assert flag in done.stdout


def test_interrupt_is_one_line(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("demos.sentiment.compare", interrupted)
    assert main(["sentiment"]) == 130
    assert capsys.readouterr().err.count("\n") == 1

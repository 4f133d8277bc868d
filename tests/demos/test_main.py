"""`python -m demos`: what it lists, and how it fails."""

import os
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


@pytest.mark.parametrize("demo", ["sentiment", "translation"])
def test_help_imports_no_keras(demo):
    code = (
        "import sys\n"
        "from demos.__main__ import main\n"
        "main([])\n"
        f"try: main(['{demo}', '--help'])\n"
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

    monkeypatch.setattr("demos.tasks.sentiment.task.compare", interrupted)
    assert main(["sentiment"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_interrupt_says_what_a_command_keeps(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt("finished trials are kept")

    monkeypatch.setattr("demos.tasks.sentiment.task.compare", interrupted)
    assert main(["sentiment"]) == 130
    error = capsys.readouterr().err
    assert error == "interrupted: finished trials are kept\n"


PRINTING = [["--help"], ["sentiment", "--help"]]


def run_into(stdout, arguments):
    return subprocess.run(
        [sys.executable, "-m", "demos", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("arguments", PRINTING)
def test_a_reader_that_left_is_no_error(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    done = run_into(writing, arguments)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="only Linux has /dev/full"
)
@pytest.mark.parametrize("arguments", PRINTING)
def test_a_full_disk_under_the_output_is_one_line(arguments):
    with open("/dev/full", "w") as full:
        done = run_into(full, arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the output cannot be written")
    assert done.stderr.count("\n") == 1


def test_other_system_errors_are_not_taken_for_those_of_the_output(
    monkeypatch,
):
    def failing(options):
        raise OSError("a fault of ours")

    monkeypatch.setattr("demos.tasks.sentiment.task.compare", failing)
    with pytest.raises(OSError, match="a fault of ours"):
        main(["sentiment"])

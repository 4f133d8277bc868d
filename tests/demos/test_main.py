"""`python -m demos`: what it lists, and how it fails."""

import os
import subprocess
import sys
import textwrap

import pytest

from demos.__main__ import COMMANDS, main

pytestmark = pytest.mark.once


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
    """Of every task, in one process; the list imports next to nothing."""
    code = """
    import contextlib, io, sys
    from demos.__main__ import COMMANDS, main
    main([])
    assert not {"tyro", "numpy"} & set(sys.modules)
    for name, (module, _) in COMMANDS.items():
        if not module.startswith("demos.tasks."):
            continue
        for arguments in ([], ["predict"]):
            if name in ("ablation", "summary") and arguments:
                continue  # They have no models of their own.
            printed = io.StringIO()
            try:
                with contextlib.redirect_stdout(printed):
                    main([name, *arguments, "--help"])
            except SystemExit as stop:
                assert not stop.code
            flags = {"--out"} if name == "summary" else {"--out", "--backend"}
            assert all(flag in printed.getvalue() for flag in flags)
    heavy = {"keras", "pandas", "scipy", "numpy", "matplotlib", "joblib"}
    assert not heavy & set(sys.modules), heavy & set(sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_interrupt_is_one_line(capsys, monkeypatch):
    def interrupted(demo, options):
        raise KeyboardInterrupt

    monkeypatch.setattr("demos.tasks.demo.Demo.run", interrupted)
    assert main(["sentiment"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_interrupt_says_what_a_command_keeps(capsys, monkeypatch):
    def interrupted(demo, options):
        raise KeyboardInterrupt("finished trials are kept")

    monkeypatch.setattr("demos.tasks.demo.Demo.run", interrupted)
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


def test_other_system_errors_are_raised(monkeypatch):
    def failing(demo, options):
        raise OSError("a fault of ours")

    monkeypatch.setattr("demos.tasks.demo.Demo.run", failing)
    with pytest.raises(OSError, match="a fault of ours"):
        main(["sentiment"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["detection", "--image-size", "100000"], "must be at most 1024"),
        (["classification", "--image-size", "100000"], "must be at most 1024"),
        (["sentiment", "predict", "caf\udce9"], r"is not UTF-8: caf\udce9"),
        (
            ["entailment", "predict", "--text-1", "a", "--text-2", "\udce9"],
            r"text 2 is not UTF-8: \udce9",
        ),
        (["classification", "predict", "/dev/zero"], "is not a file"),
        (["detection", "predict", "n" * 300], "is not a file"),
        (["sentiment", "--out", "n" * 300], "File name too long"),
        (["\x1b[31m"], r"'\x1b[31m'"),
    ],
)
def test_hostile_arguments_are_one_line(capsys, arguments, says):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.endswith("\n")
    assert error[:-1].isprintable()
    assert says in error


def test_without_memory_it_says_so(capsys, monkeypatch):
    def failing(demo, options):
        raise MemoryError

    monkeypatch.setattr("demos.tasks.demo.Demo.run", failing)
    assert main(["sentiment"]) == 1
    assert capsys.readouterr().err.startswith("error: out of memory")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("-m demos 2>&-", 0),
        ("-m demos >&-", 0),
        ("-m demos nothing 2>&-", 2),
        ("-m demos caf\u00e9 2>&1 | cat; exit 2", 2),
    ],
)
def test_streams_that_are_closed_or_ascii(command, code):
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} {command}"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LC_ALL": "C",
            "PYTHONUTF8": "0",
        },
        capture_output=True,
    )
    assert done.returncode == code
    assert b"Traceback" not in done.stdout + done.stderr


def test_help_for_the_narrowest_terminal_ends():
    done = subprocess.run(
        [sys.executable, "-m", "demos", "summary", "--help"],
        env={**os.environ, "COLUMNS": "5"},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0

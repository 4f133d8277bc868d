"""The promises, the report, and the command line."""

import json

import keras
import pytest

from demos.__main__ import main
from demos.benchmarks.accuracy.errors import Errors, Result, broken, verdict
from demos.benchmarks.accuracy.report import markdown
from demos.benchmarks.backends import Outcome


def result(activation="serf", dtype="float32", reason="", **errors):
    place = ("jax", "jax 1", activation, "eager", dtype)
    return Result(*place, errors, reason)


@pytest.mark.once
@pytest.mark.parametrize(
    ("dtype", "name", "error", "holds"),
    [
        ("float32", "value", 3.99, True),
        ("float32", "value", 4.01, False),
        ("float32", "derivative", 4.01, False),
        ("float32", "second_derivative", 300, True),
        ("float64", "value", 7.9, True),
        ("float64", "derivative", 8.1, False),
        ("bfloat16", "value", 0.5, True),
        ("bfloat16", "value", 0.52, False),
    ],
)
def test_the_verdict_follows_the_promise(dtype, name, error, holds):
    results = [result(dtype=dtype, **{name: Errors(9, error, -1.5)})]
    assert (broken(results) == {}) == holds
    assert ("meets its error bounds" in verdict(results)) == holds
    others = [result("serf (composed)", dtype, **{name: Errors(9, 1e9, -1.5)})]
    assert broken(others) == {}


@pytest.mark.once
@pytest.mark.parametrize(
    ("errors", "reason", "line"),
    [
        (Errors(nonfinite=1, example=89.0), "", "f is not finite for 1 finite"),
        (Errors(limits=("f(-inf) = nan",)), "", "f(-inf) = nan"),
        (Errors(flushed=1.5), "", "1.5 times that of flushing"),
        (Errors(9), "MemoryError: too much", "not all inputs were tried"),
    ],
)
def test_a_promise_is_more_than_small_errors(errors, reason, line):
    ((promise, places),) = broken([result(value=errors, reason=reason)]).items()
    assert line in promise
    assert places == ["jax, eager, float32"]


@pytest.mark.once
def test_the_report_says_what_was_not_measured_and_why():
    text = markdown(
        Outcome(),
        [
            result(value=Errors(9, 1.0, -1.5), derivative=Errors(9)),
            result("serf (composed)", reason="ValueError: no such op"),
        ],
    )
    assert "| 1 at -1.5 |" in text
    assert "- jax 1, serf (composed), eager: ValueError: no such op" in text


def test_a_small_run_writes_the_report_and_never_overwrites(tmp_path, capsys):
    backend = keras.backend.backend()
    out = tmp_path / "report"
    command = [
        *("accuracy", "--backends", backend, "--dtypes", "float16"),
        *("--modes", "eager", "--out", str(out)),
    ]
    code = main(command)
    captured = capsys.readouterr()
    assert captured.err == f"wrote {out}\n"
    text = (out / "table.md").read_text("utf-8")
    assert captured.out == text
    assert code == ("Serf meets its error bounds" not in text)
    content = json.loads((out / "results.json").read_text())
    assert content["environments"][0]["backend"] == backend
    results = {r["activation"]: r for r in content["results"]}
    assert set(results) == {"serf", "serf (composed)"}
    assert results["serf"]["version"].startswith(backend)
    value = results["serf"]["errors"]["value"]
    assert value["inputs"] == 2**16 - 2**11  # Without NaN and infinities.
    assert value["error"] < 1
    assert value["nonfinite"] == 0

    assert main(command) == 2
    assert "already has results" in capsys.readouterr().err


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--backends", "theano"], "theano"),
        (["--dtypes", "int8"], "int8"),
        (["--out", __file__], "--out"),
    ],
)
def test_bad_options_are_one_line(arguments, named, capsys):
    assert main(["accuracy", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err

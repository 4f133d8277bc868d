"""Times are compared within a round, and reported; the command line."""

import json
import os

import keras
import pandas as pd
import pytest

from demos.__main__ import main
from demos.benchmarks import backends
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.plan import plan
from demos.benchmarks.cost.ratios import ratio, tabulate
from demos.benchmarks.cost.types import Cell, Timing
from demos.benchmarks.names import (
    BOTH,
    CNN,
    COMPILE,
    COMPILED,
    COPY,
    EAGER,
    FORWARD,
    GELU,
    MISH,
    RELU,
    SERF,
    TRANSFORMER,
)

CELL = Cell("jax", FORWARD, COMPILED, "float32", 1000)


@pytest.mark.once
def test_a_ratio_is_of_times_of_the_same_round():
    # The machine slows down tenfold half way; the ratio does not change.
    ours = [1.0, 1.2, 1.1, 10.0, 11.0]
    theirs = [2.0, 2.4, 2.2, 20.0, 22.0]
    same = ratio(ours, theirs)
    assert (same.low, same.median, same.high) == pytest.approx((0.5,) * 3)
    assert str(ratio([1, 2, 3, 4, 5], [1] * 5)) == "3.000 (2.000 to 4.000)"


@pytest.mark.once
def test_the_table_holds_medians_and_ratios_within_a_cell():
    other = Cell("jax", FORWARD, EAGER, "float32", 1000)
    table = tabulate(
        [
            Timing(CELL, COPY, (1.0, 1.0, 1.0)),
            Timing(CELL, SERF, (3.0, 2.0, 4.0)),
            Timing(CELL, GELU, (6.0, 4.0, 4.0)),
            Timing(other, SERF, (1e-6,)),
        ]
    )
    row = table.iloc[1]
    assert row["seconds"] == 3.0
    assert row["nanoseconds"] == pytest.approx(3e6)
    assert row["rounds"] == 3
    assert row[f"of {GELU}"] == 0.5
    assert row[f"of {GELU} q3"] == 0.75
    assert row[f"of {COPY}"] == 3.0
    assert pd.isna(row[f"of {MISH}"])
    assert pd.isna(table.iloc[3][f"of {GELU}"])


class Child:
    """A child process that measures everything in no time."""

    def __init__(self, module, backend, log, **options):
        self.backend = backend

    def __enter__(self):
        return self

    def __exit__(self, *details):
        pass

    def call(self, options, on_event):
        name = self.backend
        environment = {"backend": name, name: "1.0", "keras": "3", "cores": 2}
        environment |= {"keras_serf": "0", "devices": "cpu", "processor": "x"}
        on_event("environment", environment)
        cells = plan(options, name, (EAGER, COMPILED))
        on_event("total", len(cells))
        for number, (cell, _) in enumerate(cells):
            on_event("begin", str(cell))
            for activation in (COPY, RELU, GELU, MISH, SERF):
                timing = {
                    "cell": dict(vars(cell)),
                    "activation": activation,
                    "seconds": [number + 1.0, number + 2.0],
                }
                on_event("timing", timing)
            on_event("advance", 1)
        kept = {"mode": EAGER, "activation": SERF, "total": 4.0, "besides": 0.0}
        on_event("kept", {"backend": name, **kept})
        on_event("failure", f"{name}: something: did not work")


@pytest.mark.once
def test_the_report_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(backends, "child", Child)
    out = tmp_path / "report"
    command = ["cost", "--backends", "jax", "--out", str(out)]
    monkeypatch.setattr(
        "demos.benchmarks.benchmark.installed", lambda names: ["jax", "torch"]
    )
    assert main(command) == 0
    text = capsys.readouterr().out
    assert (out / "table.md").read_text() == text
    assert "## jax, bfloat16, eager, 4,194,304 elements" in text
    assert "## torch, serf, float32, compiled, by size" in text
    assert "| activation | jax compiled ms |" in text
    assert "| serf       |     4 (0) |       4 (0) |" in text
    assert text.endswith(
        "## Not measured\n\n"
        "- jax: something: did not work\n- torch: something: did not work\n"
    )
    for paragraph in text.split("\n\n"):
        rows = [line for line in paragraph.splitlines() if line[:1] == "|"]
        assert len({len(row) for row in rows}) <= 1
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")
    frame = pd.read_csv(out / "timings.csv")
    assert set(frame["backend"]) == {"jax", "torch"}
    content = json.loads((out / "results.json").read_text())
    assert content["timings"][0]["seconds"] == [1.0, 2.0]
    assert content["environments"]["jax"]["cores"] == 2

    assert main(command) == 2
    assert "holds results already" in capsys.readouterr().err


@pytest.mark.once
def test_only_what_is_asked_for_is_planned():
    options = CostOptions(parts=("growth", "compile"), sizes=(10, 1000, 10))
    cells = plan(options, "tensorflow", (EAGER, COMPILED))
    assert [(cell.work, cell.size) for cell, _ in cells] == [
        (FORWARD, 10),
        (BOTH, 10),
        (FORWARD, 1000),
        (BOTH, 1000),
        (COMPILE, 0),
    ]


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--backends", "theano"], "theano"),
        (["--sizes", "0"], "--sizes"),
        (["--size", "-1"], "--size"),
        (["--seconds", "nan"], "--seconds"),
        (["--threads", "0"], "--threads"),
        (["--dtypes", "int8"], "int8"),
        (["--parts", "everything"], "everything"),
        (["--parts"], "--parts"),
    ],
)
def test_bad_options_are_one_line(arguments, named, capsys):
    assert main(["cost", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err


@pytest.mark.slow
def test_a_quick_run_measures_everything(trains, tmp_path, capfd):
    backend = keras.backend.backend()
    out = tmp_path / "report"
    command = ["cost", "--quick", "--backends", backend, "--out", str(out)]
    available = os.sched_getaffinity(0)
    assert main([*command, "--seconds", "0.01", "--threads", "1"]) == 0
    assert os.sched_getaffinity(0) == available
    captured = capfd.readouterr()
    assert captured.err == f"wrote {out}\n"
    assert "Smoke test" in captured.out
    assert "## Not measured" not in captured.out
    frame = pd.read_csv(out / "timings.csv")
    assert set(frame["work"]) == {FORWARD, BOTH, COMPILE, TRANSFORMER, CNN}
    assert {EAGER, COMPILED} <= set(frame["mode"])
    assert (frame.groupby("work")["activation"].nunique() >= 2).all()
    assert SERF in set(frame[frame["work"] == CNN]["activation"])
    assert (frame["seconds"] > 0).all()
    content = json.loads((out / "results.json").read_text())
    assert content["environments"][backend]["cores"] == 1
    assert {kept["activation"] for kept in content["kept"]} >= {SERF, GELU}

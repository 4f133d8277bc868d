"""Times are compared within a round, and reported; the command line."""

import json

import keras
import pandas as pd
import pytest

from demos.__main__ import main
from demos.benchmarks import backends
from demos.benchmarks.cost.options import CostOptions
from demos.benchmarks.cost.plan import fresh_plan, plan
from demos.benchmarks.cost.report import tabulate
from demos.benchmarks.names import (
    BOTH,
    CNN_STEP,
    COMPILED,
    COPY,
    DEFAULT,
    EAGER,
    FIRST_STEP,
    FORWARD,
    GELU,
    GRAPH,
    KEPT,
    MISH,
    MODEL_WORK,
    RELU,
    SERF,
)
from demos.common.subprocesses import EndedEarlyError


def timing(activation, *seconds, mode=COMPILED):
    cell = {"backend": "jax", "work": FORWARD, "mode": mode}
    cell |= {"dtype": "float32", "size": 1000}
    return cell | {"activation": activation, "seconds": seconds}


@pytest.mark.once
def test_a_ratio_is_of_times_of_the_same_round():
    # The machine slows down tenfold half way; the ratio does not change.
    table = tabulate(
        [
            timing(SERF, 1.0, 1.2, 1.1, 10.0, 11.0),
            timing(GELU, 2.0, 2.4, 2.2, 20.0, 22.0),
        ]
    )
    ours = table.iloc[0][[f"of {GELU} q1", f"of {GELU}", f"of {GELU} q3"]]
    assert list(ours) == pytest.approx([0.5] * 3)


@pytest.mark.once
def test_the_table_holds_medians_and_ratios_within_a_cell():
    table = tabulate(
        [
            timing(COPY, 1.0, 1.0, 1.0),
            timing(SERF, 3.0, 2.0, 4.0),
            timing(GELU, 6.0, 4.0, 4.0),
            timing(SERF, 1e-6, mode=EAGER),
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

    def __init__(self, function, backend, log, **options):
        self.backend = backend

    def __enter__(self):
        return self

    def __exit__(self, *details):
        pass

    def close(self):
        pass

    def call(self, task):
        name = self.backend
        if task is None:
            about = {"keras": "3", "cores": 2, "keras_serf": "0", name: "1.0"}
            return {
                "backend": name,
                "devices": "cpu",
                "processor": "x",
                **about,
            }
        if task.cell.work in (FIRST_STEP, "predict", "training step"):
            return (2.0 if task.activations == (GELU,) else 3.5), 30.2
        if task.cell.work == KEPT and task.cell.mode == EAGER:
            kept = {"activation": SERF, "total": 4.0, "besides": 0.0}
            return [("kept", {"backend": name, "mode": EAGER, **kept})]
        if task.cell.work == CNN_STEP:
            raise EndedEarlyError("killed")
        return [
            (
                "timings",
                {**vars(task.cell), "activation": each, "seconds": [1.0, 2.0]},
            )
            for each in (COPY, RELU, GELU, MISH, SERF)
        ]


@pytest.mark.once
def test_the_report_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(backends, "ChildProcess", Child)
    out = tmp_path / "report"
    command = ["cost", "--out", str(out)]
    monkeypatch.setattr(
        "demos.benchmarks.benchmark.installed",
        lambda names: ["tensorflow", "torch"],
    )
    assert main(command) == 0
    text = capsys.readouterr().out
    assert (out / "table.md").read_text() == text
    assert "## tensorflow, bfloat16, eager, 4,194,304 elements" in text
    assert "| ns each | of gelu (erf) | of mish |" in text
    assert "| of gelu (erf), 65,536 |" in text
    first_step = "default  | serf       | 3,500.0 | 1.750 (1.750 to 1.750) |"
    assert f"| tensorflow | {first_step}" in text
    assert f"| torch      | {first_step}" in text
    lengths = "predict       | serf       |    3.50 | +1.50 |  30 |"
    assert f"| tensorflow | {lengths}" in text
    assert (
        "| torch      | eager | serf       |     4 |              0 |" in text
    )
    assert "## Not measured\n\n- tensorflow: CNN step default" in text
    assert text.endswith("serf: killed\n")
    for paragraph in text.split("\n\n"):
        rows = [line for line in paragraph.splitlines() if line[:1] == "|"]
        assert len({len(row) for row in rows}) <= 1
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")
    frame = pd.read_csv(out / "timings.csv")
    assert set(frame["backend"]) == {"tensorflow", "torch"}
    content = json.loads((out / "results.json").read_text())
    assert content["timings"][0]["seconds"] == [1.0, 2.0]
    assert content["environments"][1]["cores"] == 2

    assert main(command) == 2
    assert "already has results" in capsys.readouterr().err


@pytest.mark.once
def test_only_what_is_asked_for_is_planned():
    options = CostOptions(
        parts=("elementwise", "compile"),
        dtypes=("float32",),
        sizes=(10, 1000, 10),
    )
    cells = [task.cell for task in plan(options, "tensorflow")]
    assert [(cell.mode, cell.work, cell.size) for cell in cells] == [
        (mode, work, size)
        for mode in (EAGER, GRAPH, COMPILED)
        for work in (FORWARD, BOTH)
        for size in (10, 1000)
    ]
    tasks = fresh_plan(options, "tensorflow")
    assert {(t.cell.work, t.cell.mode) for t in tasks} == {
        (FIRST_STEP, DEFAULT),
        (FIRST_STEP, COMPILED),
    }
    # In turns, so that other load on the machine affects all alike.
    names = [name for task in tasks for name in task.activations]
    assert names == [GELU, MISH, SERF] * 6


@pytest.mark.once
@pytest.mark.parametrize(
    ("backend", "modes"),
    [
        ("tensorflow", {DEFAULT, COMPILED}),
        ("jax", {DEFAULT}),
        ("torch", {DEFAULT}),
    ],
)
def test_models_run_as_keras_does_by_default(backend, modes):
    options = CostOptions(parts=("steps", "lengths"))
    assert {task.cell.mode for task in plan(options, backend)} == modes
    assert bool(fresh_plan(options, backend)) == (backend == "tensorflow")


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--backends", "theano"], "theano"),
        (["--sizes", "0"], "--sizes"),
        (["--seconds", "nan"], "--seconds"),
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
    assert main([*command, "--seconds", "0.01"]) == 0
    captured = capfd.readouterr()
    assert captured.err == f"wrote {out}\n"
    assert "Smoke test" in captured.out
    assert "## Not measured" not in captured.out
    frame = pd.read_csv(out / "timings.csv")
    assert set(frame["work"]) == {FORWARD, BOTH, *MODEL_WORK}
    assert {EAGER, COMPILED} <= set(frame["mode"])
    assert (frame.groupby("work")["activation"].nunique() >= 2).all()
    assert SERF in set(frame[frame["work"] == CNN_STEP]["activation"])
    assert (frame["seconds"] > 0).all()
    content = json.loads((out / "results.json").read_text())
    assert content["environments"][0]["backend"] == backend
    assert {kept["activation"] for kept in content["kept"]} >= {SERF, GELU}
    lengths = {
        (each["work"], each["activation"]) for each in content["lengths"]
    }
    assert len(lengths) == (6 if backend == "tensorflow" else 0)

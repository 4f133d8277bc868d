"""Cost: how times are taken, compared and judged. No test looks at a clock."""

import importlib.util
import json

import keras
import pandas as pd
import pytest

from demos.__main__ import main
from demos.benchmarks.cost import command as cost
from demos.benchmarks.cost.command import BOTH
from demos.benchmarks.cost.command import COMPILE
from demos.benchmarks.cost.command import COMPILED
from demos.benchmarks.cost.command import COPY
from demos.benchmarks.cost.command import EAGER
from demos.benchmarks.cost.command import FORWARD
from demos.benchmarks.cost.command import GELU
from demos.benchmarks.cost.command import KERAS
from demos.benchmarks.cost.command import MISH
from demos.benchmarks.cost.command import RELU
from demos.benchmarks.cost.command import SERF
from demos.benchmarks.cost.command import TARGET_SIZE
from demos.benchmarks.cost.command import Cell
from demos.benchmarks.cost.command import Findings
from demos.benchmarks.cost.command import Kept
from demos.benchmarks.cost.command import Plan
from demos.benchmarks.cost.command import Timing

CELL = Cell("jax", FORWARD, COMPILED, "float32", TARGET_SIZE)


class Clock:
    """Tells the time that the works done on it have taken."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def work(self, seconds):
        """Returns a call that takes so long."""

        def call():
            self.now += seconds

        return call


def environment(backend, device="cpu"):
    return {"backend": backend, "device": device, backend: "1.0", "cores": 2}


@pytest.fixture
def framework(trains):
    return cost._FRAMEWORKS[keras.backend.backend()]()


@pytest.fixture
def functions(framework):
    from demos.benchmarks.reference_activations import reference_activations

    return {a.name: a.function for a in reference_activations().values()}


def test_samplers_run_in_turns_in_another_order_each_round():
    order = []

    def sampler(name):
        def sample(number):
            order.append((number, name))
            return float(number)

        return sample

    names = ("a", "b", "c", "d")
    samplers = {name: sampler(name) for name in names}
    clock = Clock()
    times = cost.interleave(samplers, 1.0, 2, 0, clock, most=8)
    assert list(times) == list(names)
    assert set(times.values()) == {tuple(map(float, range(8)))}
    rounds = [[n for r, n in order if r == number] for number in range(8)]
    assert all(sorted(each) == list(names) for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1
    assert [r for r, _ in order] == sorted(r for r, _ in order)

    first, order[:] = list(order), []
    cost.interleave(samplers, 1.0, 2, 0, clock, most=8)
    assert order == first
    order.clear()
    cost.interleave(samplers, 1.0, 2, 1, clock, most=8)
    assert order != first


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 3), (7.0, 4), (1e9, 20)])
def test_rounds_end_with_the_time_but_not_too_early(seconds, rounds):
    clock = Clock()
    works = {"a": clock.work(0.5), "b": clock.work(1.5)}
    samplers = {
        name: lambda _, call=call: call() or 1.0 for name, call in works.items()
    }
    times = cost.interleave(samplers, seconds, 3, 0, clock, most=20)
    assert {len(each) for each in times.values()} == {rounds}


@pytest.mark.parametrize("seconds", [1e-6, 3e-4, 0.5])
def test_short_calls_are_repeated(seconds):
    clock = Clock()
    sample = cost.repeated(clock.work(seconds), 0.02, clock)
    before = clock.now
    assert sample(0) == pytest.approx(seconds)
    taken = clock.now - before
    assert max(0.02, seconds) * 0.99 <= taken <= max(0.5, 10 * 0.02)


def test_ratio_is_of_times_of_the_same_round():
    # The machine slows down tenfold half way; the ratio does not notice.
    ours = [1.0, 1.2, 1.1, 10.0, 11.0]
    theirs = [2.0, 2.4, 2.2, 20.0, 22.0]
    found = cost.ratio(ours, theirs)
    assert (found.low, found.median, found.high) == pytest.approx((0.5,) * 3)
    assert cost.ratio([1, 2, 3, 4, 5], [1] * 5).low == 2
    assert cost.ratio([1, 2, 3, 4, 5], [1] * 5).high == 4


def test_table_holds_medians_and_ratios():
    other = Cell("jax", FORWARD, EAGER, "float32", 1000)
    table = cost.tabulate(
        [
            Timing(CELL, COPY, (1.0, 1.0, 1.0)),
            Timing(CELL, SERF, (3.0, 2.0, 4.0)),
            Timing(CELL, GELU, (6.0, 4.0, 4.0)),
            Timing(other, SERF, (1e-6,)),
        ]
    )
    row = table[table["activation"] == SERF].iloc[0]
    assert row["seconds"] == 3.0
    assert row["nanoseconds"] == pytest.approx(3e9 / TARGET_SIZE)
    assert row["rounds"] == 3
    assert row[f"of {GELU}"] == 0.5
    assert row[f"of {GELU} q3"] == 0.75
    assert row[f"of {COPY}"] == 3.0
    assert pd.isna(row[f"of {MISH}"])
    # Nothing is compared with what ran in another cell.
    alone = table.iloc[3]
    assert alone["nanoseconds"] == pytest.approx(1.0)
    assert pd.isna(alone[f"of {GELU}"])


def timings(backend, work, mode, size=0, **seconds):
    cell = Cell(backend, work, mode, "float32", size)
    names = {"gelu": GELU}
    return [
        Timing(cell, names.get(name, name), (value,) * 3)
        for name, value in seconds.items()
    ]


def test_targets_are_met_missed_or_not_measured():
    findings = Findings(
        environments={"torch": environment("torch")},
        timings=[
            *timings("torch", FORWARD, COMPILED, TARGET_SIZE, serf=1.0, gelu=1),
            *timings("torch", FORWARD, EAGER, TARGET_SIZE, serf=1.1, mish=1.0),
            *timings("torch", COMPILE, COMPILED, serf=1.26, gelu=1.0),
            *timings("torch", "CNN step", KERAS, serf=1.02, relu=1.0),
            # Another size than that of the targets.
            *timings("torch", BOTH, EAGER, 1000, serf=1.0, mish=9.0),
        ],
        kept=[Kept("torch", EAGER, SERF, 8.0, 4.0)],
    )
    verdicts = cost.judge(findings)
    assert {v.backend for v in verdicts} == {"torch"}
    outcome = {v.target: v.outcome for v in verdicts}
    measured = {v.target: v.measured for v in verdicts}
    one = "forward, compiled: at most 1.00 of gelu (erf)"
    assert outcome[one] == "met"
    assert outcome["forward, eager: at most 1.00 of mish"] == "missed"
    assert outcome["compile time, compiled: at most 1.25 of gelu (erf)"] == (
        "missed"
    )
    assert outcome["CNN step, Keras: at most 1.03 of relu"] == "met"
    assert outcome["forward+backward, eager: at most 1.00 of mish"] == (
        "not measured"
    )
    assert outcome["kept for backward, eager: at most 4 bytes"] == "missed"
    assert measured[one] == "1.000 (1.000 to 1.000)"
    assert "8 bytes" in measured["kept for backward, eager: at most 4 bytes"]


def test_targets_of_a_cpu_are_not_asked_of_a_gpu():
    def eager(device):
        findings = Findings({"torch": environment("torch", device)})
        return [v for v in cost.judge(findings) if "eager: at" in v.target]

    assert len(eager("cpu")) == len(eager("cuda")) + 2


@pytest.mark.usefixtures("framework")
def test_serf_keeps_less_than_its_composition(framework, functions):
    ours = cost.weigh(framework, functions[SERF], EAGER)
    composed = cost.weigh(framework, functions[cost.COMPOSED], EAGER)
    assert ours[1] == 0
    assert composed[0] >= ours[0] + 4
    assert composed[1] >= 8


def test_serf_keeps_its_input_alone(framework, functions):
    if keras.backend.backend() == "tensorflow":
        pytest.skip("tf.custom_gradient holds on to its output")
    assert cost.weigh(framework, functions[SERF], EAGER) == (4, 0)


def test_every_way_to_run_gives_value_and_gradient(framework):
    import numpy as np

    values = np.array([-2.0, 0.5, 3.0], "float32")
    x = framework.array(values, "float32")
    w = framework.array(np.array([1.0, 2.0, 0.5], "float32"), "float32")
    seen = []

    def square(x):
        seen.append(x.shape)
        return x * x

    for mode in framework.modes:
        if keras.backend.backend() == "torch" and mode == COMPILED:
            continue  # Takes seconds; the slow test does it.
        framework.forward(square, mode, x)()
        framework.both(square, mode, x, w)()
    assert len(seen) >= 2 * len(framework.modes) - 2


def test_a_process_that_dies_is_reported_and_the_rest_kept(capsys):
    findings = Findings(kept=[Kept("jax", EAGER, SERF, 4.0, 0.0)])
    plan = Plan("no_such_backend", ("memory",), 10, (10,), ("float32",), 0.1)
    cost.gather(plan, findings)
    (failure,) = findings.failures
    assert failure.startswith("no_such_backend: the process ended early")
    assert len(findings.kept) == 1
    assert capsys.readouterr().out == ""


def synthetic(plan, scratch, log):
    """Writes what a process would, in no time."""
    yield "environment", environment(plan.backend)
    yield "plan", 2
    cells = cost.elementwise_cells(plan, (EAGER, COMPILED))
    for number, (cell, _) in enumerate(cells):
        yield "begin", str(cell)
        for name in (COPY, RELU, GELU, MISH, SERF):
            content = {
                "cell": dict(vars(cell)),
                "activation": name,
                "seconds": [number + 1.0, number + 2.0],
            }
            yield "timing", content
        yield "end", None
    yield (
        "timing",
        {
            "cell": dict(
                vars(Cell(plan.backend, COMPILE, COMPILED, "float32"))
            ),
            "activation": SERF,
            "seconds": [1.0],
        },
    )
    yield (
        "kept",
        {
            "backend": plan.backend,
            "mode": EAGER,
            "activation": SERF,
            "total": 4.0,
            "besides": 0.0,
        },
    )
    yield "failure", f"{plan.backend}: something: did not work"


@pytest.fixture
def no_process(monkeypatch):
    monkeypatch.setattr(cost, "_events", synthetic)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


@pytest.mark.usefixtures("no_process")
def test_report_is_written_and_never_overwritten(tmp_path, capsys):
    out = tmp_path / "report"
    command = ["cost", "--backends", "jax", "torch", "--out", str(out)]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert (out / "table.md").read_text() == text
    assert "## jax, bfloat16, eager, 4,194,304 elements" in text
    assert "## torch, serf, float32, compiled, by size" in text
    assert "- torch: something: did not work" in text
    assert "4 (0)" in text
    assert text.strip().splitlines()[-1].startswith("Targets: ")
    for rows in text.split("\n\n"):
        table = [line for line in rows.splitlines() if line.startswith("|")]
        assert len({len(line) for line in table}) <= 1
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")
    frame = pd.read_csv(out / "timings.csv")
    assert set(frame["backend"]) == {"jax", "torch"}
    content = json.loads((out / "results.json").read_text())
    assert content["timings"][0]["seconds"] == [1.0, 2.0]
    assert content["environments"]["jax"]["cores"] == 2

    assert main(command) == 2
    assert "holds results already" in capsys.readouterr().err


@pytest.mark.usefixtures("no_process")
def test_default_folder_gets_a_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["cost", "--backends", "jax", "--parts", "memory"]) == 0
    folders = {path.name for path in (tmp_path / "runs").iterdir()}
    assert folders == {"cost", "cost-2"}


def test_what_was_measured_before_an_interrupt_is_written(
    tmp_path, monkeypatch, capsys
):
    def interrupted(plan, scratch, log):
        yield from list(synthetic(plan, scratch, log))[:9]
        raise KeyboardInterrupt

    monkeypatch.setattr(cost, "_events", interrupted)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    out = tmp_path / "report"
    assert main(["cost", "--backends", "jax", "--out", str(out)]) == 130
    assert (out / "results.json").exists()
    error = capsys.readouterr().err.strip()
    assert error.startswith("interrupted")
    assert "\n" not in error


@pytest.mark.parametrize(
    ("flags", "says"),
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
def test_bad_flags_are_one_line(flags, says, capsys):
    assert main(["cost", *flags]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err


@pytest.mark.slow
@pytest.mark.usefixtures("trains")
def test_quick_run_measures_everything(tmp_path, capfd):
    backend = keras.backend.backend()
    out = tmp_path / "report"
    command = ["cost", "--quick", "--backends", backend, "--out", str(out)]
    assert main([*command, "--seconds", "0.01", "--threads", "1"]) == 0
    captured = capfd.readouterr()
    assert captured.err == f"wrote {out}\n"
    assert "its numbers mean nothing" in captured.out
    assert "Not measured" not in captured.out
    frame = pd.read_csv(out / "timings.csv")
    wanted = {FORWARD, BOTH, COMPILE, "Transformer step", "CNN step"}
    assert set(frame["work"]) == wanted
    assert {EAGER, COMPILED} <= set(frame["mode"])
    assert (frame.groupby("work")["activation"].nunique() >= 2).all()
    assert SERF in set(frame[frame["work"] == "CNN step"]["activation"])
    assert (frame["seconds"] > 0).all()
    content = json.loads((out / "results.json").read_text())
    assert content["environments"][backend]["cores"] == 1
    assert {kept["activation"] for kept in content["kept"]} >= {SERF, GELU}

"""Errors in ulps: measured right, resumed, and told on the command line."""

import json
import math
import shutil
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from demos.__main__ import main
from demos.benchmarks.accuracy import command as accuracy
from demos.benchmarks.accuracy.command import Chunk
from demos.benchmarks.accuracy.command import Finding
from demos.benchmarks.accuracy.command import Row
from demos.benchmarks.accuracy.command import Subject
from demos.benchmarks.accuracy.command import Sweep

X = np.linspace(-20, 10, 301, dtype="float32")
EAGER = Subject("serf", "eager", "float32")
COMPILED = Subject("serf", "compiled", "float32")


class Killed(BaseException):
    """Ends a process, as far as a run can tell."""


def known_exactly(x, name):
    """Truths whose exact values are numbers of the dtype: errors are whole."""
    truth = accuracy.truths("serf", x)[name]
    y = truth.exact.astype(x.dtype)
    return y, replace(truth, exact=y.astype("float64"))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_three_ulps_are_three(dtype):
    x = X.astype(accuracy._numpy_dtype(dtype))
    y, truth = known_exactly(x, "value")
    assert accuracy.measure("value", x, y, truth).error == 0
    k = 120
    for _ in range(3):
        y[k] = np.nextafter(y[k], np.array(-np.inf, y.dtype))
    found = accuracy.measure("value", x, y, truth)
    assert found.error == 3
    assert found.at == x[k]


def test_a_gradient_is_measured_by_its_larger_terms():
    x = np.array([-1.1930599], "float32")  # f' is 0 here, its terms are not.
    truth = accuracy.truths("serf", x)["derivative"]
    y = truth.exact + 3 * 2**-23 * 2 * 0.292057  # G, as f/x at the minimum.
    found = accuracy.measure("derivative", x, y, truth)
    assert found.error == pytest.approx(3, rel=1e-4)


def test_not_finite_results_are_counted_and_do_not_hide_the_error():
    x = np.append(X, np.array([-np.inf, np.inf, np.nan], "float32"))
    y, truth = known_exactly(x, "value")
    y[-3:] = np.nan, np.inf, np.nan
    y[[10, 290]] = np.nan
    y[285] = np.inf
    y[120] = np.nextafter(y[120], np.float32(1))
    found = accuracy.measure("value", x, y, truth)
    assert found.inputs == X.size
    assert found.nonfinite == 3
    assert found.example == X[285]  # The least in size.
    assert (found.error, found.at) == (1, X[120])
    assert found.ends == ("f(-inf) = nan",)


def test_tails_may_be_flushed_but_not_be_wrong():
    x = np.array([-88.0, -90.0, -1e30], "float32")
    truth = accuracy.truths("serf", x)["value"]
    flushed = accuracy.measure("value", x, np.zeros(3), truth)
    assert (flushed.error, flushed.at) == (0, None)
    assert 0 < flushed.flushed <= 1
    wrong = accuracy.measure("value", x, np.full(3, -1e-35), truth)
    assert wrong.flushed > 1
    assert accuracy.broken([row(value=wrong)])
    assert not accuracy.broken([row(value=flushed)])


def test_zero_itself_and_its_neighbours_are_judged_apart():
    x = np.array([0.0, 2e-38, 1.0], "float32")

    def evaluate(x):  # Flushes a product that the formula may go through.
        y = accuracy.truths("serf", x)["value"].exact.astype("float32")
        y[1] = 2e-38
        return y, None, None

    found = accuracy._try(EAGER, evaluate, x, 3, {}, False)
    assert found["value"].error < 0.6
    assert found["value"].inputs == 2
    assert found["near zero"].error > 1e6
    assert found["near zero"].at == x[1]


def test_references_agree_with_high_precision():
    mp = pytest.importorskip("mpmath")
    gates = {
        "silu": lambda x: 1 / (1 + mp.exp(-x)),
        "gelu (erf)": mp.ncdf,
        "mish": lambda x: mp.tanh(mp.log1p(mp.exp(x))),
        "serf": lambda x: mp.erf(mp.log1p(mp.exp(x))),
    }
    assert {*accuracy.OTHERS, "serf"} == set(gates)
    x = np.array([-30.0, -3.0, -0.5, 0.0, 1e-6, 2.0, 7.0], "float32")
    with mp.workdps(30):
        for name, gate in gates.items():
            truths = accuracy.truths(name, x)

            def f(x, gate=gate):
                return x * gate(x)

            for order, quantity in enumerate(truths):
                exact = [float(mp.diff(f, mp.mpf(float(v)), order)) for v in x]
                np.testing.assert_allclose(
                    truths[quantity].exact, exact, rtol=1e-12, atol=1e-20
                )


def test_float64_is_judged_beyond_its_own_rounding():
    pytest.importorskip("mpmath")
    x = np.array([-300.0, -1.0, 0.3, 5.0, 100.0, math.inf])
    truths = accuracy.truths("serf", x)
    for name, y in (
        ("value", np.array([-300.0, -1.0, 0.3, 5.0, 100.0])),
        ("derivative", np.ones(5)),
    ):
        truth = truths[name]
        nearest = np.append(truth.exact[:-1], y[-1])
        found = accuracy.measure(name, x, nearest, truth)
        assert 0 < found.error <= 0.5
    assert truths["value"].exact[4] == 100


def test_samples_are_the_same_each_time_and_cover_what_is_hard():
    chunks = accuracy.sample("float32", 5000)
    x = np.concatenate([chunk.points() for chunk in chunks])
    again = np.concatenate(
        [chunk.points() for chunk in accuracy.sample("float32", 5000)]
    )
    np.testing.assert_array_equal(x.view("uint32"), again.view("uint32"))
    assert x.size == sum(chunk.size for chunk in chunks)
    exponents = np.unique(x.view("uint32") >> 23)
    assert exponents.size == 512  # With either sign.
    for place in accuracy.HARD:
        for end in (-np.inf, np.inf):
            near = np.nextafter(np.float32(place), np.float32(end))
            assert (x == near).any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types_come_whole(dtype):
    (chunk,) = accuracy.sample(dtype, 1)
    assert np.unique(chunk.points().view("uint16")).size == 2**16


def test_everything_is_every_pattern_once():
    chunks = accuracy.everything()
    assert sum(chunk.size for chunk in chunks) == 2**32
    assert len({chunk.name for chunk in chunks}) == len(chunks)
    last = chunks[-1].points().view("uint32")
    assert (last[0], last[-1]) == (2**32 - chunks[-1].size, 2**32 - 1)
    np.testing.assert_array_equal(np.diff(last), 1)


def chunks_of(count):
    return tuple(
        Chunk(f"part {k}", "float32", 43, lambda k=k: X[43 * k : 43 * k + 43])
        for k in range(count)
    )


def rounded(subject, size):
    """Builds a Serf that is right but for rounding."""

    def evaluate(x):
        assert x.size == size
        truths = accuracy.truths("serf", x)
        return tuple(truths[n].exact.astype("f4") for n in accuracy.QUANTITIES)

    return evaluate


def run(folder, build=rounded, chunks=7, subjects=(EAGER, COMPILED), **share):
    """Runs small blocks; returns what was tried."""
    said = []
    sweep = Sweep(chunks_of(chunks), subjects, 16)
    accuracy.run([sweep], build, folder, said.append, **share)
    return [message["on"] for message in said if "on" in message]


def totals(folder, monkeypatch):
    """Puts the journals of a folder together."""
    monkeypatch.setattr(accuracy, "sample", lambda *_: chunks_of(7))
    options = accuracy.AccuracyOptions(dtypes=("float32",))
    with (folder / "0.jsonl").open("a") as file:
        file.write(json.dumps({"subject": EAGER.key}) + "\n")
    rows = accuracy.gather(options, "jax", folder)
    return {row.subject: row.findings for row in rows}


def test_killed_half_way_it_goes_on_with_the_rest(tmp_path, monkeypatch):
    def killed(subject, size):
        evaluate, calls = rounded(subject, size), []

        def count(x):
            calls.append(x)
            if len(calls) > 7:  # In the third chunk: each is of three blocks.
                raise Killed
            return evaluate(x)

        return count

    with pytest.raises(Killed):
        run(tmp_path / "cut", killed)
    journal = tmp_path / "cut" / "0.jsonl"
    kept = journal.read_text()
    journal.write_text(kept + '{"chunk": "part 2", "fin')  # Cut short.
    assert run(tmp_path / "cut") == [f"part {k}" for k in range(2, 7)]
    assert journal.read_text().startswith(kept)
    assert run(tmp_path / "cut") == []

    run(tmp_path / "whole")
    whole = totals(tmp_path / "whole", monkeypatch)
    assert totals(tmp_path / "cut", monkeypatch) == whole
    assert whole[EAGER]["value"].inputs == X.size
    assert 0.4 < whole[EAGER]["value"].error <= 0.5


def test_a_new_subject_is_tried_on_old_chunks(tmp_path):
    run(tmp_path, subjects=(EAGER,))
    asked = []

    def build(subject, size):
        asked.append(subject)
        return rounded(subject, size)

    assert len(run(tmp_path, build)) == 7
    assert asked == [COMPILED]


def test_shares_try_each_chunk_once(tmp_path):
    tried = [
        name
        for share in range(3)
        for name in run(tmp_path, chunks=64, share=share, shares=3)
    ]
    assert len(tried) == len(set(tried)) == 64


def test_what_fails_is_noted_and_the_others_go_on(tmp_path, monkeypatch):
    def build(subject, size):
        if subject == EAGER:
            raise ValueError("no\nsuch op")
        return rounded(subject, size)

    run(tmp_path, build)
    with (tmp_path / "0.jsonl").open("a") as file:
        file.write(json.dumps({"subject": COMPILED.key}) + "\n")
    monkeypatch.setattr(accuracy, "sample", lambda *_: chunks_of(7))
    options = accuracy.AccuracyOptions(dtypes=("float32",))
    rows = {r.subject: r for r in accuracy.gather(options, "jax", tmp_path)}
    assert rows[COMPILED].findings["derivative"].inputs == X.size
    assert not rows[EAGER].findings
    assert rows[EAGER].reason == "ValueError: no such op"
    assert "eager, on jax: ValueError" in accuracy.markdown([*rows.values()])


def test_a_changed_kernel_starts_afresh(tmp_path, monkeypatch):
    for name in ("keras_serf", "demos"):
        shutil.copytree(accuracy.REPOSITORY / name, tmp_path / name)
    before = accuracy.fingerprint("numpy")
    monkeypatch.setattr(accuracy, "REPOSITORY", tmp_path)
    assert accuracy.fingerprint("numpy") == before
    (tmp_path / "demos" / "report.py").write_text("")
    assert accuracy.fingerprint("numpy") == before
    kernel = tmp_path / "keras_serf" / "kernels" / "jax.py"
    kernel.write_text(kernel.read_text() + "# changed\n")
    assert accuracy.fingerprint("numpy") != before


def test_half_tried_is_not_kept(tmp_path, monkeypatch):
    def build(subject, size):
        evaluate, calls = rounded(subject, size), []

        def fails_later(x):
            calls.append(x)
            if len(calls) > 7:
                raise MemoryError("too much")
            return evaluate(x)

        return fails_later

    assert run(tmp_path, build, subjects=(EAGER,)) == [
        f"part {k}" for k in range(3)
    ]
    monkeypatch.setattr(accuracy, "sample", lambda *_: chunks_of(7))
    options = accuracy.AccuracyOptions(dtypes=("float32",))
    rows = accuracy.gather(options, "jax", tmp_path)
    (line,) = accuracy.broken(rows)
    assert "5 chunks were not tried (MemoryError: too much)" in line
    assert len(run(tmp_path, subjects=(EAGER,))) == 5
    assert not accuracy.broken(accuracy.gather(options, "jax", tmp_path))


def test_a_block_near_zero_alone(tmp_path):
    near = np.linspace(2e-38, 7e-37, 43, dtype="float32")
    sweep = Sweep((Chunk("near", "float32", 43, lambda: near),), (EAGER,), 16)
    accuracy.run([sweep], rounded, tmp_path, lambda message: None)
    (line,) = [x for x in accuracy.lines(tmp_path) if "chunk" in x]
    assert line["findings"][EAGER.key]["near zero"]["inputs"] == 43


def row(activation="serf", dtype="float32", **findings):
    subject = Subject(activation, "eager", dtype)
    return Row("jax", "jax 1", "keras_serf 1", subject, findings)


@pytest.mark.parametrize(
    ("dtype", "name", "error", "holds"),
    [
        ("float32", "value", 3.99, True),
        ("float32", "value", 4.01, False),
        ("float32", "derivative", 4.01, False),
        ("float32", "second_derivative", 300, True),
        ("float32", "near zero", 4.01, False),
        ("float64", "value", 7.9, True),
        ("float64", "derivative", 8.1, False),
        ("bfloat16", "value", 0.5, True),
        ("bfloat16", "value", 0.52, False),
    ],
)
def test_verdict_is_the_promise(dtype, name, error, holds):
    rows = [row(dtype=dtype, **{name: Finding(9, error, -1.5)})]
    assert (accuracy.broken(rows) == []) == holds
    assert ("keeps its promises" in accuracy.verdict(rows)) == holds
    others = [row("mish", dtype, **{name: Finding(9, 1e9, -1.5)})]
    assert accuracy.broken(others) == []


@pytest.mark.parametrize(
    "finding",
    [Finding(nonfinite=1, example=89.0), Finding(ends=("f(-inf) = nan",))],
)
def test_verdict_is_against_what_is_not_finite(finding):
    rows = [row(curvature=finding)]
    assert len(accuracy.broken(rows)) == 1
    assert "does not keep" in accuracy.verdict(rows)


def test_a_small_run_writes_the_files_and_is_not_repeated(tmp_path, capsys):
    backend = keras.backend.backend()
    command = [
        *("accuracy", "--backends", backend, "--dtypes", "float32", "float16"),
        *("--modes", "eager", "--samples", "1000", "--out", str(tmp_path)),
    ]
    code = main(command)
    shown = capsys.readouterr()
    # Above it, on a slow machine, how far it was.
    assert shown.err.endswith(f"{backend}-0: done\n")
    text = (tmp_path / "table.md").read_text("utf-8")
    assert shown.out.startswith(text)
    assert code == ("Serf keeps its promises" not in text)
    figure = (tmp_path / "figure.png").read_bytes()
    assert figure.startswith(b"\x89PNG")

    table = pd.read_csv(tmp_path / "table.csv")
    assert {"serf", "serf (composed)", "mish"} <= set(table["activation"])
    assert set(table["dtype"]) == {"float32", "float16"}
    assert table["version"].str.startswith(backend).all()
    ours = table[table["activation"] == "serf"].set_index("dtype")
    assert ours["value_inputs"]["float32"] > 900_000
    assert ours["value_inputs"]["float16"] == 2**16 - 2**11  # Without NaN, inf.
    assert ours["value_error"]["float32"] < 10
    assert (ours["value_nonfinite"] == 0).all()

    records = [*tmp_path.glob(f"records/{backend}-*/0.jsonl")]
    assert len(records) == 1
    kept = accuracy.done(records[0].parent)
    tried = records[0].read_text().count('"chunk"')
    assert main(command) == code
    assert accuracy.done(records[0].parent) == kept
    assert records[0].read_text().count('"chunk"') == tried
    assert (tmp_path / "table.md").read_text("utf-8") == text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--backends", "theano"], "theano"),
        (["--dtypes", "int8"], "int8"),
        (["--samples", "0"], "--samples"),
        (["--jobs", "0"], "--jobs"),
        (["--samples", str(2**33)], "--exhaustive"),
    ],
)
def test_bad_options_are_one_line(arguments, named, capsys):
    assert main(["accuracy", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err


def test_out_that_is_a_file_is_one_line(tmp_path, capsys):
    path = tmp_path / "file"
    path.write_text("mine")
    assert main(["accuracy", "--out", str(path)]) == 2
    assert "--out" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_backends_that_are_missing_are_skipped(capsys, monkeypatch):
    monkeypatch.setattr(accuracy, "_is_installed", lambda name: name == "jax")
    assert accuracy._installed(["torch", "jax"]) == ["jax"]
    assert capsys.readouterr().err == "torch is not installed: skipped\n"
    assert main(["accuracy", "--backends", "torch", "--dtypes", "float32"]) == 2
    assert "none of the backends" in capsys.readouterr().err

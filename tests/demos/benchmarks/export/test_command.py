"""Export: what counts as working, whose fault it is, and what is written.

The runtimes here are make-believe; `tests/test_export.py` has the real ones.
"""

import json
from dataclasses import asdict
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from demos.__main__ import main
from demos.benchmarks.export import command as export
from demos.benchmarks.export import runtimes
from demos.benchmarks.export.command import ABSENT
from demos.benchmarks.export.command import ANY_BATCH
from demos.benchmarks.export.command import CONTROL
from demos.benchmarks.export.command import FAILS
from demos.benchmarks.export.command import FIXED_BATCH
from demos.benchmarks.export.command import NEITHER
from demos.benchmarks.export.command import SERF
from demos.benchmarks.export.command import WORKS
from demos.benchmarks.export.command import Cell
from demos.benchmarks.export.command import Findings
from demos.benchmarks.export.command import Trial
from demos.benchmarks.export.command import TrialResult
from demos.common.backend import start_keras
from demos.common.subprocesses import EndedEarlyError

GOOD = TrialResult(1e-7)
FIXED = TrialResult(1e-7, FIXED_BATCH)
BAD = TrialResult(reason="RuntimeError: no")
OFF = TrialResult(0.5, reason="differs by 5.0e-01")
MISSING = TrialResult(reason="onnxruntime: not installed", tried=False)


@pytest.mark.parametrize(
    ("ours", "control", "verdict"),
    [
        (GOOD, GOOD, WORKS),
        (FIXED, FIXED, WORKS),
        (GOOD, FIXED, WORKS),
        (GOOD, BAD, WORKS),
        (FIXED, BAD, WORKS),
        (BAD, GOOD, FAILS),
        (OFF, FIXED, FAILS),
        (FIXED, GOOD, FAILS),
        (BAD, BAD, NEITHER),
        (BAD, OFF, NEITHER),
        (MISSING, MISSING, ABSENT),
    ],
)
def test_the_control_tells_whose_fault_it_is(ours, control, verdict):
    cell = Cell("jax", "onnx", "dense", ours, control)
    assert cell.verdict == verdict


class Runtime:
    """A target that keeps the Keras model, and runs it in Keras.

    Args:
        refuse: Of a model, why it cannot be exported; None if it can.
        factor: Times the right output.
    """

    def __init__(self, refuse=lambda model: None, factor=1.0):
        self.refuse = refuse
        self.factor = factor

    def target(self):
        return runtimes.Target("keras", "keras", "", self.write, self.load)

    def write(self, model, path):
        reason = self.refuse(model)
        if reason is not None:
            raise RuntimeError(f"{reason}\nand a dump of the graph")
        self.model = model

    def load(self, path):
        return lambda x: keras.ops.convert_to_numpy(self.model(x)) * self.factor


def has_serf(model):
    return "no serf" if "serf" in model.to_json() else None


def has_any_batch(model):
    return None if model.inputs[0].shape[0] else "what batch?"


@pytest.fixture(autouse=True)
def started():
    start_keras()


@pytest.fixture
def runtime(monkeypatch, trains):
    """Makes ONNX such a runtime, and runs the command in this process."""

    def install(**options):
        format = replace(export.FORMATS["onnx"], converters={})
        monkeypatch.setitem(export.FORMATS, "onnx", format)
        monkeypatch.setitem(
            runtimes.TARGETS, "onnx", Runtime(**options).target()
        )
        monkeypatch.setattr(export, "events", here)

    return install


def here(module, backend, task, log):
    for each in task:
        yield "begin", None
        yield "end", asdict(export.attempt(Trial(**each)))


def trial(model="dense", activation=SERF, format="onnx"):
    return Trial(keras.backend.backend(), format, model, activation)


def test_a_runtime_that_agrees_works(runtime):
    runtime()
    assert export.attempt(trial()) == TrialResult(0.0, ANY_BATCH)


def test_a_runtime_that_is_off_does_not(runtime):
    runtime(factor=1.001)
    outcome = export.attempt(trial())
    assert outcome.error == pytest.approx(1e-3, rel=1e-3)
    assert outcome.reason.startswith("differs by 1.0e-03")


@pytest.mark.parametrize("factor", [np.nan, np.inf, np.ones((2, 1, 1))])
def test_what_cannot_be_compared_does_not_work(runtime, factor):
    runtime(factor=factor)
    assert export.attempt(trial()).reason.startswith("RuntimeError: it gives")


def test_what_a_format_needs_is_found(runtime):
    runtime(refuse=has_any_batch)
    assert export.attempt(trial()) == TrialResult(0.0, FIXED_BATCH)


def run(out, *options):
    backend = keras.backend.backend()
    return main(
        [
            *("export", "--backends", backend, "--models", "dense"),
            *("--formats", "onnx", "--out", str(out), *options),
        ]
    )


def test_serf_at_fault_is_exit_code_1(runtime, tmp_path, capsys):
    runtime(refuse=has_serf)
    assert run(tmp_path / "a") == 1
    text = capsys.readouterr().out
    assert "FAILS (1)" in text
    assert "1. RuntimeError: no serf and a dump of the graph" in text
    assert "Serf fails in: ONNX from" in text.splitlines()[-1]

    runtime(refuse=lambda model: has_serf(model) and has_any_batch(model))
    assert run(tmp_path / "b") == 1
    assert "needs fixed batch; relu needs nothing" in capsys.readouterr().out


def test_an_exporter_at_fault_is_exit_code_0(runtime, tmp_path, capsys):
    runtime(refuse=lambda model: "never")
    assert run(tmp_path / "a") == 0
    text = capsys.readouterr().out
    assert "no (1)" in text
    assert "1. RuntimeError: never" in text
    assert "nowhere does Serf fail where ReLU works" in text


def import_error(model):
    raise ImportError("torch_xla is what Keras needs")


@pytest.mark.parametrize("part", ["converter", "runtime"])
def test_what_is_not_installed_is_not_tried(
    runtime, part, monkeypatch, tmp_path, capsys
):
    runtime()
    if part == "converter":
        backend = keras.backend.backend()
        monkeypatch.setitem(
            *(export.FORMATS, "onnx"),
            replace(
                export.FORMATS["onnx"], converters={backend: ("absent_part",)}
            ),
        )
    else:
        monkeypatch.setitem(
            *(runtimes.TARGETS, "onnx"),
            replace(runtimes.TARGETS["onnx"], module="absent_part"),
        )
    assert run(tmp_path / "a") == 0
    text = capsys.readouterr().out
    assert "| not installed (1) |" in text
    assert "1. absent_part: not installed" in text
    assert "Serf works in 0 of 0 cells; in 0 neither" in text
    assert "1 more were not tried" in text
    frame = pd.read_csv(tmp_path / "a" / "table.csv")
    assert frame["verdict"].tolist() == [ABSENT]


def test_what_keras_itself_cannot_import_is_a_limit(runtime, tmp_path, capsys):
    runtime(refuse=import_error)
    assert run(tmp_path / "a") == 0
    text = capsys.readouterr().out
    assert "| no (1) |" in text
    assert "1. ImportError: torch_xla is what Keras needs" in text


def test_the_table_is_written_and_never_overwritten(runtime, tmp_path, capsys):
    runtime(refuse=has_any_batch)
    out = tmp_path / "report"
    assert run(out) == 0
    captured = capsys.readouterr()
    assert captured.err.endswith(f"wrote {out}\n")
    assert (out / "table.md").read_text() == captured.out
    assert f"keras {keras.__version__}" in captured.out
    assert "| 0.0e+00 † |" in captured.out
    rows = [line for line in captured.out.splitlines() if line[:1] == "|"]
    assert len({len(row) for row in rows}) == 1
    frame = pd.read_csv(out / "table.csv")
    assert frame["verdict"].tolist() == [WORKS]
    assert frame["run by"].tolist() == [f"keras {keras.__version__}"]
    assert frame["relu need"].tolist() == [FIXED_BATCH]
    content = json.loads((out / "results.json").read_text())
    assert content["cells"][0]["ours"]["need"] == FIXED_BATCH
    assert content["versions"]["keras"] == keras.__version__

    assert run(out) == 2
    assert "holds results already" in capsys.readouterr().err


def test_a_trial_that_kills_its_process_is_one_cell(monkeypatch, tmp_path):
    def deadly(module, backend, task, log):
        for each in task:
            yield "begin", None
            if each["model"] == "cnn" and each["activation"] == SERF:
                raise EndedEarlyError("ended early (exit code -6): abort")
            yield "end", asdict(GOOD)

    monkeypatch.setattr(export, "events", deadly)
    findings = Findings()
    trials = [
        Trial("jax", "onnx", model, activation)
        for model in ("dense", "cnn", "lstm")
        for activation in (SERF, CONTROL)
    ]
    seen = []
    export.gather(
        "jax", trials, findings, None, lambda *args: seen.append(args)
    )
    assert [cell.verdict for cell in findings.cells] == [WORKS, FAILS, WORKS]
    assert findings.cells[1].ours.reason.startswith("ended early")
    assert findings.failures == []
    assert [one for one, outcome in seen if outcome is not None] == trials
    assert [one for one, outcome in seen if outcome is None] == trials


def test_a_backend_that_does_not_start_is_an_error(
    monkeypatch, tmp_path, capsys
):
    def dead(module, backend, task, log):
        raise EndedEarlyError("ended early (exit code 1): No module")
        yield

    monkeypatch.setattr(export, "events", dead)
    monkeypatch.setattr(export, "installed", list)
    assert main(["export", "--out", str(tmp_path / "a")]) == 1
    error = capsys.readouterr().err
    assert "error: torch: ended early (exit code 1): No module" in error


def test_an_interrupt_keeps_what_was_found(monkeypatch, tmp_path, capsys):
    def interrupted(module, backend, task, log):
        for _ in range(2):
            yield "begin", None
            yield "end", asdict(GOOD)
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "events", interrupted)
    monkeypatch.setattr(export, "installed", list)
    out = tmp_path / "report"
    assert main(["export", "--backends", "jax", "--out", str(out)]) == 130
    assert len(pd.read_csv(out / "table.csv")) == 1
    assert capsys.readouterr().err.startswith("interrupted: ")


def test_quick_is_one_model():
    options = export.ExportOptions(quick=True)
    trials = export.plan(options, "torch")
    assert {each.model for each in trials} == {"dense"}
    assert "exported_program" in {each.format for each in trials}
    assert "stablehlo" not in {each.format for each in trials}


@pytest.mark.parametrize("model", export.MODELS)
def test_models_have_serf_in_all_their_places(model):
    pytest.importorskip("keras_hub")
    built = export.MODELS[model](SERF, None, False)
    config = built.to_json()
    for other in ('"relu"', '"gelu"', '"tanh"'):
        assert other not in config
    assert config.count("serf") >= 2
    y = keras.ops.convert_to_numpy(built(export.inputs(model)))
    assert y.shape == (export.BATCH, 4)
    assert np.ptp(y) > 0.01  # Not all alike.


@pytest.mark.usefixtures("trains")
@pytest.mark.parametrize("format", ["keras_int8", "keras_int4", "keras_float8"])
def test_keras_quantizes_models_with_serf(format):
    outcome = export.attempt(trial(format=format))
    assert outcome.reason == ""
    assert outcome.error > 1e-4  # Or nothing was quantized.


@pytest.mark.usefixtures("trains")
def test_what_keras_does_not_quantize_is_no_success():
    x = np.ones((2, 3), "float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Activation(SERF)])
    with pytest.raises(RuntimeError, match="no layer to int8"):
        export.quantize(model, "int8", x)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--backends", "theano"], "theano"),
        (["--models", "resnet"], "resnet"),
        (["--formats", "coreml"], "coreml"),
        (["--formats", "stablehlo", "--backends", "torch"], "stablehlo"),
    ],
)
def test_bad_flags_are_one_line(flags, says, capsys, monkeypatch):
    monkeypatch.setattr(export, "installed", list)
    assert main(["export", *flags]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err


@pytest.mark.slow
@pytest.mark.usefixtures("trains")
def test_quick_run_in_a_process_of_its_own(tmp_path, capfd):
    out = tmp_path / "report"
    assert run(out, "--quick", "--formats", "keras_int8", "saved_model") == 0
    captured = capfd.readouterr()
    assert captured.err == f"wrote {out}\n"
    frame = pd.read_csv(out / "table.csv")
    assert set(frame["format"]) == {"keras_int8", "saved_model"}
    backend = keras.backend.backend()
    assert "== Trial(" in (out / "logs" / f"{backend}.txt").read_text()

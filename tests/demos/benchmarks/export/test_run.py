"""The command: trials, the report, and what goes wrong."""

import json

import keras
import pytest

from demos.__main__ import main
from demos.benchmarks import backends
from demos.benchmarks.export.attempt import measure
from demos.benchmarks.export.options import ExportOptions
from demos.benchmarks.export.run import plan
from demos.benchmarks.export.trials import FIXED_BATCH, TrialResult
from demos.common.errors import UserError
from demos.common.subprocesses import EndedEarlyError


class Child:
    """Makes the trials in this process, or does what `behave` does."""

    behave = staticmethod(lambda trial: None)

    def __init__(self, function, backend, log):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *details):
        pass

    def call(self, trial):
        return trial and (self.behave(trial) or measure(trial))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the command in this process."""

    def run(*options, name="report", behave=lambda trial: None):
        monkeypatch.setattr(Child, "behave", staticmethod(behave))
        monkeypatch.setattr(backends, "ChildProcess", Child)
        monkeypatch.setattr("demos.benchmarks.benchmark.installed", list)
        backend = keras.backend.backend()
        code = main(
            [
                *("export", "--backends", backend, "--models", "dense"),
                *("--formats", "onnx", "--out", str(tmp_path / name), *options),
            ]
        )
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def has_serf(model):
    return "no serf" if "serf" in model.to_json() else None


def has_any_batch(model):
    return None if model.inputs[0].shape[0] else "what batch?"


def test_serf_at_fault_is_exit_code_1(keras_as_onnx, run):
    keras_as_onnx(refuse=has_serf)
    code, text, _ = run()
    assert code == 1
    assert "FAILS (1)" in text
    assert "1. RuntimeError: no serf and a dump of the graph" in text
    assert "Serf fails in: ONNX from" in text.splitlines()[-1]

    keras_as_onnx(refuse=lambda m: has_serf(m) and has_any_batch(m))
    code, text, _ = run(name="needs")
    assert code == 1
    assert "needs fixed batch; relu needs nothing" in text


def test_an_exporter_at_fault_is_exit_code_0(keras_as_onnx, run):
    keras_as_onnx(refuse=lambda model: "never")
    code, text, _ = run()
    assert code == 0
    assert "no (1)" in text
    assert "1. RuntimeError: never" in text
    assert "Serf works wherever ReLU works" in text


def test_the_report_is_written_and_never_overwritten(
    keras_as_onnx, run, tmp_path
):
    keras_as_onnx(refuse=has_any_batch)
    code, text, error = run()
    out = tmp_path / "report"
    assert (code, error) == (0, f"wrote {out}\n")
    assert text.endswith((out / "table.md").read_text())
    assert f"keras {keras.__version__}" in text
    assert "| 0.0e+00 † |" in text
    rows = [line for line in text.splitlines() if line[:1] == "|"]
    assert len({len(row) for row in rows}) == 1
    content = json.loads((out / "results.json").read_text())
    (cell,) = content["cells"]
    assert cell["verdict"] == "works"
    assert cell["ours"]["need"] == cell["control"]["need"] == FIXED_BATCH
    assert cell["run by"] == f"keras {keras.__version__}"
    assert content["versions"]["keras"] == keras.__version__

    code, _, error = run()
    assert code == 2
    assert "already has results" in error


GOOD = TrialResult(1e-7)


@pytest.mark.once
def test_a_trial_that_kills_its_process_is_one_cell(run):
    def deadly(trial):
        if (trial.model, trial.activation) == ("cnn", "serf"):
            raise EndedEarlyError("its process was ended by SIGABRT: abort")
        return GOOD

    models = ("--models", "dense", "cnn", "lstm")
    code, text, error = run(*models, behave=deadly)
    assert code == 1
    assert "error" not in error
    assert "| 1.0e-07 | FAILS (1) | 1.0e-07 |" in text
    assert "1. its process was ended by SIGABRT: abort" in text


@pytest.mark.once
def test_a_backend_that_does_not_start_is_an_error(run):
    def dead(trial):
        raise UserError("Keras cannot start on jax (no module)")

    code, text, error = run("--backends", "jax", behave=dead)
    assert code == 1
    assert text == ""
    assert "error: jax: Keras cannot start on jax (no module); see" in error


@pytest.mark.once
def test_an_interrupt_keeps_what_was_found(run, tmp_path):
    def interrupted(trial):
        if trial.model == "lstm":
            raise KeyboardInterrupt
        return GOOD

    models = ("--models", "dense", "lstm")
    code, text, error = run(*models, behave=interrupted)
    assert code == 130
    assert "Serf works in 1 of 1 cells" in text
    assert error.startswith("interrupted: ")


@pytest.mark.once
def test_a_smoke_test_is_one_model():
    trials = plan(ExportOptions(quick=True), "torch")
    models = {each.model for each in trials if each.format != "onnx_int8"}
    assert models == {"dense"}
    assert "exported_program" in {each.format for each in trials}
    assert "stablehlo" not in {each.format for each in trials}


@pytest.mark.once
def test_integer_arithmetic_is_compared_with_other_activations(run, tmp_path):
    def behave(trial):
        if trial.activation == "mish":
            return TrialResult(reason="no such op")
        return TrialResult({"within 3": 0.02, "within 8": 0.07}[trial.model])

    backends = ("--backends", "torch")
    code, text, _ = run("--formats", "onnx_int8", *backends, behave=behave)
    assert code == 0
    assert "| within 8 | 0.070 | 0.070 | 0.070 | no (1) |" in text
    assert "1. no such op" in text
    content = json.loads((tmp_path / "report" / "results.json").read_text())
    assert len(content["integers"]) == 8


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--backends", "theano"], "theano"),
        (["--models", "resnet"], "resnet"),
        (["--formats", "coreml"], "coreml"),
        (["--formats", "stablehlo", "--backends", "torch"], "stablehlo"),
    ],
)
def test_bad_options_are_one_line(arguments, named, capsys):
    assert main(["export", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err


@pytest.mark.slow
def test_a_quick_run_in_a_process_of_its_own(trains, tmp_path, capfd):
    backend = keras.backend.backend()
    out = tmp_path / "report"
    command = ["export", "--quick", "--backends", backend, "--out", str(out)]
    assert main([*command, "--formats", "keras_int8", "saved_model"]) == 0
    assert capfd.readouterr().err == f"wrote {out}\n"
    cells = json.loads((out / "results.json").read_text())["cells"]
    assert {c["format"] for c in cells} == {"keras_int8", "saved_model"}
    assert (
        "== keras_int8, dense, serf"
        in (out / "logs" / f"{backend}.txt").read_text()
    )

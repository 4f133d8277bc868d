"""`python -m keras_serf`: what the report says, and that faults are found."""

import os
import subprocess
import sys
import types

import hypothesis
import keras
import pytest

import keras_serf
from keras_serf import __main__ as command
from keras_serf import kernels

CHECKS = command.CHECKS


@pytest.fixture
def report(capsys, monkeypatch):
    """Returns `report(*checks)`: the exit code, and the lines by their level.

    By default all checks run.
    """

    def run(*checks):
        monkeypatch.setattr(command, "CHECKS", checks or CHECKS)
        code = command.main([])
        lines = capsys.readouterr().out.splitlines()
        return code, {
            level: [line for line in lines if line.startswith(level)]
            for level in ("ok", "note", "FAIL")
        }

    return run


def test_all_is_right_here(run_python):
    text = run_python(
        """
        import runpy
        runpy.run_module("keras_serf", run_name="__main__")
        """
    )
    lines = text.splitlines()
    assert lines[0].startswith(f"keras_serf {keras_serf.__version__}, keras ")
    assert keras.backend.backend() in lines[0]
    assert "floatx float32" in lines[1]
    assert lines[2].startswith("python 3")
    assert lines[-1] == "all checks passed"
    checked = "names", "saved", "kernel", "f, float32", "f', float32", "float64"
    for subject in checked:
        assert [line for line in lines if line[6:].startswith(subject)]
    assert "FAIL" not in text
    assert all(len(line) < 160 for line in lines)


@pytest.mark.parametrize("floatx", ["float16", "bfloat16", "float64"])
def test_all_is_right_with_another_floatx(report, floatx):
    if (keras.backend.backend(), floatx) == ("mlx", "float64"):
        pytest.skip("MLX draws no random numbers of float64")
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(floatx)
    try:
        code, lines = report()
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
    assert lines["FAIL"] == []
    assert code == 0


def test_versions_that_cannot_be_told_are_one_line(capsys, monkeypatch):
    def absent():
        raise ImportError("no such framework\nin two lines")

    monkeypatch.setattr(command, "versions", absent)
    assert command.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "FAIL  versions       ImportError: no such framework"
    assert lines[1] == ""
    assert lines[-1] == "1 failed"


@pytest.mark.parametrize(
    ("package", "version"),
    [("hypothesis", hypothesis.__version__), ("none", "of an unknown version")],
)
def test_a_backend_without_a_version(monkeypatch, package, version):
    monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    monkeypatch.setattr(keras.backend, "backend", lambda: package)
    assert f", {package} {version} on " in command.versions()


@pytest.mark.parametrize("gone", ["serf", "serf_normal"])
def test_a_name_that_keras_does_not_know(report, gone):
    with keras_serf.unregister():
        code, lines = report(command.names)
    assert code == 1
    wanted = f'Keras does not know "{gone}"; call keras_serf.register()'
    assert [line for line in lines["FAIL"] if line.endswith(wanted)]


def test_the_name_of_another(report, monkeypatch):
    from keras.src.activations import ALL_OBJECTS_DICT

    monkeypatch.setitem(ALL_OBJECTS_DICT, "serf", keras.activations.relu)
    code, lines = report(command.names)
    assert code == 1
    (line,) = lines["FAIL"]
    assert line.endswith('"serf" is not this package\'s')


def test_a_changed_saved_name(report, monkeypatch):
    monkeypatch.setattr(
        keras.saving, "get_registered_name", lambda o: f"other>{o.__name__}"
    )
    code, lines = report(command.saved_names)
    assert code == 1
    assert len(lines["FAIL"]) == 4
    assert lines["FAIL"][0].endswith(
        'expected the name "keras_serf>serf"; it is "other>serf"'
    )


def test_a_saved_name_that_keras_does_not_know(report, monkeypatch):
    monkeypatch.setattr(keras.saving, "get_registered_object", lambda _: None)
    code, lines = report(command.saved_names)
    assert code == 1
    assert lines["FAIL"][0].endswith('"keras_serf>serf" is loaded as None')


def saved_wrong(report):
    code, lines = report(command.saved_names)
    assert code == 1
    (line,) = lines["FAIL"]
    before, what = line.split(" is not saved and loaded: ")
    return before.split()[-1], what


def test_a_config_that_cannot_be_written(report, monkeypatch):
    def config(self):
        raise TypeError("no config\nin two lines")

    monkeypatch.setattr(keras_serf.Serf, "get_config", config)
    wanted = '"keras_serf>Serf"', "TypeError: no config"
    assert saved_wrong(report) == wanted


def test_a_config_that_forgets(report, monkeypatch):
    monkeypatch.setattr(keras_serf.Serf, "get_config", lambda self: {})
    name, what = saved_wrong(report)
    assert name == '"keras_serf>Serf"'
    assert what.startswith("its name becomes 'serf")

    monkeypatch.undo()
    kind = keras_serf.initializers.SerfNormal
    monkeypatch.setattr(kind, "get_config", lambda self: {"seed": 8})
    wanted = '"keras_serf>SerfNormal"', "it gives other values"
    assert saved_wrong(report) == wanted


def test_a_config_that_is_read_as_another_thing(report, monkeypatch):
    def other(cls, config):
        return keras.layers.ReLU(name=config["name"])

    monkeypatch.setattr(keras_serf.Serf, "from_config", classmethod(other))
    name, what = saved_wrong(report)
    assert name == '"keras_serf>Serf"'
    assert what.startswith("it becomes <ReLU")


def test_a_kernel_that_is_inexact(report, monkeypatch):
    right = kernels.serf
    monkeypatch.setattr(kernels, "serf", lambda x: right(x) * 1.00001)
    code, lines = report(command.value)
    assert code == 1
    (line,) = [line for line in lines["FAIL"] if "f, float32" in line]
    assert line.endswith("expected 4 or less")


@pytest.mark.parametrize("end", [float("-inf"), float("inf"), 3.0])
def test_a_kernel_that_is_wrong_at_one_place(report, monkeypatch, end):
    right = kernels.serf

    def wrong(x):
        return keras.ops.where(x == end, float("nan"), right(x))

    monkeypatch.setattr(kernels, "serf", wrong)
    code, lines = report(command.value)
    assert code == 1
    (line,) = [line for line in lines["FAIL"] if "f, float32" in line]
    assert f"maximum error inf ulp, at x = {end:g};" in line


def test_a_kernel_with_a_wrong_derivative(report, monkeypatch, trains):
    right = kernels.serf

    def wrong(x):
        nothing = x - keras.ops.stop_gradient(x)
        return right(x) + keras.ops.where(abs(x) < 5, 0.01 * nothing, 0.0)

    monkeypatch.setattr(kernels, "serf", wrong)
    code, lines = report(command.derivative)
    assert code == 1
    (line,) = lines["FAIL"]
    assert "f', float32" in line


def test_a_kernel_that_does_not_run(report, monkeypatch):
    def broken(x):
        raise RuntimeError("no such kernel\nin two lines")

    monkeypatch.setattr(kernels, "serf", broken)
    code, lines = report(command.value, command.saved_names)
    assert code == 1
    assert "FAIL  value          RuntimeError: no such kernel" in lines["FAIL"]
    assert [line for line in lines["ok"] if "saved" in line]


@pytest.fixture
def coarse_products(monkeypatch):
    def call(self, inputs, training=None):
        half = keras.ops.cast(inputs, "bfloat16")
        product = keras.ops.matmul(
            half, keras.ops.cast(self.kernel, "bfloat16")
        )
        return keras.ops.cast(product, "float32")

    monkeypatch.setattr(keras.layers.Dense, "call", call)


@pytest.mark.usefixtures("coarse_products")
def test_coarse_products_are_noted(report):
    code, lines = report(command.model)
    assert code == 0
    (line,) = [line for line in lines["note"] if "precision" in line]
    assert "as in bfloat16; remedy: " in line
    (line,) = [line for line in lines["ok"] if "f in a model" in line]
    assert " float32 ulp, at" in line


@pytest.mark.usefixtures("coarse_products")
def test_a_model_that_is_coarse_all_over_is_noted(report, monkeypatch):
    def call(self, inputs):
        y = keras.ops.cast(keras_serf.serf(inputs), "bfloat16")
        return keras.ops.cast(y, "float32")

    monkeypatch.setattr(keras_serf.Serf, "call", call)
    code, lines = report(command.model)
    assert code == 0
    (line,) = [line for line in lines["note"] if "f in a model" in line]
    assert " bfloat16 ulp, at" in line


@pytest.mark.usefixtures("coarse_products")
def test_coarse_products_are_no_excuse_for_serf(report, monkeypatch):
    def call(self, inputs):
        return 1.01 * keras_serf.serf(inputs)

    monkeypatch.setattr(keras_serf.Serf, "call", call)
    code, lines = report(command.model)
    assert code == 1
    (line,) = lines["FAIL"]
    assert "f in a model" in line
    assert line.endswith("expected 1.01 or less")


def test_a_dtype_policy_is_noted(report):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        code, lines = report(command.settings)
    finally:
        keras.config.set_dtype_policy(before)
    assert code == 0
    wanted = "layers compute in bfloat16 by default"
    assert [line for line in lines["note"] if line.endswith(wanted)]


def test_what_float64_needs_is_told(report):
    _, lines = report(command.settings)
    (line,) = [
        line
        for level in lines.values()
        for line in level
        if line[6:].startswith("float64")
    ]
    ends = {
        "jax": '; remedy: jax.config.update("jax_enable_x64", True)',
        "mlx": "float32 here; there is no remedy",
        "numpy": "float32 here; there is no remedy",
        "openvino": "float32 here; there is no remedy",
    }
    end = ends.get(keras.backend.backend(), "is computed in float64")
    assert line.endswith(end)


def test_takes_no_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["--help"])
    assert stop.value.code == 0
    assert "python -m keras_serf" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        command.main(["--what"])
    assert stop.value.code == 2


def test_a_closed_stdout_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert command.main([]) == 2
    assert capsys.readouterr().err == "error: no report: stdout is closed\n"


@pytest.mark.once
@pytest.mark.parametrize(
    ("backend", "redirection", "code", "says"),
    [
        ("nothing", "", 1, "FAIL  backend        ValueError: "),
        (None, ">/dev/full", 2, "error: no report: No space left on device"),
    ],
)
def test_what_keeps_it_from_reporting_is_one_line(
    backend, redirection, code, says
):
    done = subprocess.run(
        f"{sys.executable} -m keras_serf {redirection}",
        shell=True,
        env={
            **os.environ,
            "KERAS_BACKEND": backend or keras.backend.backend(),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == code
    assert done.stderr.splitlines()[-1].startswith(says)
    assert "Traceback" not in done.stderr

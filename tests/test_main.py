"""`python -m keras_serf`: what the report says, and that faults are found."""

import keras
import pytest

import keras_serf
from keras_serf import __main__ as command
from keras_serf import kernels


@pytest.fixture
def report(capsys):
    """Returns `report()`: the exit code, and the lines by their level."""

    def run():
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
    assert lines[-1] == "all right"
    checked = "names", "saved", "kernel", "f, float32", "f', float32", "float64"
    for subject in checked:
        assert [line for line in lines if line[6:].startswith(subject)]
    assert "FAIL" not in text


@pytest.mark.parametrize("gone", ["serf", "serf_normal"])
def test_a_name_that_keras_does_not_know(report, gone):
    with keras_serf.unregister():
        code, lines = report()
    assert code == 1
    wanted = f'Keras does not know "{gone}"; call keras_serf.register()'
    assert [line for line in lines["FAIL"] if line.endswith(wanted)]


def test_the_name_of_another(report, monkeypatch):
    from keras.src.activations import ALL_OBJECTS_DICT

    monkeypatch.setitem(ALL_OBJECTS_DICT, "serf", keras.activations.relu)
    code, lines = report()
    assert code == 1
    (line,) = lines["FAIL"]
    assert line.endswith('"serf" is not this package\'s')


def test_a_changed_saved_name(report, monkeypatch):
    monkeypatch.setattr(
        keras.saving, "get_registered_name", lambda o: f"other>{o.__name__}"
    )
    code, lines = report()
    assert code == 1
    assert len(lines["FAIL"]) == 4
    assert lines["FAIL"][0].endswith(
        'expected the name "keras_serf>serf"; it is "other>serf"'
    )


def test_a_saved_name_that_keras_does_not_know(report, monkeypatch):
    monkeypatch.setattr(keras.saving, "get_registered_object", lambda _: None)
    code, lines = report()
    assert code == 1
    assert lines["FAIL"][0].endswith('"keras_serf>serf" is loaded as None')


def test_a_kernel_that_is_inexact(report, monkeypatch):
    right = kernels.serf
    monkeypatch.setattr(kernels, "serf", lambda x: right(x) * 1.00001)
    code, lines = report()
    assert code == 1
    (line,) = [line for line in lines["FAIL"] if "f, float32" in line]
    assert line.endswith("expected 4 or less")


@pytest.mark.parametrize("end", [float("-inf"), float("inf"), 3.0])
def test_a_kernel_that_is_wrong_at_one_place(report, monkeypatch, end):
    right = kernels.serf

    def wrong(x):
        return keras.ops.where(x == end, float("nan"), right(x))

    monkeypatch.setattr(kernels, "serf", wrong)
    code, lines = report()
    assert code == 1
    (line,) = [line for line in lines["FAIL"] if "f, float32" in line]
    assert f"errs by inf ulp at most, at x = {end:g};" in line


def test_a_kernel_with_a_wrong_derivative(report, monkeypatch, trains):
    right = kernels.serf

    def wrong(x):
        nothing = x - keras.ops.stop_gradient(x)
        return right(x) + keras.ops.where(abs(x) < 5, 0.01 * nothing, 0.0)

    monkeypatch.setattr(kernels, "serf", wrong)
    code, lines = report()
    assert code == 1
    (line,) = lines["FAIL"]
    assert "f', float32" in line


def test_a_kernel_that_does_not_run(report, monkeypatch):
    def broken(x):
        raise RuntimeError("no such kernel\nin two lines")

    monkeypatch.setattr(kernels, "serf", broken)
    code, lines = report()
    assert code == 1
    assert "FAIL  value          RuntimeError: no such kernel" in lines["FAIL"]
    assert [line for line in lines["ok"] if "saved" in line]


def test_coarse_products_are_noted(report, monkeypatch):
    def call(self, inputs, training=None):
        half = keras.ops.cast(inputs, "bfloat16")
        product = keras.ops.matmul(
            half, keras.ops.cast(self.kernel, "bfloat16")
        )
        return keras.ops.cast(product, "float32")

    monkeypatch.setattr(keras.layers.Dense, "call", call)
    code, lines = report()
    assert code == 0
    (line,) = [line for line in lines["note"] if "precision" in line]
    assert "as in bfloat16; remedy: " in line


def test_a_dtype_policy_is_noted(report):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        code, lines = report()
    finally:
        keras.config.set_dtype_policy(before)
    assert code == 0
    wanted = "layers compute in bfloat16 by default"
    assert [line for line in lines["note"] if line.endswith(wanted)]


def test_it_is_read_in_one_line_each(report):
    _, lines = report()
    assert all(len(line) < 160 for level in lines.values() for line in level)


def test_takes_no_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["--help"])
    assert stop.value.code == 0
    assert "python -m keras_serf" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        command.main(["--what"])
    assert stop.value.code == 2

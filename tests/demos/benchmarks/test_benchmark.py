"""Checks that the commands of all benchmarks share."""

import importlib.util

import pytest

from demos.benchmarks import benchmark
from demos.common.errors import UserError

pytestmark = pytest.mark.once


def test_missing_backends_are_skipped(monkeypatch, capsys):
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "torch" else name,
    )
    assert benchmark.installed(("jax", "torch", "jax")) == ["jax"]
    assert capsys.readouterr().err == "torch is not installed: skipped\n"
    with pytest.raises(UserError, match="torch"):
        benchmark.installed(("torch",))


def test_folders_with_results_are_left_alone(tmp_path):
    default = tmp_path / "runs"
    assert benchmark.free_folder(None, default) == default
    default.mkdir()
    assert benchmark.free_folder(None, default) == default
    (default / benchmark.RESULTS).touch()
    assert benchmark.free_folder(None, default) == tmp_path / "runs-2"
    with pytest.raises(UserError, match="already has results"):
        benchmark.free_folder(default, tmp_path / "other")


@pytest.mark.parametrize("values", [(), (1, 0), (float("nan"),)])
def test_sizes_are_positive_and_at_least_one(values):
    with pytest.raises(UserError, match="--sizes"):
        benchmark.check_positive("--sizes", *values)

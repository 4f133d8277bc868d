"""What the commands of all tasks share."""

from dataclasses import dataclass

import pytest

from demos.__main__ import main
from demos.common.errors import UserError
from demos.study.executors.processes import Processes
from demos.study.executors.ray import RayCluster
from demos.study.executors.sequential import SequentialExecutor
from demos.tasks import command


@dataclass(frozen=True)
class Numbers:
    count: int = 1
    fraction: float = 0.5
    decay: float = 0.0
    flag: bool = False
    name: str | None = None


def check(**values):
    command.check_numbers([Numbers(**values)], ("fraction",), ("decay",))


@pytest.mark.parametrize(
    "values", [{}, {"flag": True}, {"fraction": 0.0}, {"name": "a"}]
)
def test_numbers_in_range_pass(values):
    check(**values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"count": 0}, "--count to be above 0"),
        ({"decay": -1.0}, "--decay to be above 0"),
        ({"decay": float("nan")}, "--decay to be above 0"),
        ({"count": float("inf")}, "--count to be above 0"),
        ({"fraction": 1.0}, "--fraction to be from 0 to below 1"),
    ],
)
def test_numbers_out_of_range_are_named(values, says):
    with pytest.raises(UserError, match=says):
        check(**values)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, SequentialExecutor),
        ({"jobs": 1}, SequentialExecutor),
        ({"jobs": 3}, Processes(3)),
        ({"engine": "ray"}, RayCluster(None, None)),
        (
            {"engine": "ray", "address": "10.0.0.1:6379", "jobs": 4},
            RayCluster("10.0.0.1:6379", 4),
        ),
    ],
)
def test_where_trials_run(options, expected):
    found = command.executor(command.StudyOptions(**options))
    assert found == expected or type(found) is expected


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--jobs", "0"], "Expected --jobs to be at least 1. Received: 0"),
        (["--jobs", "two"], "Error parsing --jobs: "),
        (["--address", "10.0.0.1:6379"], "give --engine ray too"),
        (["--engine", "slurm"], "invalid choice 'slurm'"),
        (["--vary", "layers"], "Expected --vary to be like layers=1,2,4"),
        (["--vary", "sequence_length=3,4"], "run a study for each value"),
        (["--vary", "heads=3"], "--heads"),
        (["--vary", "initializer=he_abnormal"], "--initializer"),
        (["--vary", "epochs=0,1"], "Expected --epochs to be above 0"),
    ],
)
def test_options_that_mean_nothing_are_one_line(
    tmp_path, reviews, capsys, arguments, says
):
    out = ["--out", str(tmp_path / "out")]
    assert main(["sentiment", "--dataset", str(reviews), *out, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert not list(tmp_path.iterdir())

"""What the commands of all tasks share."""

import json
from dataclasses import dataclass
from pathlib import Path

import keras
import pytest

from demos.__main__ import main
from demos.common.errors import UserError
from demos.study.executors import Processes
from demos.study.executors import RayCluster
from demos.study.study import SequentialExecutor
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


@pytest.mark.parametrize(
    "arguments", [[], ["--jobs", "2"], ["--engine", "ray"]]
)
def test_data_parallel_elsewhere_is_one_line(
    tmp_path, reviews, capsys, arguments
):
    if keras.backend.backend() == "jax":
        if not arguments:
            pytest.skip("JAX shares batches out")
        says = "leave --jobs and --engine out"
    else:
        says = "works on JAX alone: --backend jax"
    arguments = ["--data-parallel", "--out", str(tmp_path / "out"), *arguments]
    assert main(["sentiment", "--dataset", str(reviews), *arguments]) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert keras.distribution.distribution() is None
    assert not list(tmp_path.iterdir())


DATA_PARALLEL = """
    import json, os, sys
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    import jax
    from demos.training import fit as training
    from demos.__main__ import main

    fit, shared = training.fit, []

    def watched(model, *arguments, **options):
        found = fit(model, *arguments, **options)
        shared.append(len(model.trainable_variables[0].value.sharding.device_set))
        return found

    training.fit = watched
    folder, *arguments = sys.argv[1:]
    codes = [
        main(["sentiment", *arguments, "--out", f"{folder}/{name}", *options])
        for name, options in (
            ("one", ["--batch-size", "32"]),
            ("two", ["--batch-size", "32", "--data-parallel"]),
            ("odd", ["--batch-size", "33", "--data-parallel"]),
        )
    ]
    print(json.dumps([len(jax.devices()), codes, shared]))
"""


@pytest.mark.slow
def test_data_parallel_finds_what_one_device_finds(
    tmp_path, run_python, sentences
):
    pytest.importorskip("jax")
    # Of 390 texts 39 are to validate, and 39 to test: not to be shared by two.
    lines = [f"{text},{label}\n" for text, label in sentences(390)]
    (tmp_path / "odd.csv").write_text("".join(["text,label\n", *lines]))
    output = run_python(
        DATA_PARALLEL,
        tmp_path,
        *("--dataset", tmp_path / "odd.csv"),
        *("--activations", "serf", "--seeds", "0", "--epochs", "2"),
        *("--embedding-dim", "8", "--heads", "2", "--learning-rate", "0.01"),
        backend="jax",
    )
    devices, codes, shared = json.loads(output.splitlines()[-1])
    assert devices == 2
    assert codes == [0, 0, 1]
    assert shared == [1, 2]
    one, two, odd = (
        json.loads(Path(tmp_path, name, "trials/serf-seed0.json").read_text())
        for name in ("one", "two", "odd")
    )
    for kind in ("history", "metrics"):
        assert one[kind].keys() == two[kind].keys()
        for name, value in one[kind].items():
            assert two[kind][name] == pytest.approx(value, abs=1e-5), name
    assert odd["reason"] == (
        "ValueError: Expected --data-parallel to find batches of a multiple of "
        "2 rows, as there are devices. Received: 33 rows"
    )

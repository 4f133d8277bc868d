"""The study of a task: which trials, where they run, what ends it."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import pytest

from demos.__main__ import main
from demos.study.executors.processes import Processes
from demos.study.executors.ray import RayCluster
from demos.study.executors.sequential import SequentialExecutor
from demos.study.trial import DivergedError, gather
from demos.tasks import study
from demos.tasks.classification.task import ClassificationTask
from demos.tasks.options import StudyOptions
from demos.tasks.sentiment.task import SentimentTask


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
    executor = study.executor(StudyOptions(**options))
    assert executor == expected or type(executor) is expected


def test_the_command_is_in_the_report_only_if_it_is_a_demo(monkeypatch):
    program = str(Path("a", "demos", "__main__.py"))
    monkeypatch.setattr(sys, "argv", [program, "sentiment", "--dataset", "a b"])
    assert study.command_line() == ("python -m demos sentiment --dataset 'a b'")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pytest", "-q"])
    assert study.command_line() == ""


@pytest.mark.usefixtures("trains")
def test_what_is_varied_is_trained_and_names_the_folder(
    cases, fake_training, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    options = ["--vary", "layers=1,2", "--vary", "dropout=0.0,0.5"]
    options = [*cases["classification"].options, *options, "--seeds", "0"]
    assert main(["classification", *options]) == 0
    folder = Path("runs/classification/digits-cnn-by-layers-dropout")
    settings = [record.settings for record in gather(folder)]
    expected = [
        {"activation": "serf", "layers": layers, "dropout": dropout}
        for layers in (1, 2)
        for dropout in (0.0, 0.5)
    ]
    assert settings == expected
    assert [trial.settings for _, trial in fake_training] == expected
    assert [
        (task.model.layers, task.training.dropout) for task, _ in fake_training
    ] == [(1, 0.0), (1, 0.5), (2, 0.0), (2, 0.5)]
    assert "layers" in capsys.readouterr().out


@pytest.mark.usefixtures("trains", "fake_training")
def test_unimodal_baselines_can_be_left_out(cases, tmp_path):
    few = cases["entailment"]
    assert few.run(tmp_path / "few") == 0
    assert len(gather(tmp_path / "few")) == 1
    *options, left_out = few.options
    assert left_out == "--no-unimodal-baselines"
    case = replace(few, options=tuple(options))
    assert case.run(tmp_path / "all") == 0
    assert len(gather(tmp_path / "all")) == 1 + 3
    # They are trials of the model as it is, not of what is varied.
    assert case.run(tmp_path / "varied", "--vary", "layers=0,1") == 0
    assert len(gather(tmp_path / "varied")) == 2


@pytest.mark.usefixtures("trains", "fake_training")
def test_baselines_come_before_the_training(
    cases, tmp_path, monkeypatch, capsys
):
    def failing(task):
        raise MemoryError

    monkeypatch.setattr(SentimentTask, "baselines", failing)
    assert cases["sentiment"].run(tmp_path) == 1
    assert capsys.readouterr().err.endswith("choose smaller sizes\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("trains", "fake_training")
def test_a_trial_that_diverges_is_reported_with_its_reason(
    cases, tmp_path, monkeypatch, capsys
):
    case = cases["classification"]
    whole = ClassificationTask.train

    def diverging(task, trial, context):
        if trial.seed == 1:
            raise DivergedError("loss is nan after epoch 1")
        return whole(task, trial, context)

    monkeypatch.setattr(ClassificationTask, "train", diverging)
    assert case.run(tmp_path / "some") == 0
    assert "DivergedError: loss is nan" in capsys.readouterr().err
    record = json.loads((tmp_path / "some/trials/serf-seed1.json").read_text())
    assert record["reason"] == "DivergedError: loss is nan after epoch 1"
    assert case.run(tmp_path / "all", "--seeds", "1") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.splitlines()[-1]
    assert last.startswith("error: no trial finished; the first failure:")
    assert not list(tmp_path.rglob("*.keras"))


@pytest.mark.usefixtures("trains", "fake_training")
def test_a_report_that_cannot_be_written_is_one_line(
    cases, tmp_path, monkeypatch, capsys
):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(study, "write_report", full)
    assert cases["classification"].run(tmp_path / "out") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "No space left on device" in last
    assert len(gather(tmp_path / "out")) == 2  # They are kept.


@pytest.mark.slow
@pytest.mark.usefixtures("trains")
def test_killed_with_its_workers_it_completes(tmp_path, cases):
    """As a user would: python -m demos sentiment --jobs 2, and kill -9."""
    out = tmp_path / "out"
    arguments = [
        *(sys.executable, "-m", "demos", "sentiment", "--jobs", "2"),
        *(*cases["sentiment"].options, "--activations", "relu", "serf"),
        *("--epochs", "12", "--seeds", "0", "1"),
        *("--out", str(out)),
    ]
    environment = {
        **os.environ,
        "KERAS_BACKEND": keras.backend.backend(),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    with subprocess.Popen(
        arguments, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 300
        while time.monotonic() < until:
            under_way = {
                path.parent.name for path in out.glob("*/*/latest.json")
            }
            finished = {path.stem for path in out.glob("trials/*-seed?.json")}
            if finished and under_way - finished:
                break
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    kept = {p: p.read_bytes() for p in out.glob("trials/*-seed?.json")}
    assert 1 <= len(kept) < 4

    done = subprocess.run(
        arguments, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0
    lines = done.stderr.splitlines()  # Ours alone: of the data, and a trial.
    assert len(lines) == 2 + 4 - len(kept)
    assert all(line.startswith("trial ") for line in lines[2:])
    assert "report.html" in done.stdout
    assert len(gather(out)) == 4
    assert {path: path.read_bytes() for path in kept} == kept
    assert not list(out.glob("checkpoints/*"))

"""Whatever happens to its files or its process, a study is right or refused."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path
from unittest.mock import Mock

import pytest

from demos.common.errors import UserError
from demos.common.files import digest
from demos.study.study import Study, grid
from demos.study.trial import Trial, TrialResult, gather, trial_path

pytestmark = pytest.mark.once

TRIALS = grid({"activation": ["relu", "serf"]}, [0, 1, 2])
BEGUN = TRIALS[:4]


class Fake:
    """A task whose scores depend on its config and the trial alone."""

    objective = "validation"
    epochs = 1

    def __init__(self, size=1):
        self._size = size

    def config(self):
        return {"size": self._size}

    def save_assets(self, folder):
        (folder / "labels.json").write_text(f'["a", "{self._size}"]')

    def run(self, trial, context):
        score = zlib.crc32(f"{trial.name} {self._size}".encode()) / 2**32
        return TrialResult(
            {"validation": score},
            {"score": [score]},
            3,
            lambda path: path.write_text(f"{trial.name} {self._size}"),
        )


def scores(folder, trials=TRIALS):
    """Runs a study, and returns the score of each trial."""
    records = Study(Fake(), folder).run(trials, Mock())
    assert [r.name for r in records] == [t.name for t in trials]
    return [r.metrics["validation"] for r in records]


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """A study that was stopped, another one, and the right scores."""
    folder = tmp_path_factory.mktemp("faults")
    scores(folder / "stopped", BEGUN)
    Study(Fake(2), folder / "other").run(BEGUN, Mock())
    return folder / "stopped", folder / "other", scores(folder / "whole")


def same_content(path, other):
    return path.read_bytes() == other.read_bytes()


FILES = (
    "study.json",
    "labels.json",
    "relu.keras",
    "trials/relu-seed0.json",
    "trials/serf-seed1.json",
    "locks/study.lock",
)


@pytest.mark.parametrize("fault", ["cut", "deleted", "of another study"])
@pytest.mark.parametrize("name", FILES)
def test_one_damaged_file_changes_no_number(tmp_path, studies, name, fault):
    stopped, other, right = studies
    assert {*FILES} <= {
        str(p.relative_to(stopped)) for p in stopped.rglob("*") if p.is_file()
    }
    content = (stopped / name).read_bytes()
    lengths = {0, 1, len(content) // 2, max(0, len(content) - 3)}
    for length in lengths if fault == "cut" else {0}:
        folder = tmp_path / f"{length}"
        shutil.copytree(stopped, folder)
        if fault == "cut":
            (folder / name).write_bytes(content[:length])
        elif fault == "deleted":
            (folder / name).unlink()
        else:
            shutil.copy(other / name, folder / name)
        refusal = ""
        try:
            assert scores(folder) == right
            for asset in ("study.json", "labels.json"):
                assert same_content(folder / asset, stopped / asset)
        except UserError as error:
            refusal = str(error)
        if refusal:
            assert fault != "deleted"
            assert str(folder / name) in refusal or "has a study" in refusal
            assert "delete" in refusal


def test_a_record_knows_the_content_of_its_model(studies):
    for folder in studies[:2]:
        models = {r.model for r in gather(folder) if r.label == "relu"}
        assert len(models) == 2
        assert digest(folder / "relu.keras") in models


def change(**changes):
    """Returns a function of a record's file that changes its content."""

    def changed(path):
        content = json.loads(path.read_text()) | changes
        path.write_text(json.dumps(content))

    return changed


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("[]"),
        lambda path: path.write_text('"text"'),
        lambda path: path.write_text("[" * 100_000),
        lambda path: path.write_bytes(b"\xff{}"),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: shutil.copy(path.with_name("serf-seed1.json"), path),
        change(settings=["relu"]),
        change(settings={}),
        change(metrics=None),
        change(metrics={}),
        change(metrics={"validation": "0.9"}),
        change(metrics={"validation": float("nan")}),
        change(history={"loss": 1}),
        change(fingerprint="another"),
        change(reason=3),
        change(seed="0"),
        change(further=1),
    ],
)
def test_a_record_of_the_wrong_shape_is_one_line(tmp_path, studies, spoil):
    folder = shutil.copytree(studies[0], tmp_path / "study")
    spoil(folder / "trials" / "relu-seed0.json")
    with pytest.raises(UserError, match=r"relu-seed0\.json") as refused:
        scores(folder)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "content", ["[]", "3", "{}", '{"fingerprint": null}', "[" * 100_000]
)
def test_a_description_of_the_wrong_shape_is_one_line(
    tmp_path, studies, content
):
    folder = shutil.copytree(studies[0], tmp_path / "study")
    (folder / "study.json").write_text(content)
    with pytest.raises(UserError, match=r"study\.json is not the description"):
        scores(folder)


def test_without_its_description_trials_of_other_options_do_not_count(
    tmp_path, studies
):
    folder = shutil.copytree(studies[0], tmp_path / "study")
    (folder / "study.json").unlink()
    with pytest.raises(UserError, match="belongs to a study with other"):
        Study(Fake(2), folder).run(TRIALS, Mock())


@pytest.mark.parametrize("value", ["../out", "a\0b", "n" * 250, "é" * 120])
def test_settings_that_cannot_name_a_file_are_refused_at_once(tmp_path, value):
    trial = Trial({"activation": "serf", "kind": value}, 0)
    with pytest.raises(UserError, match="fit into a file name"):
        Study(Fake(), tmp_path / "study").pending([trial])
    with pytest.raises(UserError):
        trial_path(tmp_path, trial)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_deleted_in_mid_run_is_told(tmp_path):
    folder = tmp_path / "study"

    class Deleting(Fake):
        def run(self, trial, context):
            shutil.rmtree(folder)
            return super().run(trial, context)

    records = Study(Deleting(), folder).run(TRIALS, Mock())
    assert len(records) == len(TRIALS)
    assert all("it was deleted" in r.reason for r in records[1:])
    assert not gather(folder)


@pytest.mark.slow
def test_killed_at_random_20_times_it_ends_as_if_it_had_not_been(tmp_path):
    script = Path(__file__).with_name("parallel_study.py")
    behaviour = json.dumps({"all": 0.05})

    def start(folder):
        return subprocess.Popen(
            [sys.executable, script, folder, "here", behaviour],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )

    folder = tmp_path / "killed" / "study"
    folder.parent.mkdir()
    moments = random.Random(0)
    for _ in range(20):
        with start(folder) as process:
            process.stdout.readline()  # Until it has begun, or has ended.
            time.sleep(moments.uniform(0, 0.2))
            process.kill()
        for path in folder.rglob("[!.]*.json"):
            json.loads(path.read_text())
    (tmp_path / "whole").mkdir()
    ended = []
    for each in (folder, tmp_path / "whole" / "study"):
        with start(each) as process:
            process.stdout.read()
        assert process.returncode == 0
        models = {p.name: p.read_text() for p in each.glob("*.keras")}
        assert len(models) == 4
        assert not list((each / "trials").glob("[!.]*.keras"))
        ended.append(({r.name: r.metrics for r in gather(each)}, models))
    assert len(ended[0][0]) == 8
    assert ended[0] == ended[1]

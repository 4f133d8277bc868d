"""The engine, with a task that takes no time."""

import signal
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import Mock

import pytest

from demos.common.errors import UserError
from demos.study.study import Study, grid
from demos.study.trial import Trial, TrialResult, gather, locked

TRIALS = grid({"activation": ["relu", "serf"]}, [0, 1])


class Killed(BaseException):
    """Ends a process, as far as a study can tell."""


@dataclass
class Fake:
    """Scores what it is told to; an exception instead of a score is raised."""

    scores: dict[str, Any] = field(default_factory=dict)
    size: int = 1
    ran: list[str] = field(default_factory=list)
    objective = "validation"
    epochs = 1

    def config(self):
        return {"size": self.size}

    def save_assets(self, folder):
        (folder / "assets.txt").write_text("assets")

    def run(self, trial: Trial, context):
        self.ran.append(trial.name)
        score = self.scores.get(trial.name, 0.5)
        if isinstance(score, BaseException):
            raise score
        context.on_epoch(1, {"score": score})
        return TrialResult(
            {"validation": score},
            {"score": [score]},
            3,
            lambda path: path.write_text(trial.name),
        )


def test_killed_half_way_it_goes_on_with_the_rest(tmp_path):
    broken = Fake({"relu-seed1": Killed()})
    with pytest.raises(Killed):
        Study(broken, tmp_path).run(TRIALS, Mock())
    kept = {p.name: p.read_bytes() for p in tmp_path.glob("trials/*.json")}
    assert set(kept) == {"relu-seed0.json", "serf-seed0.json"}

    again = Fake()
    results = Study(again, tmp_path).run(TRIALS, Mock())
    assert again.ran == ["relu-seed1", "serf-seed1"]
    assert len(results) == 4
    for name, content in kept.items():
        assert (tmp_path / "trials" / name).read_bytes() == content


def test_killed_between_model_and_record_it_keeps_the_best_model(tmp_path):
    scores = {"relu-seed0": 0.3, "relu-seed1": 0.9, "serf-seed0": 0.8}
    Study(Fake(scores), tmp_path).run(TRIALS, Mock())
    # As if killed after the record and before the model was put in its place.
    (tmp_path / "relu.keras").rename(tmp_path / "trials/relu-seed1.keras")
    (tmp_path / "relu.keras").write_text("relu-seed0")

    Study(Fake(scores), tmp_path).run(TRIALS, Mock())
    assert (tmp_path / "relu.keras").read_text() == "relu-seed1"
    assert (tmp_path / "serf.keras").read_text() == "serf-seed0"
    assert not list(tmp_path.glob("trials/*.keras"))


def test_failures_are_recorded_and_tried_again(tmp_path):
    task = Fake({"relu-seed0": MemoryError("too\nlarge"), "serf-seed1": 1e999})
    results = Study(task, tmp_path).run(TRIALS, Mock())
    assert len(task.ran) == 4
    assert [r.reason for r in results] == [
        "MemoryError: too",
        "",
        "",
        "DivergedError: validation is inf",
    ]
    assert not list(tmp_path.glob("trials/*tmp*"))
    assert {(r.label, r.seed) for r in gather(tmp_path)} == {
        ("serf", 0),
        ("relu", 1),
    }

    again = Fake()
    assert not any(
        result.reason for result in Study(again, tmp_path).run(TRIALS, Mock())
    )
    assert again.ran == ["relu-seed0", "serf-seed1"]


class Unsaved(Fake):
    """Whose model of the second trial cannot be saved, for some reason."""

    error: type[BaseException] = OSError

    def run(self, trial, context):
        found = super().run(trial, context)
        if len(self.ran) == 2:
            return replace(found, save=self._fail)
        return found

    def _fail(self, path):
        path.write_text("half of it")
        raise self.error("no room")


def test_a_model_that_cannot_be_saved_fails_its_trial_alone(tmp_path):
    results = Study(Unsaved(), tmp_path).run(TRIALS, Mock())
    assert [r.reason for r in results] == ["", "OSError: no room", "", ""]
    assert not list(tmp_path.glob("trials/*.keras"))

    again = Fake()
    results = Study(again, tmp_path).run(TRIALS, Mock())
    assert again.ran == ["serf-seed0"]
    assert not any(result.reason for result in results)


def test_stopped_by_hand_it_says_what_is_kept(tmp_path):
    task = Unsaved()
    task.error = KeyboardInterrupt
    with pytest.raises(
        KeyboardInterrupt, match="finished trials are kept"
    ) as e:
        Study(task, tmp_path).run(TRIALS, Mock())
    assert str(tmp_path) in str(e.value)
    assert len(gather(tmp_path)) == 1


def test_where_no_model_can_be_put_it_says_what_is_kept(tmp_path):
    (tmp_path / "serf.keras").mkdir()
    with pytest.raises(
        UserError, match=r"writable: .* finished trials are kept"
    ):
        Study(Fake(), tmp_path).run(TRIALS, Mock())
    assert {result.name for result in gather(tmp_path)} == {
        "relu-seed0",
        "serf-seed0",
    }


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError, UserError), (KeyboardInterrupt, KeyboardInterrupt)],
)
def test_stopped_at_the_start_it_does_not_say_so(tmp_path, error, raised):
    class Full(Fake):
        def save_assets(self, folder):
            raise error

    with pytest.raises(raised) as caught:
        Study(Full(), tmp_path).run(TRIALS, Mock())
    assert "kept" not in str(caught.value)


def test_another_config_is_never_mixed_in(tmp_path):
    usual = tmp_path / "usual"
    Study(Fake(), usual, renames=True).run(TRIALS, Mock())
    before = {p: p.read_bytes() for p in usual.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match="a study with other"):
        Study(Fake(size=2), usual)

    other = Study(Fake(size=2), usual, renames=True)
    assert other.folder != usual
    other.run(TRIALS, Mock())
    assert before == {
        p: p.read_bytes() for p in usual.rglob("*") if p.is_file()
    }
    assert Study(Fake(size=2), usual, renames=True).pending(TRIALS) == []


def test_of_two_studies_begun_at_once_the_second_is_refused(tmp_path):
    first, second = (Study(Fake(size=size), tmp_path) for size in (1, 2))
    first.run(TRIALS, Mock())
    with pytest.raises(UserError, match="a study with other"):
        second.run(TRIALS, Mock())
    assert second.task.ran == []


def test_a_study_can_grow(tmp_path):
    Study(Fake(), tmp_path).run(TRIALS, Mock())
    more = Fake()
    trials = grid({"activation": ["relu", "serf", "mish"]}, [0, 1])
    assert len(Study(more, tmp_path).run(trials, Mock())) == 6
    assert more.ran == ["mish-seed0", "mish-seed1"]


def test_ctrl_c_is_heard_where_a_framework_makes_another_error_of_it(tmp_path):
    class Swallowing(Fake):
        def run(self, trial, context):
            self.ran.append(trial.name)
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise TypeError("'NoneType' object is not callable") from None

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        task = Swallowing()
        with pytest.raises(KeyboardInterrupt, match="resumes at the last"):
            Study(task, tmp_path).run(TRIALS, Mock())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert task.ran == ["relu-seed0"]
    assert not list(tmp_path.glob("trials/*.json"))


@pytest.mark.parametrize("name", ["study.json", "trials/relu-seed0.json"])
def test_a_damaged_record_is_named(tmp_path, name):
    Study(Fake(), tmp_path).run(TRIALS, Mock())
    (tmp_path / name).write_text("{")
    with pytest.raises(UserError, match=name):
        Study(Fake(), tmp_path).run(TRIALS, Mock())
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=name):
        Study(Fake(), tmp_path).pending(TRIALS)


def test_a_record_half_written_by_one_who_was_killed_is_no_record(tmp_path):
    Study(Fake(), tmp_path).run(TRIALS[:2], Mock())
    (tmp_path / "trials/.relu-seed1.0123abcd.partial.json").write_text("{")
    assert len(gather(tmp_path)) == 2
    results = Study(Fake(), tmp_path).run(TRIALS, Mock())
    assert len(results) == len(gather(tmp_path)) == 4


class Told:
    """Remembers what it is told."""

    def __init__(self):
        self.events = []

    def trial_started(self, trial):
        self.events.append(("started", trial.name))

    def epoch_ended(self, trial, epoch, logs):
        self.events.append((trial.name, epoch, dict(logs)))

    def trial_ended(self, result):
        self.events.append(("ended", result.name))


def test_an_observer_is_told_of_every_step(tmp_path):
    told = Told()
    Study(Fake(), tmp_path).run(TRIALS[:2], told)
    assert told.events == [
        ("started", "relu-seed0"),
        ("relu-seed0", 1, {"score": 0.5}),
        ("ended", "relu-seed0"),
        ("started", "serf-seed0"),
        ("serf-seed0", 1, {"score": 0.5}),
        ("ended", "serf-seed0"),
    ]


def test_what_another_process_runs_is_left_to_it(tmp_path):
    """The first trial is taken: it comes last, when the other has ended."""

    class Meeting(Fake):
        def run(self, trial, context):
            if trial.name == "serf-seed1":  # The last of those that are free.
                theirs.release()
            return super().run(trial, context)

    task = Meeting()
    study = Study(task, tmp_path)
    theirs = locked(study.folder, "relu-seed0")
    theirs.acquire()
    results = study.run(TRIALS, Mock())
    assert task.ran == ["serf-seed0", "relu-seed1", "serf-seed1", "relu-seed0"]
    assert [r.name for r in results] == [trial.name for trial in TRIALS]

"""What a result depends on besides its config."""

import platform

import joblib
import keras
import pytest

from demos.common.environment import environment
from demos.study.trial import MACHINE, fingerprint_of

CONFIG = {"epochs": 7, "model": {"heads": 4}}


def test_it_names_backend_versions_and_machine(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = environment()
    assert found["backend"] == keras.backend.backend()
    assert found["keras"] == keras.__version__
    assert found["python"] == platform.python_version()
    assert set(MACHINE) < found.keys()
    assert found[found["backend"]]  # The version of the backend's package.
    assert found["processor"]
    assert found["devices"]
    assert found["cores"] == found["threads"] == joblib.cpu_count() > 0


@pytest.mark.parametrize(
    ("value", "threads"), [("1", 1), ("", joblib.cpu_count())]
)
def test_threads_are_those_that_the_process_may_start(
    monkeypatch, value, threads
):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert environment()["threads"] == threads


def test_the_machine_alone_makes_no_other_study():
    here = environment()
    ours = fingerprint_of(CONFIG, here)
    elsewhere = {**here, **dict.fromkeys(MACHINE, "another")}
    assert fingerprint_of(CONFIG, elsewhere) == ours
    assert fingerprint_of(dict(reversed(CONFIG.items())), here) == ours
    assert len(ours) == 12
    assert fingerprint_of({**CONFIG, "epochs": 8}, here) != ours
    for name in ("backend", "python", "keras", "keras_serf"):
        assert fingerprint_of(CONFIG, {**here, name: "another"}) != ours

"""Which backend a demo runs on, and the errors for one that will not do."""

import keras
import pytest

from demos.common import backend
from demos.common.errors import UserError
from demos.common.keras_config import check_trains


def test_an_unknown_backend_is_one_line(run_python):
    code = """
        from demos.common.backend import start_keras
        from demos.common.errors import UserError

        try:
            start_keras(())
        except UserError as error:
            print(error)
    """
    message = run_python(code, backend="theano")
    assert "one of tensorflow, jax, torch, numpy, openvino" in message
    assert message.endswith("Received: 'theano'")


@pytest.mark.parametrize("name", backend.INFERENCE)
def test_a_backend_that_cannot_train_is_one_line(monkeypatch, name):
    monkeypatch.setattr(keras.backend, "backend", lambda: name)
    with pytest.raises(UserError, match=f"--backend .* Received: {name}"):
        check_trains()


def test_another_backend_in_the_same_process_is_one_line():
    with pytest.raises(UserError, match="already uses in this process"):
        backend.choose_backend("numpy")


def test_the_remedy_is_all_that_a_backend_needs():
    assert backend.remedy("numpy") == "pip install numpy jax"
    assert backend.remedy("openvino") == "pip install openvino"
    assert backend.remedy("torch") == 'pip install -e ".[torch,demos]"'


@pytest.mark.parametrize("error", [RuntimeError, OSError, SystemError])
def test_an_import_that_fails_in_any_way_is_one_line(monkeypatch, error):
    def fail(name):
        raise error("cannot allocate\nmemory")

    monkeypatch.setattr(backend.importlib, "import_module", fail)
    with pytest.raises(UserError, match=r"cannot start on .*allocate\); ins"):
        backend.start_keras()

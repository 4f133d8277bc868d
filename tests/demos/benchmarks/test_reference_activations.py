"""What Serf is measured against: every activation is what its name says."""

import keras
import numpy as np
import pytest

from demos.benchmarks import reference_activations as peers
from demos.benchmarks.reference_activations import COMPOSED
from demos.benchmarks.reference_activations import OURS
from keras_serf import theory

X = np.linspace(-5, 5, 41, dtype="float32")


def numbers(function, x=X):
    y = function(keras.ops.convert_to_tensor(x))
    return keras.ops.convert_to_numpy(y)


def test_ours_comes_first_and_every_name_once():
    names = [peer.name for peer in peers.peers()]
    assert names[:2] == [OURS, COMPOSED]
    assert len(set(names)) == len(names)
    assert set(names) >= {"relu", "silu", "gelu (erf)", "gelu (tanh)", "mish"}


def test_all_serfs_agree():
    serfs = [peer for peer in peers.peers() if peer.is_serf]
    for peer in serfs:
        np.testing.assert_allclose(
            numbers(peer.function), theory.serf(X), rtol=1e-5, err_msg=peer.name
        )


@pytest.mark.parametrize(
    ("name", "at_one"),
    [
        ("relu", 1.0),
        ("silu", 0.7310586),
        ("gelu (erf)", 0.8413447),
        ("gelu (tanh)", 0.841192),
        ("mish", 0.8650984),
    ],
)
def test_others_are_what_they_are_called(name, at_one):
    (function,) = (p.function for p in peers.peers() if p.name == name)
    one = np.array([1.0], "float32")
    assert numbers(function, one)[0] == pytest.approx(at_one, abs=1e-6)


def test_a_package_that_does_not_import_is_left_out(monkeypatch):
    def broken():
        raise ImportError("it needs what its package does not declare")

    entry = ("keras", keras.backend.backend(), broken)
    monkeypatch.setattr(peers, "_PACKAGES", {"broken": entry})
    assert not [peer for peer in peers.peers() if "broken" in peer.name]

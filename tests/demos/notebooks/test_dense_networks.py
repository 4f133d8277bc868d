"""Networks that read digits: their size, and that they learn."""

import pytest

from demos.notebooks import dense_networks
from keras_serf import serf

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("trains")]


def test_a_network_has_the_layers_asked_for():
    model = dense_networks.build("serf", layers=3, width=5)
    assert [layer.units for layer in model.layers] == [5, 5, 5, 10]
    assert [layer.activation for layer in model.layers[:-1]] == [serf] * 3


@pytest.mark.long
def test_a_network_learns_and_the_seed_decides_how():
    settings = {"layers": 2, "width": 32, "learning_rate": 0.003, "epochs": 3}
    first, other = (
        dense_networks.train("serf", **settings, seed=seed) for seed in (0, 1)
    )
    assert first.accuracy[-1] > 0.9
    assert first.dead == [0.0] * 4
    assert first.accuracy != other.accuracy

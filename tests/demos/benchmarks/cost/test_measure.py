"""What Serf keeps for the backward pass."""

import keras

from demos.benchmarks.cost.measure import weigh
from demos.benchmarks.frameworks.base import active_framework
from demos.benchmarks.names import COMPOSED, EAGER, SERF


def test_serf_keeps_its_input_alone_and_its_composition_more(trains):
    framework = active_framework()
    activations = framework.activations()
    total, besides = weigh(framework, activations[SERF], EAGER)
    assert besides == 0
    if keras.backend.backend() != "tensorflow":  # That holds on to the output.
        assert total == 4
    composed = weigh(framework, activations[COMPOSED], EAGER)
    assert composed[0] >= total + 4
    assert composed[1] >= 8

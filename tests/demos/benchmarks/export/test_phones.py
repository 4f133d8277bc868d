"""Serf in the runtimes of phones, beside ReLU; PyTorch exports.

Both packages need `pip install executorch coremltools`, which CI does not have.
CoreML is only converted, because it runs nowhere but on Apple's systems.
"""

import keras
import numpy as np
import pytest

from demos.benchmarks.export.models import BATCH, build, inputs

pytestmark = pytest.mark.filterwarnings("ignore")  # Of the exporters.
ACTIVATIONS = pytest.mark.parametrize("activation", ["serf", "relu"])


@pytest.fixture
def export(trains):
    """Returns `export(name, activation)`: model, inputs, exported program."""
    if keras.backend.backend() != "torch":
        pytest.skip("PyTorch exports")
    torch = pytest.importorskip("torch")

    def run(name, activation):
        model = build(name, activation, BATCH)
        x = inputs(name)
        program = torch.export.export(model, (torch.from_numpy(x),))
        return model, x, program

    return run


@ACTIVATIONS
# ExecuTorch rejects the order of dimensions of the "cnn", whatever activation.
@pytest.mark.parametrize("name", ["dense", "lstm", "transformer"])
def test_executorch_computes_what_keras_computes(
    export, name, activation, record_property
):
    exir = pytest.importorskip("executorch.exir")
    partition = pytest.importorskip(
        "executorch.backends.xnnpack.partition.xnnpack_partitioner"
    )
    runtime = pytest.importorskip("executorch.runtime")
    torch = pytest.importorskip("torch")
    model, x, program = export(name, activation)
    file = exir.to_edge_transform_and_lower(
        program, partitioner=[partition.XnnpackPartitioner()]
    ).to_executorch()
    method = runtime.Runtime.get().load_program(file.buffer)
    (y,) = method.load_method("forward").execute([torch.from_numpy(x)])
    expected = keras.ops.convert_to_numpy(model(x))
    error = np.max(np.abs(y.numpy() - expected)) / np.max(np.abs(expected))
    record_property("error", float(error))
    assert error <= 1e-5


@ACTIVATIONS
# coremltools knows no `subtract` ("cnn") and no `alias` ("transformer").
@pytest.mark.parametrize("name", ["dense", "lstm"])
def test_coreml_has_only_its_own_operations(export, name, activation):
    coreml = pytest.importorskip("coremltools")
    _, _, program = export(name, activation)
    model = coreml.convert(
        program.run_decompositions({}), convert_to="mlprogram"
    )
    functions = model.get_spec().mlProgram.functions.values()
    operations = {
        operation.type
        for function in functions
        for block in function.block_specializations.values()
        for operation in block.operations
    }
    assert operations <= (
        {"add", "cast", "clip", "const", "exp", "greater_equal", "linear"}
        | {"mul", "relu", "select", "slice_by_index", "split", "transpose"}
    )
    assert ("exp" in operations) == (activation == "serf")

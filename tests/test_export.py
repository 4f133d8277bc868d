"""Models with Serf in the runtimes of other makers, which have no keras_serf.

The active backend exports; a process that does not import keras_serf runs
what was written. `python -m demos export` does so with whole models.
"""

import importlib.util

import keras
import numpy as np
import pytest

import keras_serf
from keras_serf import theory

# Not beside the tests of an installed wheel.
targets = pytest.importorskip("demos.benchmarks.export.targets")

BACKENDS = {
    "saved_model": ("tensorflow", "jax"),
    "onnx": ("tensorflow", "jax", "torch"),
    "onnx_float16": ("tensorflow", "jax", "torch"),
    "openvino": ("tensorflow", "torch"),
    "litert": ("tensorflow", "jax", "torch"),
    "litert_float16": ("tensorflow", "jax", "torch"),
    "litert_int8": ("tensorflow", "jax", "torch"),
    "exported_program": ("torch",),
    "stablehlo": ("jax",),
}
# What Keras' exporters ask for besides the runtime; CI has only onnxscript.
CONVERTERS = {
    ("tensorflow", "onnx"): "tf2onnx",
    ("jax", "onnx"): "jax2onnx",
    ("jax", "litert"): "tensorflow",
    ("torch", "onnx"): "onnxscript",
    ("torch", "litert"): "litert_torch",
}

RUN = """
import sys
from pathlib import Path
import numpy as np
from demos.benchmarks.export.targets import TARGETS

target, path = sys.argv[1:]
path = Path(path)
x = np.load(path.with_name("x.npy"))
np.save(path.with_name("y.npy"), TARGETS[target].load(path)(x))
assert "keras_serf" not in sys.modules
"""

UNITS = 32


@pytest.fixture
def x():
    # Farther out, the exponentials of LiteRT and OpenVINO lose digits.
    return np.linspace(-5, 9, 3 * UNITS, dtype="float32").reshape(3, UNITS)


@pytest.fixture
def model(trains):
    """Gives Serf of its inputs, beside Serf in other places."""
    inputs = keras.Input((UNITS,))
    y = keras.layers.Rescaling(0.1)(inputs)
    y = keras.layers.Dense(UNITS, activation="serf")(y)
    y = keras_serf.serf(keras.layers.Dense(UNITS)(y))
    y = keras.layers.Concatenate()([keras_serf.Serf()(inputs), y])
    return keras.Model(inputs, y)


@pytest.fixture
def ship(model, x, tmp_path, run_python, request):
    """Returns `ship(target)`: what the model gives in that runtime."""

    def run(name):
        backend = keras.backend.backend()
        target = targets.TARGETS[name]
        if backend not in BACKENDS[name]:
            pytest.skip(f"Keras has no such export from {backend}")
        module = target.package.replace("-", "_")
        if importlib.util.find_spec(module) is None:
            reason = f"{target.package} is not installed"
            if request.config.getoption("--all-backends"):
                pytest.fail(reason)
            pytest.skip(reason)
        family = name.partition("_")[0]
        converter = CONVERTERS.get((backend, family), "keras")
        if importlib.util.find_spec(converter) is None:
            pytest.skip(f"{converter} is not installed")
        path = tmp_path / f"model{target.suffix or '_folder'}"
        np.save(tmp_path / "x.npy", x)
        model(x)
        target.export(model, path, x)
        run_python(RUN, name, path, fresh=True)
        return np.load(tmp_path / "y.npy"), path

    return run


def litert():
    return pytest.importorskip("demos.benchmarks.export.runtimes")


def expected(model, x):
    return keras.ops.convert_to_numpy(model(x))


def worst_ulp(y, x):
    """Returns the largest error of Serf itself, against float64."""
    truth = theory.serf(x.astype("float64"))
    ulp = np.spacing(np.abs(truth).astype("float32"))
    return float(np.max(np.abs(y - truth) / ulp))


# Of the exporters; they even fork.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("saved_model", marks=pytest.mark.long),
        "onnx",
        "openvino",
        "litert",
        "exported_program",
        "stablehlo",
    ],
)
def test_serf_keeps_its_promise_in_other_runtimes(ship, model, x, target):
    y, path = ship(target)
    np.testing.assert_allclose(y, expected(model, x), rtol=1e-5, atol=1e-6)
    assert worst_ulp(y[:, :UNITS], x) <= 4
    if target == "litert":
        assert litert().custom_operations(path) == []


@pytest.mark.parametrize(
    ("weights", "allowed"), [("float16", 1e-3), ("int8", 5e-2)]
)
def test_litert_with_smaller_weights(ship, model, x, weights, allowed):
    y, path = ship(f"litert_{weights}")
    assert weights in litert().litert_dtypes(path)
    assert litert().custom_operations(path) == []
    off = np.abs(y - expected(model, x))[:, UNITS:]
    assert 0 < off.max() <= allowed * np.abs(y[:, UNITS:]).max()
    # From JAX, Serf's own coefficients are rounded with the weights.
    np.testing.assert_allclose(y[:, :UNITS], theory.serf(x), rtol=1e-3)


def test_onnx_in_float16(ship, model, x):
    y, _ = ship("onnx_float16")
    np.testing.assert_allclose(y, expected(model, x), rtol=1e-2, atol=1e-3)
    np.testing.assert_array_equal(y, y.astype("float16"))


@pytest.mark.parametrize("bound", [3, 8])
@pytest.mark.parametrize(
    ("target", "allowed"), [("litert_full_int8", 0.1), ("litert_16x8", 2e-3)]
)
def test_litert_in_integers(tmp_path, target, allowed, bound):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("tested with TensorFlow's kernel")
    pytest.importorskip("ai_edge_litert")
    inputs = keras.Input((UNITS,))
    model = keras.Model(inputs, keras.layers.Activation("serf")(inputs))
    x = np.linspace(-bound, bound, 9 * UNITS, dtype="float32")
    x = x.reshape(9, UNITS)
    path = tmp_path / "model.tflite"
    targets.TARGETS[target].export(model, path, x)
    y = targets.TARGETS[target].load(path)(x)
    np.testing.assert_allclose(y, theory.serf(x), rtol=0, atol=allowed)


def test_a_network_in_integers_reads_digits_as_well(tmp_path):
    # With Mish, such a network loses most of its accuracy.
    if keras.backend.backend() != "tensorflow":
        pytest.skip("tested with TensorFlow's kernel")
    pytest.importorskip("ai_edge_litert")
    digits = pytest.importorskip("demos.datasets.digits")
    x, y, test_x, test_y = digits.load_arrays()
    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(16, 3, activation="serf"),
            layers.Conv2D(16, 3, activation="serf"),
            layers.Flatten(),
            layers.Dense(32, activation="serf"),
            layers.Dense(10),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.003),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(x, y, batch_size=64, epochs=5, verbose=0)

    def accuracy(logits):
        return np.mean(logits.argmax(axis=1) == test_y)

    accurate = accuracy(expected(model, test_x))
    assert accurate > 0.9
    for target in ("litert_full_int8", "litert_16x8"):
        path = tmp_path / f"{target}.tflite"
        targets.TARGETS[target].export(model, path, x[:200])
        integer = accuracy(targets.TARGETS[target].load(path)(test_x))
        assert integer >= accurate - 0.02


@pytest.mark.long
def test_saved_model_where_xla_is_switched_off(model, x, tmp_path, run_python):
    # Loaded as TensorFlow Serving does.
    if keras.backend.backend() != "tensorflow":
        pytest.skip("TensorFlow's kernel alone asks for XLA")
    model.export(tmp_path / "model", verbose=False)
    np.save(tmp_path / "x.npy", x)
    code = """
    import os, sys
    os.environ["TF_XLA_FLAGS"] = "--tf_xla_clustering_fuel=0"
    os.environ["XLA_FLAGS"] = f"--xla_dump_to={sys.argv[1]}/compiled"
    import numpy as np
    import tensorflow as tf

    model = tf.saved_model.load(sys.argv[1] + "/model")
    x = np.load(sys.argv[1] + "/x.npy")
    (y,) = model.signatures["serving_default"](tf.constant(x)).values()
    np.save(sys.argv[1] + "/y.npy", y)
    """
    run_python(code, tmp_path, fresh=True)
    assert not (tmp_path / "compiled").exists()
    y = np.load(tmp_path / "y.npy")
    np.testing.assert_allclose(y, expected(model, x), rtol=1e-5, atol=1e-6)
    assert worst_ulp(y[:, :UNITS], x) <= 4

"""Layers with Serf train, in every precision that Keras has.

All layers that take an activation are branches of one model, so that little is
compiled; `test_registry.py` takes them one by one.
"""

import contextlib
import warnings

import keras
import numpy as np
import pytest

import keras_serf

BATCH = 4
SHAPES = {
    "vector": (6,),
    "sequence": (4, 3),
    "image": (5, 5, 3),
    "volume": (3, 3, 3, 2),
    "film": (2, 4, 4, 2),
}


def branches():
    """Returns layers with Serf, by the input that they take."""
    layers = keras.layers
    serf = {"activation": "serf"}
    found = {
        "vector": [
            layers.Dense(3, **serf),
            layers.EinsumDense("ab,bc->ac", 3, **serf),
            layers.Activation("serf"),
            keras_serf.Serf(),
        ],
        "sequence": [
            layers.Conv1D(2, 2, **serf),
            layers.Conv1DTranspose(2, 2, **serf),
            layers.SeparableConv1D(2, 2, **serf),
            layers.DepthwiseConv1D(2, **serf),
            layers.SimpleRNN(3, **serf),
            layers.GRU(3, recurrent_activation="serf", **serf),
            layers.LSTM(3, recurrent_activation="serf", **serf),
            layers.Bidirectional(layers.LSTM(3, **serf)),
            layers.TimeDistributed(layers.Dense(3, **serf)),
        ],
        "image": [
            layers.Conv2D(2, 2, **serf),
            layers.Conv2DTranspose(2, 2, **serf),
            layers.SeparableConv2D(2, 2, **serf),
            layers.DepthwiseConv2D(2, **serf),
        ],
        "volume": [
            layers.Conv3D(2, 2, **serf),
            layers.Conv3DTranspose(2, 2, **serf),
        ],
        "film": [layers.ConvLSTM2D(2, 2, **serf)],
    }
    # JAX has no attention in float16 on a CPU.
    float16 = keras.config.dtype_policy().compute_dtype == "float16"
    if keras.backend.backend() == "jax" and float16:
        return found
    try:
        import keras_hub
    except ImportError:
        return found
    found["sequence"] += [
        keras_hub.layers.TransformerEncoder(6, num_heads=1, **serf),
        keras_hub.layers.TransformerDecoder(6, num_heads=1, **serf),
    ]
    return found


def build(chosen=None):
    """Returns a model whose branches meet in a sum.

    Args:
        chosen: Names of the kinds of layer; by default all.
    """
    inputs = {
        name: keras.Input(shape, name=name) for name, shape in SHAPES.items()
    }
    used = {}
    ends = []
    for name, layers in branches().items():
        for layer in layers:
            if chosen is None or type(layer).__name__ in chosen:
                # So that layers without weights have some to train, too.
                used[name] = inputs[name]
                x = keras.layers.Dense(SHAPES[name][-1])(used[name])
                y = keras.layers.Flatten()(layer(x))
                ends.append(keras.layers.Dense(1)(y))
    y = keras.layers.Average()(ends) if len(ends) > 1 else ends[0]
    return keras.Model(used, y)


def draw_data():
    draw = np.random.default_rng(0)
    x = {
        name: draw.normal(size=(BATCH, *shape)).astype("float32")
        for name, shape in SHAPES.items()
    }
    return x, draw.normal(size=(BATCH, 1)).astype("float32")


def check_training(model, steps=3, **options):
    """Trains, and checks that all stays finite and all weights move."""
    x, y = draw_data()
    x = {name: x[name] for name in model.input}
    before = model.get_weights()
    model.compile("adam", "mse", **options)
    losses = model.fit(x, y, epochs=steps, batch_size=BATCH, verbose=0).history[
        "loss"
    ]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    trained = {id(weight) for weight in model.trainable_weights}
    for weight, old in zip(model.weights, before, strict=True):
        new = keras.ops.convert_to_numpy(weight)
        assert np.isfinite(new).all(), weight.path
        if id(weight) in trained:
            assert not np.array_equal(new, old), weight.path


@pytest.fixture
def policy():
    """Returns `policy(name)`: sets Keras' dtype policy for a test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


FEW = ("Dense", "Conv2D", "LSTM", "Serf")
# JAX compiles all layers for half a minute.
ALL_SLOWLY = pytest.param(None, marks=pytest.mark.slow)


@pytest.mark.usefixtures("trains")
@pytest.mark.parametrize("chosen", [FEW, ALL_SLOWLY])
def test_layers_train_in_float16(policy, chosen):
    policy("mixed_float16")
    model = build(chosen)
    check_training(model)
    optimizer = model.optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


@pytest.mark.usefixtures("trains")
@pytest.mark.parametrize("chosen", [FEW, ALL_SLOWLY])
def test_layers_train_in_bfloat16(policy, chosen):
    policy("mixed_bfloat16")
    check_training(build(chosen))


@pytest.mark.parametrize("chosen", [FEW, ALL_SLOWLY])
def test_layers_train_in_float64(float64, policy, chosen):
    policy("float64")
    model = build(chosen)
    check_training(model)
    for weight in model.trainable_weights:
        assert keras.backend.standardize_dtype(weight.dtype) == "float64"


@pytest.mark.long
@pytest.mark.usefixtures("trains")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_with_and_without_compilation(jit_compile):
    torch = keras.backend.backend() == "torch"
    # PyTorch's compiler unrolls recurrent layers, and takes minutes.
    chosen = ("Serf",) if torch and jit_compile else FEW
    check_training(build(chosen), jit_compile=jit_compile)


@pytest.mark.long
@pytest.mark.usefixtures("trains")
@pytest.mark.parametrize("mode", ["full", "activations"])
def test_rematerialization_changes_no_result(mode):
    def train():
        keras.utils.set_random_seed(0)
        with contextlib.ExitStack() as stack:
            if scope is not None:
                stack.enter_context(scope)
            model = build(chosen)
        check_training(model, run_eagerly=eagerly)
        return model.get_weights()

    # Keras 3.15 cannot do so with an LSTM, whatever its activation: on JAX not
    # at all, elsewhere not with its activations alone.
    whole = mode == "full" and keras.backend.backend() != "jax"
    chosen = FEW if whole else ("Dense", "Conv2D", "Serf")
    # And on TensorFlow with no layer in a graph, but with all eagerly.
    eagerly = mode == "full" and keras.backend.backend() == "tensorflow"

    scope = None
    plain = train()
    scope = keras.RematScope(mode=mode)
    for weight, expected in zip(train(), plain, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("trains")
def test_float8_layers_train():
    x = keras.Input((6,), name="vector")
    y = keras.layers.Dense(8, activation="serf")(x)
    y = keras.layers.EinsumDense("ab,bc->ac", 8, activation="serf")(y)
    model = keras.Model({"vector": x}, keras.layers.Dense(1)(y))
    with warnings.catch_warnings():
        # Of the input layer, which has nothing to quantize.
        warnings.filterwarnings("ignore", "Layer InputLayer", UserWarning)
        model.quantize("float8")
    check_training(model)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_quantized_layers_are_near_those_of_float32(mode):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(BATCH, 16)).astype("float32")
    for layer in (
        keras.layers.Dense(32, activation="serf"),
        keras.layers.EinsumDense("ab,bc->ac", 32, activation="serf"),
    ):
        expected = keras.ops.convert_to_numpy(layer(x))
        layer.quantize(mode)
        y = keras.ops.convert_to_numpy(layer(x))
        off = np.abs(y - expected).max() / np.abs(expected).max()
        assert 0 < off < {"int8": 0.03, "int4": 0.3}[mode]

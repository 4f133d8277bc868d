"""The word "serf": who knows it, when, and that nobody else's is replaced."""

import inspect
import warnings

import keras
import numpy as np
import pytest
from keras.src.activations import ALL_OBJECTS_DICT
from keras.src.initializers import ALL_OBJECTS_DICT as INITIALIZERS

import keras_serf

SERF = keras_serf.serf
SERF_NORMAL = keras_serf.initializers.SerfNormal


def test_import_teaches_the_word():
    assert keras.activations.get("serf") is SERF
    assert type(keras.initializers.get("serf_normal")) is SERF_NORMAL


def test_registering_again_changes_nothing():
    before = dict(ALL_OBJECTS_DICT), dict(INITIALIZERS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras_serf.register()
    assert (dict(ALL_OBJECTS_DICT), dict(INITIALIZERS)) == before


def test_unregister_until_register():
    keras_serf.unregister()
    try:
        with pytest.raises(ValueError, match="serf"):
            keras.activations.get("serf")
        for name in ("serf_normal", "serf_uniform", "SerfNormal"):
            with pytest.raises(ValueError, match=name):
                keras.initializers.get(name)
    finally:
        keras_serf.register()
    assert keras.activations.get("serf") is SERF
    assert type(keras.initializers.get("serf_normal")) is SERF_NORMAL


def test_contexts_restore_what_was():
    with keras_serf.unregister():
        assert "serf" not in ALL_OBJECTS_DICT
        assert "serf_normal" not in INITIALIZERS
        with keras_serf.register():
            assert ALL_OBJECTS_DICT["serf"] is SERF
            assert INITIALIZERS["serf_normal"] is SERF_NORMAL
        assert "serf" not in ALL_OBJECTS_DICT
        assert "serf_normal" not in INITIALIZERS
    assert ALL_OBJECTS_DICT["serf"] is SERF
    assert INITIALIZERS["serf_normal"] is SERF_NORMAL
    with keras_serf.register():
        pass
    assert ALL_OBJECTS_DICT["serf"] is SERF


def test_saved_names_outlive_unregister():
    config = keras.activations.serialize(SERF)
    with keras_serf.unregister():
        assert keras.activations.deserialize(config) is SERF


def test_the_name_of_another_is_never_replaced(monkeypatch):
    def theirs(x):
        return x

    monkeypatch.setitem(ALL_OBJECTS_DICT, "serf", theirs)
    with pytest.warns(UserWarning, match="already has") as caught:
        keras_serf.register()
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert keras.activations.get("serf") is theirs
    with keras_serf.unregister():
        assert keras.activations.get("serf") is theirs


def test_the_initializer_of_another_is_never_replaced(monkeypatch):
    theirs = keras.initializers.HeNormal
    monkeypatch.setitem(INITIALIZERS, "serf_normal", theirs)
    with pytest.warns(UserWarning, match='named "serf_normal"') as caught:
        keras_serf.register()
    assert len(caught) == 1
    with keras_serf.unregister():
        assert INITIALIZERS["serf_normal"] is theirs
        assert "serf_uniform" not in INITIALIZERS
    assert INITIALIZERS["serf_normal"] is theirs
    assert keras.activations.get("serf") is SERF


# Stands in for a Keras whose table has another name, or another meaning.
MOVED = """
import inspect, warnings
import keras
import keras.src.activations as home
if {renamed}:
    for function in (home.get, home.deserialize):
        code = inspect.getsource(function).replace("ALL_OBJECTS_DICT", "NAMES")
        exec(code, vars(home))
    home.NAMES = vars(home).pop("ALL_OBJECTS_DICT")
else:
    home.ALL_OBJECTS_DICT = {{}}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import keras_serf
    keras_serf.register()
assert [w.category for w in caught] == [UserWarning], caught
assert "\\n" not in str(caught[0].message)

assert abs(float(keras_serf.serf(1.0)) - 0.9367219) < 1e-6
assert tuple(keras_serf.Serf()(keras.ops.ones((2, 3))).shape) == (2, 3)
model = keras.Sequential(
    [keras.Input((2,)), keras.layers.Dense(1, activation=keras_serf.serf)]
)
model.save("moved.keras")
loaded = keras.models.load_model("moved.keras")
assert loaded.layers[0].activation is keras_serf.serf
try:
    keras.layers.Dense(1, activation="serf")
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("renamed", [True, False])
def test_a_moved_table_costs_the_string_alone(run_python, renamed):
    message = run_python(MOVED.format(renamed=renamed))
    assert message.startswith("Could not interpret activation function")


def test_a_moved_table_of_initializers_costs_their_strings_alone(run_python):
    message = run_python(
        """
        import warnings
        import keras
        import keras.src.initializers as home
        home.ALL_OBJECTS_DICT = {}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import keras_serf
        assert keras.activations.get("serf") is keras_serf.serf
        keras_serf.initializers.SerfNormal(seed=1)((2, 3))
        print(*(warning.message for warning in caught), sep="\\n")
        """
    )
    assert message.startswith(f"Keras {keras.__version__} has moved its table")
    assert message.endswith("keras_serf.initializers.SerfNormal().")
    assert "\n" not in message


def test_import_is_quick_and_brings_no_other_framework(run_python):
    report = run_python(
        """
        import sys
        import keras
        before = set(sys.modules)
        import keras_serf
        print(*sorted(name for name in set(sys.modules) - before))
        """
    )
    # What an import costs is what it imports: seconds are another machine's.
    new = report.split()
    assert "keras_serf.activation" in new
    assert [n for n in new if not n.startswith("keras_serf")] == []


def layers_with_activation(namespace):
    found = {}
    for name, layer in sorted(vars(namespace).items()):
        if inspect.isclass(layer):
            parameters = inspect.signature(layer.__init__).parameters
            slots = [p for p in parameters if p.endswith("activation")]
            if slots:
                found[name] = (layer, slots)
    return found


KERAS_LAYERS = layers_with_activation(keras.layers)


ARGUMENTS = {
    "units": 2,
    "filters": 2,
    "kernel_size": 2,
    "output_shape": (2,),
    "equation": "ab,bc->ac",
}
SHAPES = {1: (2, 6, 3), 2: (2, 6, 6, 3), 3: (2, 4, 4, 4, 3)}


def build(layer, slots):
    parameters = inspect.signature(layer.__init__).parameters
    needed = {
        name: ARGUMENTS[name]
        for name, p in parameters.items()
        if name in ARGUMENTS and p.default is inspect.Parameter.empty
    }
    return layer(**needed, **dict.fromkeys(slots, "serf"))


def input_for(layer):
    name = type(layer).__name__
    if "Cell" in name:
        return None
    for rank in (1, 2, 3):
        if f"{rank}D" in name:
            shape = SHAPES[rank]
            return (2, *shape) if "LSTM" in name else shape
    return (
        (2, 3) if name in ("Dense", "EinsumDense", "Activation") else SHAPES[1]
    )


@pytest.mark.parametrize("name", KERAS_LAYERS)
def test_every_layer_of_keras_takes_the_string(name):
    layer, slots = KERAS_LAYERS[name]
    built = build(layer, slots)
    for slot in slots:
        assert getattr(built, slot) is SERF
    shape = input_for(built)
    if shape is not None:
        y = keras.ops.convert_to_numpy(built(np.ones(shape, "float32")))
        assert np.isfinite(y).all()
    copy = type(built).from_config(built.get_config())
    for slot in slots:
        assert getattr(copy, slot) is SERF


def test_introspection_finds_the_layers():
    assert {
        "Activation",
        "Conv1D",
        "Conv2DTranspose",
        "ConvLSTM2D",
        "Dense",
        "DepthwiseConv2D",
        "EinsumDense",
        "GRU",
        "GRUCell",
        "LSTM",
        "SeparableConv1D",
        "SimpleRNN",
    } <= KERAS_LAYERS.keys()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda: keras.layers.Bidirectional(
            keras.layers.LSTM(2, activation="serf")
        ),
        lambda: keras.layers.RNN(
            [
                keras.layers.GRUCell(2, activation="serf"),
                keras.layers.LSTMCell(2, recurrent_activation="serf"),
            ]
        ),
        lambda: keras.layers.TimeDistributed(
            keras.layers.Dense(2, activation="serf")
        ),
    ],
    ids=["Bidirectional", "RNN", "TimeDistributed"],
)
def test_wrapped_layers_take_the_string(wrap):
    x = keras.Input((4, 3))
    model = keras.Model(x, wrap()(x))
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    data = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    expected = model.predict(data, verbose=0)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(copy.predict(data, verbose=0), expected)
    assert '"keras_serf>serf"' in model.to_json()


# Arguments that are enough to build each of KerasHub's layers.
HUB_ARGUMENTS = {
    "image_shape": (32, 32, 3),
    "patch_size": 8,
    "vocabulary_size": 11,
    "num_layers": 1,
    "num_heads": 2,
    "global_attn_indexes": (0,),
    "fpn_scale_factors": (1.0,),
}


def test_every_layer_of_keras_hub_takes_the_string():
    keras_hub = pytest.importorskip("keras_hub")
    found = layers_with_activation(keras_hub.layers)
    assert {"TransformerEncoder", "TransformerDecoder"} <= found.keys()
    for layer, slots in found.values():
        built = layer(**needed(layer), **dict.fromkeys(slots, "serf"))
        for slot in slots:
            assert keras.activations.get(getattr(built, slot)) is SERF, layer


def needed(layer):
    if layer.__name__ == "MaskedLMHead":
        return {"vocabulary_size": 11}
    return {
        name: HUB_ARGUMENTS.get(name, 8)
        for name, p in inspect.signature(layer.__init__).parameters.items()
        if name in HUB_ARGUMENTS
        or (p.default is p.empty and p.kind is not p.VAR_KEYWORD)
        if name != "self"
    }


@pytest.mark.parametrize(
    "name", ["TransformerEncoder", "TransformerDecoder", "FNetEncoder"]
)
def test_keras_hub_blocks_run_with_serf(name):
    keras_hub = pytest.importorskip("keras_hub")
    kind = getattr(keras_hub.layers, name)
    heads = {} if name == "FNetEncoder" else {"num_heads": 2}
    layer = kind(intermediate_dim=8, activation="serf", **heads)
    y = keras.ops.convert_to_numpy(layer(np.ones((2, 3, 4), "float32")))
    assert np.isfinite(y).all()
    assert kind.from_config(layer.get_config()).activation is SERF

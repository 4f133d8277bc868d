"""`replace_activations`: what it changes, what it keeps, and that it lasts."""

import functools
import inspect
import pickle
import re

import keras
import numpy as np
import pytest
from keras import layers

import keras_serf
from keras_serf import replace_activations

SERF = keras_serf.serf
FUNCTIONS = {"relu": keras.activations.relu, "serf": SERF}
LAYERS = {"relu": layers.ReLU, "serf": keras_serf.Serf}
X = np.linspace(-3, 3, 48, dtype="float32").reshape(4, 4, 3)


@keras.saving.register_keras_serializable("test_replace")
class Fixed(layers.Layer):
    """Fixes its activations in every way there is; its config tells none."""

    fixed = "relu"

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.act = FUNCTIONS[self.fixed]
        self.blocks = [layers.Dense(units, self.fixed), LAYERS[self.fixed]()]

    def build(self, input_shape):
        self.late = layers.Dense(self.units, self.fixed)
        self.late.build((*input_shape[:-1], self.units))
        super().build(input_shape)

    def call(self, x):
        x = self.act(x) - 1
        for block in self.blocks:
            x = block(x) - 0.1
        return self.late(x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("test_replace")
class FixedSerf(Fixed):
    fixed = "serf"


@keras.saving.register_keras_serializable("test_replace")
class Subclassed(keras.Model):
    def __init__(self, first, **kwargs):
        super().__init__(**kwargs)
        self.first = keras.layers.deserialize(first)
        kind = FixedSerf if self.first.activation is SERF else Fixed
        self.block = kind(5, name="block")

    def call(self, x):
        return self.block(self.first(x))

    def get_config(self):
        first = keras.layers.serialize(self.first)
        return {"name": self.name, "first": first}


def strings(f):
    return keras.Sequential(
        [keras.Input((4, 3)), layers.Conv1D(5, 2, activation=f)]
    )


def functions(f):
    return keras.Sequential(
        [keras.Input((4, 3)), layers.Dense(5, FUNCTIONS[f])]
    )


def activation_layers(f):
    inputs = keras.Input((4, 3))
    x = LAYERS[f]()(layers.Dense(5)(inputs))
    x = layers.Activation(f)(layers.Dense(5)(x))
    x = layers.Dense(5, activation=LAYERS[f]())(x)
    return keras.Model(inputs, x)


def operations(f):
    inputs = keras.Input((4, 3))
    x = FUNCTIONS[f](layers.Dense(5)(inputs))
    x = layers.Dense(5)(x)
    return keras.Model(
        inputs, keras.ops.relu(x) if f == "relu" else keras_serf.serf(x)
    )


def recurrent(f):
    cells = [layers.GRUCell(3, activation=f), layers.LSTMCell(2, activation=f)]
    inputs = keras.Input((4, 3))
    x = layers.RNN(cells, return_sequences=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(3, activation=f))(x)
    return keras.Model(inputs, x)


def wrapped(f):
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(5, f)])
    inner = keras.Model(inner.inputs, LAYERS[f]()(inner.outputs[0]))
    inputs = keras.Input((4, 3))
    return keras.Model(inputs, layers.TimeDistributed(inner)(inputs))


def nested_and_shared(f):
    encoder = keras.Sequential(
        [keras.Input((4, 3)), layers.Dense(5, f), LAYERS[f]()], name="encoder"
    )
    a, b = keras.Input((4, 3), name="a"), keras.Input((4, 3), name="b")
    same = layers.Dense(5, f, name="same")
    outputs = {"sum": same(encoder(a)) + same(encoder(b)), "b": encoder(b)}
    return keras.Model({"a": a, "b": b}, outputs)


def masked(f):
    inputs = keras.Input((4, 3))
    x = layers.Masking()(inputs)
    x = layers.Dense(4, f)(x)
    x = layers.MultiHeadAttention(2, 2)(x, x, use_causal_mask=True)
    return keras.Model(inputs, layers.LSTM(3, activation=f)(LAYERS[f]()(x)))


def fixed(f):
    inputs = keras.Input((4, 3))
    x = layers.Dense(5, f)(inputs)
    return keras.Model(inputs, (Fixed if f == "relu" else FixedSerf)(4)(x))


def subclassed(f):
    model = Subclassed(keras.layers.serialize(layers.Dense(5, f)))
    model(X)
    return model


STANDARD = [
    strings,
    functions,
    activation_layers,
    operations,
    recurrent,
    wrapped,
    nested_and_shared,
    masked,
]


def predict(model):
    names = [tensor.name for tensor in getattr(model, "inputs", [])]
    x = {"a": X, "b": -X} if "a" in names else X
    return keras.tree.flatten(model.predict(x, verbose=0))


def assert_same(ours, theirs):
    for y, expected in zip(predict(ours), predict(theirs), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def reload(model, folder, **kwargs):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", **kwargs)


@pytest.mark.parametrize("build", [*STANDARD, fixed, subclassed])
def test_the_copy_is_the_model_as_if_built_with_serf(build, tmp_path):
    model = build("relu")
    before, config = predict(model), model.get_config()
    expected = build("serf")
    expected.set_weights(model.get_weights())

    new = replace_activations(model, {"relu": "serf"})

    assert_same(new, expected)
    assert isinstance(new, type(model))
    assert new.name == model.name
    assert [layer.name for layer in new.layers] == (
        [layer.name for layer in model.layers]
    )
    assert len(new.weights) == len(model.weights)
    assert any(
        np.abs(y - old).max() > 1e-3
        for y, old in zip(predict(new), before, strict=True)
    )
    loaded = reload(new, tmp_path)
    assert_same(loaded, new)
    # The copy of a copy, and back again.
    assert_same(replace_activations(loaded, {"serf": "relu"}), model)
    for y, old in zip(predict(model), before, strict=True):
        np.testing.assert_array_equal(y, old)
    assert model.get_config() == config


def test_other_ways_to_copy_keep_the_activations():
    new = replace_activations(fixed("relu"))
    for copy in (
        keras.models.clone_model(new),
        keras.models.model_from_json(new.to_json()),
        type(new).from_config(new.get_config()),
    ):
        copy.set_weights(new.get_weights())
        assert_same(copy, new)


@keras.saving.register_keras_serializable("test_replace")
class FixedModel(keras.Model):
    """A functional model whose class makes its graph, as KerasHub's do."""

    def __init__(self, units, **kwargs):
        inputs = keras.Input((4, 3))
        x = keras.ops.relu(layers.Dense(units, "relu")(inputs) - 0.1)
        super().__init__(inputs, x, **kwargs)
        self.units = units

    def get_config(self):
        return {"name": self.name, "units": self.units}


def test_models_of_a_class_of_their_own_can_be_pickled():
    model = FixedModel(4)
    new = replace_activations(model)
    assert isinstance(new, FixedModel)
    same = pickle.loads(pickle.dumps(new))
    assert type(same) is type(new)
    assert_same(same, new)


def test_layers_of_the_copy_save_elsewhere(tmp_path):
    new = replace_activations(fixed("relu"))
    inputs = keras.Input((4, 3))
    other = keras.Model(inputs, layers.Dense(2)(new(inputs)))
    assert_same(reload(other, tmp_path), other)
    top = keras.Model(new.inputs, layers.Dense(2)(new.outputs[0]))
    assert_same(reload(top, tmp_path), top)


LOAD = (
    """
import sys
from pathlib import Path
import numpy as np
import keras
import keras_serf
from keras import layers

FUNCTIONS = {"relu": keras.activations.relu}
LAYERS = {"relu": layers.ReLU}

"""
    + inspect.getsource(Fixed)
    + """
folder = Path(sys.argv[1])
for path in sorted(folder.glob("*.keras")):
    model = keras.saving.load_model(path, compile=False)
    data = np.load(path.with_suffix(".npz"))
    inputs = {k[3:]: v for k, v in data.items() if k.startswith("in_")}
    y = model.predict(inputs.get("", inputs), verbose=0)
    for i, y in enumerate(keras.tree.flatten(y)):
        np.testing.assert_allclose(
            y, data[f"out_{i}"], rtol=1e-4, atol=1e-5, err_msg=path.stem
        )
    print(path.stem)
"""
)


def keep(model, inputs, path):
    model.save(path.with_suffix(".keras"))
    if not isinstance(inputs, dict):
        inputs = {"": inputs}
    outputs = model.predict(inputs.get("", inputs), verbose=0)
    outputs = dict(enumerate(keras.tree.flatten(outputs)))
    np.savez(
        path.with_suffix(".npz"),
        **{f"in_{k}": v for k, v in inputs.items()},
        **{f"out_{k}": v for k, v in outputs.items()},
    )


FRESH = [activation_layers, operations, fixed]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replaced")
    for build in FRESH:
        keep(replace_activations(build("relu")), X, folder / build.__name__)
    return folder


def test_copies_load_in_a_fresh_process(saved, run_python, each_backend):
    done = run_python(LOAD, saved, backend=each_backend)
    assert done.split() == sorted(build.__name__ for build in FRESH)


def hidden_and_head(*hidden):
    return keras.Sequential(
        [keras.Input((4, 3)), *hidden, layers.Dense(2, "softmax", name="head")],
        name="net",
    )


@pytest.mark.parametrize(
    ("key", "activation"),
    [
        ("relu", "relu"),
        ("relu", layers.ReLU()),
        (layers.ReLU, "relu"),
        (layers.Activation("relu"), "relu"),
        ("ReLU", "relu"),
        ("LeakyReLU", layers.LeakyReLU(0.1)),
        ("PReLU", layers.PReLU()),
        ("Softmax", "softmax"),
        (keras.activations.relu, layers.ReLU()),
        ("relu6", layers.ReLU(6)),
        ("relu6", "relu6"),
        ("leaky_relu", layers.LeakyReLU(0.1)),
        ("leaky_relu", layers.ReLU(negative_slope=0.1)),
        ("relu(max_value=2)", layers.ReLU(2.0)),
        ("elu", layers.ELU()),
        ("prelu", layers.PReLU()),
        (layers.PReLU, layers.PReLU()),
        ("swish", "silu"),
        ("silu", layers.Activation("swish")),
        ("hard_swish", "hard_silu"),
        ("tanh", layers.Activation("tanh")),
        ("serf", keras_serf.Serf()),
        ("softmax", layers.Softmax()),
    ],
)
def test_a_key_matches_every_form_of_its_activation(key, activation, tmp_path):
    if isinstance(activation, str):
        activation = layers.Dense(3, activation)
    model = keras.Sequential([keras.Input((4, 3)), activation, layers.ReLU(3)])
    new = replace_activations(model, {key: "gelu"})
    assert new.layers[0].activation is keras.activations.gelu
    assert type(new.layers[1]) is layers.ReLU
    assert_same(reload(new, tmp_path), new)


def test_one_activation_replaces_rectifiers_and_nothing_else(capsys):
    model = hidden_and_head(
        layers.Dense(3, "gelu", name="a"),
        layers.Dense(3, "sigmoid", name="b"),
        layers.ReLU(6, name="c"),
        layers.GRU(
            3, activation="elu", recurrent_activation="relu", name="gru"
        ),
        layers.Dense(3, name="linear"),
    )
    replace_activations(model, verbose=True)
    report = [
        line.split(maxsplit=2) for line in capsys.readouterr().out.split("\n")
    ]
    assert report == [
        ["net/a.activation", "gelu", "-> serf"],
        ["net/b.activation", "sigmoid", "kept"],
        ["net/c", "relu6", "kept"],
        ["net/gru/gru_cell.activation", "elu", "-> serf"],
        ["net/gru/gru_cell.recurrent_activation", "relu", "kept: a gate"],
        ["net/head.activation", "softmax", "kept"],
        [],
    ]


@keras.saving.register_keras_serializable("test_replace")
class Clipped(layers.ReLU):
    def call(self, x):
        return keras.ops.minimum(super().call(x), 0.5)


@keras.saving.register_keras_serializable("test_replace")
class Renamed(layers.ReLU):
    pass


def test_subclasses_of_activation_layers(tmp_path, capsys):
    model = hidden_and_head(Clipped(name="clipped"), Renamed(6, name="renamed"))
    new = replace_activations(model, {"relu6": "serf"}, verbose=True)
    report = capsys.readouterr().out.splitlines()
    assert report[0].split() == ["net/clipped", "Clipped", "kept"]
    assert report[1].split() == ["net/renamed", "relu6", "->", "serf"]
    assert type(new.layers[0]) is Clipped
    assert new.layers[1].activation is SERF
    assert_same(reload(new, tmp_path), new)
    new = replace_activations(new, {Clipped: "gelu"})
    assert new.layers[0].activation is keras.activations.gelu


@keras.saving.register_keras_serializable("test_replace")
class InCollections(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = [keras.activations.relu, keras.activations.relu]
        self.by_name = {"gelu": keras.activations.gelu}

    def call(self, x):
        for step in [*self.steps, *self.by_name.values()]:
            x = step(x)
        return x


def test_what_is_not_seen_is_told(capsys):
    model = hidden_and_head(
        layers.ReLU(name="relu"),
        InCollections(name="own"),
        layers.Lambda(keras.activations.silu, name="function"),
        layers.Lambda(lambda x: keras.ops.relu(x), name="lambda"),
    )
    replace_activations(model, verbose=True)
    report = [
        line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()
    ]
    assert ["net/function.function", "silu", "-> serf"] in report
    assert sorted(row for row in report if "not seen" in row[2]) == [
        ["net/lambda", "<lambda>", "not seen: in a Lambda"],
        ["net/own.by_name", "gelu", "not seen: in a list or dictionary"],
        ["net/own.steps", "relu", "not seen: in a list or dictionary"],
        ["net/own.steps", "relu", "not seen: in a list or dictionary"],
    ]


def test_nothing_is_printed_unless_asked_for(capsys):
    replace_activations(strings("relu"))
    assert capsys.readouterr().out == ""


def test_gates_and_outputs_go_when_named():
    model = hidden_and_head(layers.LSTM(3))
    new = replace_activations(
        model, {"sigmoid": "hard_sigmoid", "softmax": "linear"}
    )
    cell = new.layers[0].cell
    assert cell.recurrent_activation is keras.activations.hard_sigmoid
    assert cell.activation is keras.activations.tanh
    assert new.layers[1].activation is keras.activations.linear


@pytest.mark.parametrize(
    "where",
    [
        "block_[12]",
        lambda layer: layer.name in ("block_1", "block_2"),
        lambda layer: layer.name != "other" and isinstance(layer, Fixed),
    ],
)
def test_where(where, tmp_path):
    inner = keras.Sequential(
        [keras.Input((4, 3)), Fixed(3, name="block_1"), Fixed(3, name="other")]
    )
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, Fixed(3, name="block_2")(inner(inputs)))
    new = replace_activations(model, where=where)
    one, other = new.layers[1].layers
    two = new.layers[2]
    for block in (one, two):
        assert block.act is block.late.activation is SERF
        assert block.blocks[1].activation is SERF
    assert other.act is other.late.activation is keras.activations.relu
    assert_same(reload(new, tmp_path), new)


@pytest.mark.parametrize(
    ("where", "replaced"),
    [
        (lambda layer: layer.name == "inner", ["inner/a", "inner/b"]),
        (lambda layer: layer.name == "b", ["inner/b"]),
        (lambda layer: isinstance(layer, layers.GRUCell), ["rnn/gru_cell"]),
        (lambda layer: isinstance(layer, layers.RNN), ["rnn/gru_cell"]),
        (lambda layer: isinstance(layer, layers.ReLU), ["each/layer"]),
        (
            lambda layer: isinstance(layer, layers.TimeDistributed),
            ["each/layer"],
        ),
        (lambda layer: not isinstance(layer, layers.Layer), ["operation"]),
    ],
)
def test_where_is_asked_of_all_that_an_activation_is_in(
    where, replaced, capsys
):
    inner = [layers.Dense(3, "relu", name=name) for name in ("a", "b")]
    inputs = keras.Input((4, 3))
    x = keras.Sequential([keras.Input((4, 3)), *inner], name="inner")(inputs)
    x = layers.TimeDistributed(layers.ReLU(name="layer"), name="each")(x)
    cell = layers.GRUCell(3, activation="relu", name="gru_cell")
    x = layers.RNN(cell, return_sequences=True, name="rnn")(x)
    model = keras.Model(inputs, keras.ops.relu(x), name="net")
    model.operations[-1].name = "operation"
    replace_activations(model, {"relu": "serf"}, where=where, verbose=True)
    report = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert len(report) == 6  # With the gate of the cell.
    paths = [
        path.removesuffix(".activation")
        for path, *_, f in report
        if f == "serf"
    ]
    assert paths == [f"net/{path}" for path in replaced]


@keras.saving.register_keras_serializable("test_replace")
def cubic(x):
    return x * x * x


@pytest.mark.parametrize(
    ("replacement", "function"),
    [
        ("gelu", keras.activations.gelu),
        (cubic, cubic),
        (keras_serf.Serf, SERF),
        (layers.LeakyReLU(0.1), lambda x: keras.ops.leaky_relu(x, 0.1)),
        (layers.ReLU(2.0), lambda x: keras.ops.clip(x, 0, 2)),
    ],
)
def test_replacements(replacement, function, tmp_path):
    inputs = keras.Input((4, 3))
    x = keras.ops.silu(layers.ELU()(layers.Activation("mish")(inputs)))
    new = replace_activations(keras.Model(inputs, x), replacement)
    expected = X
    for _ in range(3):
        expected = function(expected)
    for model in (new, reload(new, tmp_path)):
        np.testing.assert_allclose(
            predict(model)[0],
            keras.ops.convert_to_numpy(expected),
            rtol=1e-5,
            atol=1e-6,
        )


@keras.saving.register_keras_serializable("test_replace")
class Named(layers.Layer):
    """Keeps the name of its activation, as some of KerasHub's layers do."""

    def __init__(self, hidden_activation="gelu", **kwargs):
        super().__init__(**kwargs)
        self.hidden_activation = hidden_activation

    def build(self, input_shape):
        self.hidden = layers.Dense(2, self.hidden_activation)
        self.hidden.build(input_shape)

    def call(self, x):
        return self.hidden(x)

    def get_config(self):
        activation = self.hidden_activation
        return {**super().get_config(), "hidden_activation": activation}


def test_layers_that_keep_a_name(tmp_path):
    new = replace_activations(hidden_and_head(Named()))
    layer = new.layers[0]
    assert layer.hidden_activation == "serf"
    assert layer.hidden.activation is SERF
    assert type(layer) is Named
    assert_same(reload(new, tmp_path), new)


@pytest.mark.parametrize("replacement", [cubic, layers.LeakyReLU(0.1)])
def test_layers_that_keep_a_name_that_keras_could_not_look_up(
    replacement, tmp_path, capsys
):
    model = hidden_and_head(Named(name="named"))
    new = replace_activations(model, replacement, verbose=True)
    first, second, _ = capsys.readouterr().out.split("\n", 2)
    assert first.endswith("kept: takes only names")
    assert "-> " in second
    assert new.layers[0].hidden_activation == "gelu"
    np.testing.assert_allclose(
        *(
            keras.ops.convert_to_numpy(f(keras.ops.convert_to_tensor(X)))
            for f in (new.layers[0].hidden.activation, replacement)
        )
    )
    assert np.abs(predict(new)[0] - predict(model)[0]).max() > 1e-3
    assert_same(reload(new, tmp_path), new)


def test_a_name_that_stays_is_no_match():
    model = keras.Sequential([Named()])  # Its Dense is made when it is built.
    with pytest.raises(ValueError, match=r"gelu: takes only names \(1\)"):
        replace_activations(model, cubic)


def test_functions_and_classes_that_are_not_registered():
    def own(x):
        return 2 * keras.ops.relu(x)

    class Own(layers.Dense):
        pass

    class OwnInitializer(keras.initializers.Ones):
        pass

    class OwnLoss(keras.losses.MeanSquaredError):
        pass

    model = hidden_and_head(Own(3, own, kernel_initializer=OwnInitializer()))
    model.compile(loss=OwnLoss(), metrics=[own_metric])
    new = replace_activations(model, {own: "serf"})
    assert new.layers[0].activation is SERF
    assert type(new.loss) is OwnLoss
    again = replace_activations(new, {"serf": own})
    assert again.layers[0].activation is own
    assert type(again.layers[0]) is Own


def relu(x):
    """Has a name that Keras would load another function by."""
    return 2 * x


@pytest.mark.parametrize(
    ("replacements", "where", "message"),
    [
        ("serf", None, r"'net', which are: softmax \(1\), tanh \(2\)\. "),
        ({"relu": "serf"}, None, "softmax"),
        ({}, None, "softmax"),
        ({"tanh": "serf"}, "nowhere", "where='nowhere'"),
        ({"tanh": "serf", "rellu": "serf"}, None, "Received: .'rellu'"),
        ({"tanh": layers.PReLU}, None, "weights. Received: PReLU"),
        ({"tanh": "srf"}, None, "srf"),
        (None, None, "Expected .* Received: replacements=None"),
        ("serf", ["net"], r"Expected .* where=\['net'\]"),
        ("serf", "(", r"Expected .* where='\('"),
        ({"swish": "serf", "silu": "gelu"}, None, "Expected one key .* 'silu'"),
        ({"tanh": lambda x: x}, None, "Expected replacements .* <lambda>"),
        ({"tanh": functools.partial(cubic)}, None, "Expected .*partial"),
        ({"tanh": relu}, None, "Expected replacements .* relu"),
    ],
)
def test_what_matches_nothing_or_is_nothing(replacements, where, message):
    model = hidden_and_head(layers.Dense(3, "tanh"), layers.Activation("tanh"))
    with pytest.raises(ValueError, match=message) as caught:
        replace_activations(model, replacements, where=where)
    assert "\n" not in str(caught.value)


def test_a_model_that_has_the_activation_already_is_copied(capsys):
    model = hidden_and_head(layers.Dense(3, "relu"), layers.Dense(3, "tanh"))
    new = replace_activations(model, "relu", verbose=True)
    assert new is not model
    assert new.layers[0].activation is keras.activations.relu
    np.testing.assert_array_equal(new.get_weights()[0], model.get_weights()[0])
    assert re.search(r"relu +kept: it is the same", capsys.readouterr().out)
    with pytest.raises(ValueError, match="Expected `replacements`"):
        replace_activations(model, "relu", where="nowhere")


def test_no_model():
    with pytest.raises(ValueError, match="Received: model=<Dense"):
        replace_activations(layers.Dense(2, "relu"))


def test_a_model_without_config_is_named_in_one_line():
    class NoConfig(layers.Layer):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def call(self, x):
            return self.function(x)

    model = hidden_and_head(layers.Dense(3, "relu"), NoConfig(lambda x: x))
    with pytest.raises(ValueError, match="NoConfig 'no_config': ") as caught:
        replace_activations(model)
    assert "\n" not in str(caught.value)


def test_weights_that_keras_would_lose_are_not_lost_silently():
    class Unbuilt(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(3, "relu")

        def build(self, input_shape):
            self.built = True

        def call(self, x):
            return self.dense(x)

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 3)

    model = hidden_and_head(Unbuilt())
    model(X)
    with pytest.raises(ValueError, match="save and load"):
        replace_activations(model)


def test_unbuilt_models():
    model = keras.Sequential([layers.Dense(3, "relu"), layers.ReLU()])
    new = replace_activations(model)
    assert not new.built
    assert new.layers[0].activation is new.layers[1].activation is SERF


def test_flags_and_policies_are_kept(tmp_path):
    inputs = keras.Input((4, 3))
    inner = keras.Sequential(
        [keras.Input((4, 3)), layers.Dense(3, "relu"), layers.Dense(3)]
    )
    x = Fixed(3, dtype="mixed_bfloat16")(inner(inputs))
    x = layers.ReLU(dtype="bfloat16")(x)
    model = keras.Model(inputs, keras.ops.relu(x))
    inner.layers[1].trainable = False
    model.layers[2].late.trainable = False
    new = replace_activations(model)
    assert [v.trainable for v in new.weights] == (
        [v.trainable for v in model.weights]
    )
    assert not new.layers[1].layers[1].trainable
    assert not new.layers[2].late.trainable
    for copy in (new, reload(new, tmp_path)):
        assert [layer.dtype_policy.name for layer in copy.layers] == (
            [layer.dtype_policy.name for layer in model.layers]
        )
        assert keras.backend.standardize_dtype(copy.outputs[0].dtype) == (
            "bfloat16"
        )
    model.trainable = False
    assert not replace_activations(model).trainable_variables


def own_metric(y, y_pred):
    return keras.ops.max(keras.ops.abs(y - y_pred), axis=-1)


def test_a_compiled_model_trains_with_the_new_activation(trains):
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(1, "relu", use_bias=False)]
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.5),
        keras.losses.Huber(2.0),
        metrics=[own_metric],
    )
    # Where ReLU is dead, and Serf is not.
    model.layers[0].kernel.assign([[-1.0], [-1.0], [-1.0]])
    x, y = np.ones((8, 3), "float32"), np.zeros((8, 1), "float32")
    model.fit(x, y, verbose=0)
    assert model.evaluate(x, y, verbose=0)[0] == 0

    new = replace_activations(model)

    assert new.compiled
    assert new.optimizer.get_config() == model.optimizer.get_config()
    iterations = keras.ops.convert_to_numpy(new.optimizer.iterations)
    assert iterations == 0
    loss = float(SERF(-3.0)) ** 2 / 2
    np.testing.assert_allclose(
        new.evaluate(x, y, verbose=0), [loss, (2 * loss) ** 0.5], rtol=1e-5
    )
    new.fit(x, y, epochs=3, verbose=0)
    assert np.abs(new.get_weights()[0] + 1).max() > 1e-3
    assert np.all(model.get_weights()[0] == -1)


def test_a_compile_of_the_models_own_is_called(trains):
    class Own(keras.Sequential):
        def compile(self, optimizer="sgd", loss="mse", **kwargs):
            super().compile(optimizer=optimizer, loss=loss, **kwargs)

    model = Own([keras.Input((3,)), layers.Dense(1, "relu")])
    model.compile(loss="mae")
    new = replace_activations(model)
    assert type(new) is Own
    assert new.compiled
    assert new.loss == "mae"


def test_lora_and_int8(trains):
    model = keras.Sequential([keras.Input((4, 3)), layers.Dense(4, "relu")])
    model.layers[0].enable_lora(2)
    model.layers[0].lora_kernel_b.assign(np.ones((2, 4)))
    assert_same(replace_activations(model, {"relu": "relu"}), model)
    assert replace_activations(model).layers[0].lora_enabled

    model = keras.Sequential([layers.Dense(4, "relu")])
    expected = keras.Sequential([layers.Dense(4, "serf")])
    for m in (model, expected):
        m(X)
    expected.set_weights(model.get_weights())
    for m in (model, expected):
        m.layers[0].quantize("int8")
    new = replace_activations(model)
    assert new.layers[0].dtype_policy.name == "int8_from_float32"
    assert_same(new, expected)


def test_saved_names_are_frozen():
    new = replace_activations(fixed("relu"))
    config = keras.saving.serialize_keras_object(new.layers[-1])
    assert config["registered_name"] == "keras_serf>WithActivations"
    assert config["config"].keys() == {"layer", "activations"}
    assert config["config"]["activations"][0][0] == "relu"
    new = replace_activations(operations("relu"))
    config = keras.saving.serialize_keras_object(new.operations[-1])
    assert config["registered_name"] == "keras_serf>ActivationOperation"
    assert config["config"].keys() == {"name", "activation"}


@keras.saving.register_keras_serializable("test_replace")
class Outer(layers.Layer):
    def build(self, input_shape):
        class NoConfig(layers.Layer):
            def __init__(self, dense):
                super().__init__()
                self.dense = dense

        self.inner = NoConfig(layers.Dense(2, "relu"))
        self.inner.dense.build(input_shape)
        self.inner.built = True

    def call(self, x):
        return self.inner.dense(x)


def test_the_smallest_layer_with_a_config_saves_what_is_in_it(tmp_path):
    new = replace_activations(hidden_and_head(Outer()))
    assert new.layers[0].inner.dense.activation is SERF
    assert_same(reload(new, tmp_path), new)


def test_a_class_that_has_changed_since_is_refused(monkeypatch):
    new = replace_activations(fixed("relu"))
    config = keras.saving.serialize_keras_object(new.layers[-1])
    monkeypatch.setattr(Fixed, "fixed", "serf")
    with pytest.raises(ValueError, match="Expected Fixed to have"):
        keras.saving.deserialize_keras_object(config)


def test_mobilenet_v3(tmp_path):
    model = keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), alpha=0.25, weights=None, classes=3
    )
    new = replace_activations(model)
    assert {
        type(layer).__name__: layer.max_value
        for layer in new.layers
        if isinstance(layer, layers.ReLU)
    } == {"ReLU": 6}  # Which are the gates of squeeze-and-excitation.
    activations = [
        layer.activation
        for layer in new.layers
        if isinstance(layer, layers.Activation)
    ]
    assert len(activations) > 30
    assert set(activations) == {SERF, keras.activations.softmax}
    loaded = reload(new, tmp_path)
    for layer, saved in zip(loaded.layers, new.layers, strict=True):
        assert layer.get_config() == saved.get_config()
    for copy in (new, loaded):
        for w, ours in zip(model.weights, copy.weights, strict=True):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(w), keras.ops.convert_to_numpy(ours)
            )
    with pytest.raises(ValueError, match="relu6"):
        replace_activations(new, {"relu": "serf"})


@pytest.mark.slow
def test_resnet50_v2(tmp_path):
    model = keras.applications.ResNet50V2(
        input_shape=(32, 32, 3), weights=None, classes=3
    )
    new = replace_activations(model)
    activations = [
        layer.activation
        for layer in new.layers
        if isinstance(layer, layers.Activation)
    ]
    assert set(activations) == {SERF}
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    y = new.predict(x, verbose=0)
    assert np.abs(y - model.predict(x, verbose=0)).max() > 0
    loaded = reload(new, tmp_path)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), y, rtol=1e-5)


SIZES = {
    "vocabulary_size": 11,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 4,
    "intermediate_dim": 6,
    "max_sequence_length": 5,
}
TOKENS = {
    "token_ids": np.arange(10).reshape(2, 5),
    "padding_mask": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
}
SEGMENTS = {**TOKENS, "segment_ids": np.zeros((2, 5), "int32")}


@pytest.fixture
def keras_hub():
    return pytest.importorskip("keras_hub")


def test_keras_hub(keras_hub, run_python, tmp_path):
    bert = keras_hub.models.BertBackbone(**SIZES)
    classifier = keras_hub.models.BertTextClassifier(bert, num_classes=2)
    classifier.compile(keras.optimizers.SGD(0.5), "mse", metrics=["mae"])
    gpt = keras_hub.models.GPT2Backbone(**SIZES)
    for model, inputs in ((classifier, SEGMENTS), (gpt, TOKENS)):
        new = replace_activations(model)
        assert isinstance(new, type(model))
        for layer in getattr(new, "backbone", new).transformer_layers:
            assert layer.activation is SERF
            assert layer._feedforward_intermediate_dense.activation is SERF
        for layer in getattr(model, "backbone", model).transformer_layers:
            assert layer.activation is not SERF
        assert new.compiled == model.compiled
        keep(new, inputs, tmp_path / type(model).__name__)
        if model is classifier:
            assert new.optimizer.get_config() == model.optimizer.get_config()
            assert new.loss == "mse"
            assert isinstance(new.backbone, keras_hub.models.BertBackbone)
            y = np.load(tmp_path / "BertTextClassifier.npz")["out_0"]
            assert np.abs(y - model.predict(inputs, verbose=0)).max() > 0
    assert len(run_python(LOAD, tmp_path).split()) == 2


def test_keras_hub_tasks_keep_their_preprocessor_and_methods(keras_hub):
    pytest.importorskip("tensorflow_text")
    models = keras_hub.models
    words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "the", "fox"]
    preprocessor = models.BertTextClassifierPreprocessor(
        models.BertTokenizer(vocabulary=words), sequence_length=5
    )
    classifier = models.BertTextClassifier(
        models.BertBackbone(**SIZES), num_classes=2, preprocessor=preprocessor
    )
    randomize(classifier)
    new = replace_activations(classifier)
    text = ["the fox", "fox"]
    y = new.predict(text, verbose=0)
    direct = keras.ops.convert_to_numpy(new(new.preprocessor(text)))
    np.testing.assert_allclose(y, direct, rtol=1e-5, atol=1e-5)
    assert np.abs(y - classifier.predict(text, verbose=0)).max() > 1e-3


def randomize(model):
    """Gives weights with which activations make a difference."""
    rng = np.random.default_rng(0)
    for w in model.weights:
        if len(w.shape) > 1:  # Biases and scales are left as they start.
            w.assign(3 * rng.normal(size=w.shape))


def test_keras_hub_tasks_generate_with_the_new_activation(keras_hub):
    models = keras_hub.models
    model = models.GPT2CausalLM(models.GPT2Backbone(**SIZES))
    model.compile(sampler="greedy")
    randomize(model)
    new = replace_activations(model, cubic)
    new.compile(sampler="greedy")
    prompt = {**TOKENS, "padding_mask": np.array([[1, 1, 0, 0, 0]] * 2)}
    expected = TOKENS["token_ids"].copy()
    for i in range(2, 5):
        mask = np.broadcast_to(np.arange(5) < i, (2, 5))
        logits = new.predict(
            {"token_ids": expected, "padding_mask": mask}, verbose=0
        )
        expected[:, i] = logits[:, i - 1].argmax(axis=-1)
    tokens, old = (
        keras.ops.convert_to_numpy(
            m.generate(prompt, stop_token_ids=None)["token_ids"]
        )
        for m in (new, model)
    )
    np.testing.assert_array_equal(tokens, expected)
    assert np.any(tokens != old)


# Of the default optimizer, which Keras builds when it loads a compiled model.
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_keras_hub_presets_of_tasks(keras_hub, tmp_path):
    models = keras_hub.models
    model = models.BertTextClassifier(
        models.BertBackbone(**SIZES), num_classes=2
    )
    randomize(model)
    new = replace_activations(model)
    new.save_to_preset(str(tmp_path))
    loaded = models.BertTextClassifier.from_preset(str(tmp_path))
    y, saved, old = (
        m.predict(SEGMENTS, verbose=0) for m in (loaded, new, model)
    )
    np.testing.assert_allclose(y, saved, rtol=1e-5, atol=1e-6)
    assert np.abs(y - old).max() > 1e-3

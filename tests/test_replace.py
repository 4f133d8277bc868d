"""`replace_activations`: what it changes, what it keeps, and that it lasts."""

import functools
import inspect
import pickle
import warnings

import keras
import numpy as np
import pytest
from keras import layers
from keras.src.activations import ALL_OBJECTS_DICT

import keras_serf
from keras_serf import replace_activations
from keras_serf.replace import private

SERF = keras_serf.serf
FUNCTIONS = {"relu": keras.activations.relu, "serf": SERF}
LAYERS = {"relu": layers.ReLU, "serf": keras_serf.Serf}
X = np.linspace(-3, 3, 48, dtype="float32").reshape(4, 4, 3)
registered = keras.saving.register_keras_serializable("test_replace")


def sequential(*hidden):
    return keras.Sequential([keras.Input((4, 3)), *hidden], name="net")


def functional(function):
    inputs = keras.Input((4, 3))
    return keras.Model(inputs, function(inputs), name="net")


@registered
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


@registered
class FixedSerf(Fixed):
    fixed = "serf"


@registered
class Subclassed(keras.Model):
    def __init__(self, kind, **kwargs):
        super().__init__(**kwargs)
        self.block = {"relu": Fixed, "serf": FixedSerf}[kind](5, name="b")
        self.kind = kind

    def call(self, x):
        return self.block(x)

    def get_config(self):
        return {"name": self.name, "kind": self.kind}


def simple(f):
    return sequential(
        layers.Conv1D(5, 2, activation=f),
        layers.Dense(5, FUNCTIONS[f]),
        layers.Dense(5, activation=LAYERS[f]()),
        layers.Dense(5),
        layers.Activation(f),
        LAYERS[f](),
    )


def operations(f):
    def body(x):
        x = layers.Dense(5)(FUNCTIONS[f](layers.Dense(5)(x)))
        return keras.ops.relu(x) if f == "relu" else keras_serf.serf(x)

    return functional(body)


def recurrent(f):
    cells = [layers.SimpleRNNCell(n, activation=f) for n in (3, 2)]
    return sequential(
        layers.RNN(cells, return_sequences=True),
        layers.Bidirectional(layers.SimpleRNN(1, activation=f)),
    )


def nested_and_shared(f):
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(5, f)])
    inner = keras.Model(inner.inputs, LAYERS[f]()(inner.outputs[0]))
    encoder = sequential(layers.TimeDistributed(inner))
    same = layers.Dense(5, f, name="same")
    return functional(
        lambda x: {"sum": same(encoder(x)) + same(encoder(-x)), "x": encoder(x)}
    )


def fixed(f):
    kind = Fixed if f == "relu" else FixedSerf
    return sequential(layers.Dense(5, f), kind(4))


def subclassed(f):
    model = Subclassed(f)
    model(X)
    return model


def outputs(model, x=X):
    y = model(keras.tree.map_structure(keras.ops.convert_to_tensor, x))
    return [keras.ops.convert_to_numpy(t) for t in keras.tree.flatten(y)]


def assert_same(ours, theirs, x=X):
    for y, expected in zip(outputs(ours, x), outputs(theirs, x), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def assert_differ(ours, theirs, x=X):
    assert any(
        np.abs(y - old).max() > 1e-3
        for y, old in zip(outputs(ours, x), outputs(theirs, x), strict=True)
    )


def reload(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", compile=False)


def report(capsys, *columns):
    rows = [
        line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()
    ]
    return [[row[column] for column in columns] for row in rows]


@pytest.mark.parametrize(
    "build",
    [
        simple,
        operations,
        recurrent,
        nested_and_shared,
        fixed,
        subclassed,
    ],
)
def test_the_copy_is_the_model_as_if_built_with_serf(build, tmp_path):
    model = build("relu")
    before, config = outputs(model), model.get_config()
    expected = build("serf")
    expected.set_weights(model.get_weights())

    new = replace_activations(model, {"relu": "serf"})

    assert_same(new, expected)
    assert_differ(new, model)
    assert isinstance(new, type(model))
    assert new.name == model.name
    assert [layer.name for layer in new.layers] == (
        [layer.name for layer in model.layers]
    )
    assert len(new.weights) == len(model.weights)
    loaded = reload(new, tmp_path)
    assert_same(loaded, new)
    # The copy of a copy, and back again.
    assert_same(replace_activations(loaded, {"serf": "relu"}), model)
    for y, old in zip(outputs(model), before, strict=True):
        np.testing.assert_array_equal(y, old)
    assert model.get_config() == config


@registered
class FixedModel(keras.Model):
    """A functional model whose class makes its graph, as KerasHub's do."""

    def __init__(self, units, **kwargs):
        inputs = keras.Input((4, 3))
        x = keras.ops.relu(layers.Dense(units, "relu")(inputs) - 0.1)
        super().__init__(inputs, x, **kwargs)
        self.units = units

    def get_config(self):
        return {"name": self.name, "units": self.units}


def test_other_ways_to_copy_and_save_keep_the_activations(tmp_path):
    new = replace_activations(fixed("relu"))
    for copy in (
        keras.models.clone_model(new),
        keras.models.model_from_json(new.to_json()),
    ):
        copy.set_weights(new.get_weights())
        assert_same(copy, new)
    whole = functional(lambda x: layers.Dense(2)(new(x)))
    assert_same(reload(whole, tmp_path), whole)
    top = keras.Model(new.inputs, layers.Dense(2)(new.outputs[0]))
    assert_same(reload(top, tmp_path), top)

    new = replace_activations(FixedModel(4))
    same = pickle.loads(pickle.dumps(new))
    assert type(same) is type(new)
    assert isinstance(new, FixedModel)
    assert_same(same, new)


def test_copies_load_in_a_fresh_process(run_python, tmp_path):
    for build in (operations, fixed):
        new = replace_activations(build("relu"))
        new.save(tmp_path / f"{build.__name__}.keras")
        np.save(tmp_path / f"{build.__name__}.npy", outputs(new)[0])
    run_python(
        f"""
import sys
from pathlib import Path
import keras
import keras_serf
import numpy as np
from keras import layers

FUNCTIONS = {{"relu": keras.activations.relu}}
LAYERS = {{"relu": layers.ReLU}}
registered = keras.saving.register_keras_serializable("test_replace")
{inspect.getsource(Fixed)}
x = np.linspace(-3, 3, 48, dtype="float32").reshape(4, 4, 3)
for path in Path(sys.argv[1]).glob("*.keras"):
    y = keras.saving.load_model(path)(keras.ops.convert_to_tensor(x))
    expected = np.load(path.with_suffix(".npy"))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(y), expected, rtol=1e-4, atol=1e-5
    )
""",
        tmp_path,
    )


@pytest.mark.parametrize(
    ("key", "activation"),
    [
        ("relu", layers.ReLU),
        (layers.ReLU, lambda: layers.Dense(3, "relu")),
        (layers.Activation("relu"), layers.ReLU),
        ("LeakyReLU", lambda: layers.LeakyReLU(0.1)),
        ("leaky_relu", lambda: layers.ReLU(negative_slope=0.1)),
        ("prelu", layers.PReLU),
        ("Softmax", lambda: layers.Dense(3, "softmax")),
        ("softmax", layers.Softmax),
        (keras.activations.relu, layers.ReLU),
        ("relu6", lambda: layers.ReLU(6)),
        ("relu(max_value=2)", lambda: layers.ReLU(2.0)),
        ("swish", lambda: layers.Dense(3, "silu")),
        ("silu", lambda: layers.Activation("swish")),
        ("hard_swish", lambda: layers.Dense(3, "hard_silu")),
        ("serf", keras_serf.Serf),
    ],
)
def test_a_key_matches_every_form_of_its_activation(key, activation):
    model = sequential(activation(), layers.ReLU(3))
    new = replace_activations(model, {key: "gelu"})
    assert new.layers[0].activation is keras.activations.gelu
    assert type(new.layers[1]) is layers.ReLU


def test_one_activation_replaces_rectifiers_and_nothing_else(capsys):
    model = sequential(
        layers.Dense(3, "gelu", name="a"),
        layers.Dense(3, "sigmoid", name="b"),
        layers.ReLU(6, name="c"),
        layers.ReLU(5, name="d"),
        layers.GRU(
            3, activation="elu", recurrent_activation="relu", name="gru"
        ),
        layers.Dense(3, name="linear"),
        layers.Dense(2, "softmax", name="head"),
    )
    replace_activations(model)
    assert capsys.readouterr().out == ""
    replace_activations(model, verbose=True)
    assert report(capsys, 0, 1, 2) == [
        ["net/a.activation", "gelu", "-> serf"],
        ["net/b.activation", "sigmoid", "kept"],
        ["net/c", "relu6", "-> serf"],
        ["net/d", "relu(max_value=5)", "kept"],
        ["net/gru/gru_cell.activation", "elu", "-> serf"],
        ["net/gru/gru_cell.recurrent_activation", "relu", "kept: a gate"],
        ["net/head.activation", "softmax", "kept"],
    ]


@registered
class HardSigmoid(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.relu6 = layers.ReLU(6.0)

    def call(self, x):
        return self.relu6(x + 3.0) / 6.0


@pytest.mark.parametrize(
    "gate",
    [
        lambda x: layers.ReLU(6.0)(x + 3.0) * (1 / 6),
        lambda x: keras.ops.relu6(keras.ops.add(3, x)) / 6,
        lambda x: layers.Activation("relu6")(x + 3) / 6,
        HardSigmoid(),
    ],
)
def test_relu6_is_a_gate_where_it_makes_a_hard_sigmoid(gate, capsys):
    def body(x):
        x = layers.ReLU(6.0)(layers.Dense(3)(x) + 1.0)
        return x * gate(layers.Dense(3)(x))

    model = functional(body)
    replace_activations(model, verbose=True)
    assert report(capsys, 1, 2) == (
        [["relu6", "-> serf"], ["relu6", "kept: a gate"]]
    )
    replace_activations(model, {"relu6": "serf"}, verbose=True)
    assert report(capsys, 2) == [["-> serf"]] * 2


@registered
class Clipped(layers.ReLU):
    def call(self, x):
        return keras.ops.minimum(super().call(x), 0.5)


@registered
class Renamed(layers.ReLU):
    pass


def test_subclasses_of_activation_layers():
    model = sequential(Clipped(), Renamed(6))
    new = replace_activations(model, {"relu6": "serf"})
    assert type(new.layers[0]) is Clipped
    assert new.layers[1].activation is SERF
    new = replace_activations(new, {Clipped: "gelu"})
    assert new.layers[0].activation is keras.activations.gelu


@registered
class InCode(layers.Layer):
    """Applies activations in every way that nobody can exchange."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = [keras.activations.relu, keras.activations.relu]
        self.by_name = {"elu": keras.activations.elu}
        self.step = lambda x: keras.activations.gelu(x, approximate=True)

    def call(self, x):
        for step in [*self.steps, *self.by_name.values()]:
            x = step(x)
        return self.further(keras.ops.nn.silu(x))

    def further(self, x):
        return keras.activations.mish(helper(self.step(x)))

    def unused(self, x):
        return keras.ops.selu(x)


def helper(x):
    return keras.ops.celu(x)


def test_what_code_applies_is_told_and_warned_of(capsys):
    model = sequential(
        layers.ReLU(name="relu"),
        InCode(name="own"),
        layers.Lambda(keras.activations.silu, name="function"),
        layers.Lambda(lambda x: keras.ops.relu(x), name="lambda"),
        layers.Lambda(lambda x: x, name="same"),
    )
    with pytest.warns(UserWarning, match="Some activations") as caught:
        replace_activations(model, verbose=True)
    (warning,) = caught
    assert "silu in InCode (1), relu in InCode (2)" in str(warning.message)
    assert warning.filename == __file__
    rows = report(capsys, 0, 1, 2)
    assert ["net/function.function", "silu", "-> serf"] in rows
    assert [row for row in rows if "kept: in" in row[2]] == [
        ["net/own", "celu", "kept: in the code of `call`"],
        ["net/own", "mish", "kept: in the code of `call`"],
        ["net/own", "silu", "kept: in the code of `call`"],
        ["net/own.steps", "relu", "kept: in a list or dictionary"],
        ["net/own.steps", "relu", "kept: in a list or dictionary"],
        ["net/own.by_name", "elu", "kept: in a list or dictionary"],
        ["net/own.step", "gelu", "kept: in the code of a function"],
        ["net/lambda.function", "relu", "kept: in a Lambda"],
        ["net/same.function", "<lambda>", "kept: in a Lambda"],
    ]
    with warnings.catch_warnings():  # Nothing of what was asked for is left.
        warnings.simplefilter("error")
        replace_activations(model, where="net/relu")


def test_gates_and_outputs_go_when_named():
    model = sequential(layers.LSTM(3), layers.Dense(2, "softmax"))
    new = replace_activations(
        model, {"sigmoid": "hard_sigmoid", "softmax": "linear"}
    )
    cell = new.layers[0].cell
    assert cell.recurrent_activation is keras.activations.hard_sigmoid
    assert cell.activation is keras.activations.tanh
    assert new.layers[1].activation is keras.activations.linear


def is_a(*kinds):
    return lambda layer: isinstance(layer, kinds)


@pytest.mark.parametrize(
    ("where", "replaced"),
    [
        ("inner/", "ab"),
        (lambda layer: layer.name == "inner", "ab"),
        (lambda layer: layer.name == "b", "b"),
        (is_a(layers.TimeDistributed), "c"),
        (is_a(layers.SimpleRNNCell), "d"),
        (is_a(layers.RNN, keras.Sequential), "abd"),
        (lambda layer: not isinstance(layer, layers.Layer), "e"),
    ],
)
def test_where_is_asked_of_all_that_an_activation_is_in(
    where, replaced, capsys
):
    def body(x):
        inner = [layers.Dense(3, "relu", name=name) for name in "ab"]
        x = keras.Sequential([keras.Input((4, 3)), *inner], name="inner")(x)
        x = layers.TimeDistributed(layers.ReLU(name="c"))(x)
        cell = layers.SimpleRNNCell(3, activation="relu", name="d")
        return keras.ops.relu(layers.RNN(cell)(x))

    model = functional(body)
    model.operations[-1].name = "e"
    replace_activations(model, where=where, verbose=True)
    rows = report(capsys, 0, 2)
    assert len(rows) == 5
    assert [
        path.removesuffix(".activation")[-1]
        for path, outcome in rows
        if outcome == "-> serf"
    ] == [*replaced]


def test_where_inside_layers_that_fix_their_activations(tmp_path):
    model = sequential(Fixed(3, name="block_1"), Fixed(3, name="other"))
    new = replace_activations(model, where="block_[12]")
    one, other = new.layers
    assert one.act is one.late.activation is one.blocks[1].activation is SERF
    assert other.act is other.late.activation is keras.activations.relu
    assert_same(reload(new, tmp_path), new)


@registered
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
    model = functional(
        lambda x: keras.ops.silu(layers.ELU()(layers.Activation("mish")(x)))
    )
    new = replace_activations(model, replacement)
    thrice = lambda x: function(function(function(x)))  # noqa: E731
    assert_same(new, thrice)
    assert_same(reload(new, tmp_path), thrice)


@registered
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
        return {"name": self.name, "hidden_activation": self.hidden_activation}


@pytest.mark.parametrize(
    ("replacement", "name"),
    [(SERF, "serf"), (cubic, "gelu"), (layers.LeakyReLU(0.1), "gelu")],
)
def test_layers_that_keep_a_name(replacement, name, tmp_path, capsys):
    model = sequential(Named())
    new = replace_activations(model, replacement, verbose=True)
    kept = [["kept: takes only names"]] if name == "gelu" else []
    rows = report(capsys, 2)
    assert len(rows) == 2
    assert [row for row in rows if row[0].startswith("kept")] == kept
    assert new.layers[0].hidden_activation == name
    assert_differ(new, model)
    assert_same(reload(new, tmp_path), new)


def test_functions_and_classes_that_are_not_registered():
    def own(x):
        return 2 * keras.ops.relu(x)

    class Own(layers.Dense):
        pass

    class OwnLoss(keras.losses.MeanSquaredError):
        pass

    model = sequential(Own(3, own))
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


SHADOWED = [({"tanh": relu}, None, "relu.*another function by its name")]
if not isinstance(keras.activations.serialize(relu), str):
    SHADOWED = []  # From 3.16 on, Keras tells such functions from its own.


@pytest.mark.parametrize(
    ("replacements", "where", "message"),
    [
        ("serf", None, r"'net', which are: softmax \(1\), tanh \(2\)\. "),
        ({}, None, "softmax"),
        ({"tanh": "serf"}, "nowhere", "tanh: not in .*where='nowhere'"),
        ({"tanh": "serf", "rellu": "serf"}, None, "Received: .'rellu'"),
        ({"tanh": layers.PReLU}, None, "weights. Received: PReLU"),
        ({"tanh": "srf"}, None, "srf"),
        (None, None, "Expected .* Received: replacements=None"),
        ("serf", ["net"], r"Expected .* where=\['net'\]"),
        ("serf", "(", r"Expected .* where='\('"),
        ({"swish": "serf", "silu": "gelu"}, None, "Expected one key .* 'silu'"),
        ({"tanh": lambda x: x}, None, "Expected replacements .* <lambda>"),
        ({"tanh": functools.partial(cubic)}, None, "Expected .*partial"),
        *SHADOWED,
    ],
)
def test_what_matches_nothing_or_is_nothing(replacements, where, message):
    model = sequential(
        layers.Dense(3, "tanh"),
        layers.Activation("tanh"),
        layers.Dense(2, "softmax"),
    )
    with pytest.raises(ValueError, match=message) as caught:
        replace_activations(model, replacements, where=where)
    assert "\n" not in str(caught.value)


def test_a_model_that_has_the_activation_already_is_copied(capsys):
    model = sequential(layers.Dense(3, "relu"), layers.Dense(3, "tanh"))
    new = replace_activations(model, "relu", verbose=True)
    assert report(capsys, 2) == [["kept: it is the same"], ["kept"]]
    assert new is not model
    assert new.layers[0].activation is keras.activations.relu
    assert_same(new, model)
    with pytest.raises(ValueError, match="Expected `replacements`"):
        replace_activations(model, "relu", where="nowhere")


def test_the_default_is_this_package_s_serf(monkeypatch):
    model = sequential(layers.Dense(3, "relu"), layers.Dense(3, "serf"))
    with keras_serf.unregister():
        new = replace_activations(model)
        assert new.layers[0].activation is new.layers[1].activation is SERF

    @registered
    def serf(x):
        return x

    with keras_serf.unregister():
        monkeypatch.setitem(ALL_OBJECTS_DICT, "serf", serf)
        model = sequential(
            layers.Dense(3, "relu"), layers.Dense(3, "serf"), Named()
        )
        assert model.layers[1].activation is serf
        new = replace_activations(model)
        assert new.layers[0].activation is new.layers[1].activation is SERF
        assert new.layers[2].hidden.activation is SERF
        assert new.layers[2].hidden_activation == "gelu"
        with pytest.raises(ValueError, match=r"pass that function itself\."):
            replace_activations(model, "serf")
        monkeypatch.undo()


@pytest.mark.once
def test_two_copies_of_the_package_are_told_apart(run_python):
    message = run_python(
        """
        import sys
        import warnings
        import keras
        import keras_serf as old

        for name in [n for n in sys.modules if n.startswith("keras_serf")]:
            del sys.modules[name]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import keras_serf as new

        for warning in caught:
            print(warning.message)
        layer = keras.layers.Dense(2, "relu")
        model = keras.Sequential([keras.Input((2,)), layer])
        copy = new.replace_activations(model)
        assert copy.layers[0].activation is new.serf
        for call in (
            lambda: new.replace_activations(model, "serf"),
            lambda: old.replace_activations(model),
        ):
            try:
                call()
            except ValueError as error:
                print(error)
        """
    )
    lines = message.splitlines()
    assert len(lines) == 4
    assert "older copy of this package" in lines[0]
    assert "older copy of this package" in lines[1]
    assert "that of another copy of this package" in lines[2]
    assert "that of another copy of this package" in lines[3]


class NoConfig(layers.Layer):
    def __init__(self, dense):
        super().__init__()
        self.dense = dense

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: layers.Dense(2, "relu"), "Received: model=<Dense"),
        (
            lambda: functional(layers.Lambda(lambda x: keras.ops.relu(x) * 2)),
            "save and load.*specify the `output_shape`",
        ),
        (
            lambda: sequential(NoConfig(layers.Dense(3, "relu"))),
            "NoConfig 'no_config': Object NoConfig was",
        ),
    ],
)
def test_what_keras_cannot_copy_is_told_with_its_reason(build, message):
    with pytest.raises(ValueError, match=message) as caught:
        replace_activations(build())
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_flags_and_policies_are_kept(tmp_path):
    block = Fixed(3, dtype="mixed_bfloat16")
    model = sequential(
        layers.Dense(3, "relu", trainable=False),
        block,
        layers.ReLU(dtype="bfloat16"),
    )
    block.late.trainable = False
    new = replace_activations(model)
    assert [v.trainable for v in new.weights] == (
        [v.trainable for v in model.weights]
    )
    for copy in (new, reload(new, tmp_path)):
        assert [layer.dtype_policy.name for layer in copy.layers] == (
            ["float32", "mixed_bfloat16", "bfloat16"]
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


def test_lora_and_int8(trains):
    model = sequential(layers.Dense(4, "relu"))
    model.layers[0].enable_lora(2)
    model.layers[0].lora_kernel_b.assign(np.ones((2, 4)))
    assert_same(replace_activations(model, {"relu": "relu"}), model)
    assert replace_activations(model).layers[0].lora_enabled

    model, expected = (sequential(layers.Dense(4, f)) for f in ("relu", "serf"))
    expected.set_weights(model.get_weights())
    for m in (model, expected):
        m.layers[0].quantize("int8")
    new = replace_activations(model)
    assert new.layers[0].dtype_policy.name == "int8_from_float32"
    assert_same(new, expected)


@pytest.mark.slow
def test_a_copy_trains_under_a_mirrored_strategy(run_python):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a strategy of TensorFlow")
    code = """
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    import keras
    from keras_serf import replace_activations
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        dense = keras.layers.Dense(4, "relu")
        model = keras.Sequential([keras.Input((3,)), dense])
        model.compile("sgd", "mse")
        new = replace_activations(model)
    x, y = tf.ones((8, 3)), tf.ones((8, 4))
    first, last = new.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert last < first
    new = new.layers[0]
    print(new.activation.__name__, len(new.kernel.value.values))
    """
    assert run_python(code, fresh=True) == "serf 2"


def test_saved_names_are_frozen(monkeypatch):
    new = replace_activations(operations("relu"))
    config = keras.saving.serialize_keras_object(new.operations[-1])
    assert config["registered_name"] == "keras_serf>ActivationOperation"
    assert config["config"].keys() == {"name", "activation"}
    new = replace_activations(fixed("relu"))
    config = keras.saving.serialize_keras_object(new.layers[-1])
    assert config["registered_name"] == "keras_serf>WithActivations"
    assert config["config"].keys() == {"layer", "activations"}
    assert config["config"]["activations"][0][0] == "relu"
    monkeypatch.setattr(Fixed, "fixed", "serf")  # The class has changed since.
    with pytest.raises(ValueError, match="Expected Fixed to have"):
        keras.saving.deserialize_keras_object(config)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda thing: private.unpickle(type(thing)), "_unpickle_model"),
        (private.compile_arguments, "_compile_config"),
        (lambda thing: list(private.producers(thing)), "_inbound_nodes"),
        (lambda thing: private.set_class(thing, int), "__class__"),
    ],
)
def test_a_private_name_that_has_moved_is_told_in_one_line(call, name):
    class Thing:
        compiled = True

    with pytest.raises(RuntimeError, match=rf"has moved Thing\.{name}") as e:
        call(Thing())
    assert "\n" not in str(e.value)

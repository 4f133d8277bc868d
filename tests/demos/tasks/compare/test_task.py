"""Comparing activations: the command, and a user's own model and data."""

import keras
import numpy as np
import pytest
from demos.tasks.compare.task import ModelTask
from demos.tasks.compare.task import compare
from demos.tasks.compare.task import split

from demos.__main__ import main
from demos.common.errors import UserError
from demos.study.trial import Trial
from demos.study.trial import gather

pytestmark = pytest.mark.usefixtures("trains")


@pytest.fixture(scope="module")
def data():
    """Points of the plane and whether they are within a ring."""
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, (400, 2)).astype("float32")
    return x, (np.abs(np.hypot(*x.T) - 0.6) < 0.2).astype("float32")


def build_model(activation, units=8):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def run(data, out, build=build_model, **options):
    options = {"seeds": (0, 1), "epochs": 2, **options}
    return compare(build, data, ("relu", "serf"), out=out, **options)


def test_a_model_of_the_users_is_compared(data, tmp_path, capsys):
    report = run(data, tmp_path)
    assert "mae" in report.text
    assert report.folder == tmp_path
    results = gather(tmp_path)
    assert [r.name for r in results] == [
        "relu-seed0",
        "relu-seed1",
        "serf-seed0",
        "serf-seed1",
    ]
    # What is kept is what was scored; and a lower error is the better one.
    parts = split(data)
    for label in ("relu", "serf"):
        ours = [r for r in results if r.label == label]
        best = min(ours, key=lambda r: r.metrics["validation_mae"])
        model = keras.saving.load_model(tmp_path / f"{label}.keras")
        found = model.evaluate(*parts["test"], verbose=0, return_dict=True)
        assert found["mae"] == pytest.approx(best.metrics["mae"], rel=1e-5)
        assert best.metrics["validation_mae"] == pytest.approx(
            min(best.history["val_mae"]), rel=1e-5
        )

    # Made again, nothing is trained again.
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("trials/*")}
    capsys.readouterr()
    run(data, tmp_path)
    assert before == {p: p.stat().st_mtime_ns for p in before}
    assert "4 of 4 trials finished before" in capsys.readouterr().err


def test_at_a_seed_all_activations_begin_alike(data, tmp_path):
    begun = {}

    def build(activation):
        model = build_model(activation)
        model.build((None, 2))
        begun.setdefault(activation, []).append(model.get_weights())
        return model

    run(data, tmp_path, build)
    # The first two of all are made to find out about the model.
    relu, serf = begun["relu"][2:], begun["serf"]
    assert len(relu) == len(serf) == 2
    for ours, theirs in zip(relu, serf, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    assert not np.array_equal(serf[0][0], serf[1][0])


def test_arguments_of_the_model_and_of_the_training_are_varied(data, tmp_path):
    report = run(
        data,
        tmp_path,
        seeds=(0,),
        vary={"units": (4, 8), "batch_size": (16, 32)},
    )
    results = gather(tmp_path)
    assert len(results) == 8
    assert {(r.settings["units"], r.parameters) for r in results} == {
        (4, 17),
        (8, 33),
    }
    assert "units" in report.text
    losses = {r.metrics["loss"] for r in results}
    assert len(losses) == 8  # The size of the batches matters, too.


def test_a_higher_accuracy_is_better_unless_it_is_said_otherwise(
    data, tmp_path
):
    def build(activation):
        model = build_model(activation)
        model.compile("adam", "mse", metrics=["mae", "r2_score"])
        return model

    run(data, tmp_path / "max", build, metric="r2_score", seeds=(0,))
    run(
        data, tmp_path / "min", build, metric="r2_score", mode="min", seeds=(0,)
    )
    for mode, sign in (("max", 1), ("min", -1)):
        for result in gather(tmp_path / mode):
            objective = result.metrics["objective"]
            assert objective == sign * result.metrics["validation_r2_score"]
            assert objective == pytest.approx(
                max(sign * v for v in result.history["val_r2_score"]), rel=1e-5
            )


def test_several_inputs(data, tmp_path):
    x, y = data

    def build(activation):
        inputs = {name: keras.Input((1,), name=name) for name in "ab"}
        hidden = keras.layers.Dense(4, activation)(
            keras.layers.Concatenate()(list(inputs.values()))
        )
        model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
        model.compile("adam", "mse")
        return model

    run(({"a": x[:, :1], "b": x[:, 1:]}, y), tmp_path, build, seeds=(0,))
    assert len(gather(tmp_path)) == 2


def test_other_data_are_another_study(data, tmp_path):
    x, y = data
    run(data, tmp_path, seeds=(0,))
    with pytest.raises(UserError, match="other data"):
        run((x, 1 - y), tmp_path, seeds=(0,))


def test_splits_have_all_rows_once_whatever_they_are_made_of():
    x = np.arange(100)
    parts = split((x, x))
    assert {name: len(part[1]) for name, part in parts.items()} == {
        "train": 70,
        "validation": 15,
        "test": 15,
    }
    rows = np.concatenate([part[1] for part in parts.values()])
    np.testing.assert_array_equal(np.sort(rows), x)
    for inputs, targets in parts.values():
        np.testing.assert_array_equal(inputs, targets)

    two = split(((x, x), (x[:7], x[:7])))
    assert [len(part[1]) for part in two.values()] == [85, 15, 7]
    np.testing.assert_array_equal(two["test"][0], x[:7])
    three = [(x, x), (x[:5], x[:5]), (x[:7], x[:7])]
    named = dict(zip(("train", "validation", "test"), three, strict=True))
    for given in (tuple(three), named):
        assert [len(p[1]) for p in split(given).values()] == [100, 5, 7]
    lists = split(([[1.0, 2.0]] * 20, [1] * 20))
    assert lists["train"][0].shape == (14, 2)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (np.zeros((4, 2)), "Expected data to be .* Received: ndarray"),
        ((np.zeros((4, 2)), np.zeros(3)), "same number of rows.*4, 3"),
        ((np.zeros((3, 2)), np.zeros(3)), "enough rows.*3"),
        ({"train": 1}, "keys train, validation, test. Received: train"),
    ],
)
def test_data_that_cannot_be_read(data, says):
    with pytest.raises(UserError, match=says):
        split(data)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"build": lambda activation: None}, "keras.Model. Received: NoneType"),
        (
            {"build": lambda a: keras.Sequential([keras.layers.Dense(1, a)])},
            "a compiled model",
        ),
        ({"metric": "auc"}, "compiled with: loss, mae. Received: 'auc'"),
        ({"mode": "up"}, "'auto', 'max' or 'min'. Received: 'up'"),
        ({"epochs": 0}, "epochs to be a number, at least 1. Received: 0"),
        ({"epochs": "3"}, "epochs to be a number, at least 1. Received: '3'"),
        ({"seeds": 3}, "seeds to be several values. Received: 3"),
        ({"seeds": ()}, "seeds to be at least one, each once. Received: none"),
        ({"seeds": (1.5,)}, "seeds to be integers"),
        ({"vary": {"units": (4, 4)}}, "each once. Received: 4, 4"),
        ({"vary": {"units": "adam"}}, "several values. Received: 'adam'"),
        ({"vary": {"units": ((4,), (8, 8))}}, r"Received: \(4,\)"),
        ({"vary": {"units": ("a/b",)}}, "without a slash. Received: 'a/b'"),
        ({"vary": {"activation": ("gelu",)}}, "other things"),
        ({"vary": {"batch_size": (0, 1)}}, "batch_size to be a number"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(
    data, tmp_path, options, says
):
    with pytest.raises(UserError, match=says):
        run(data, tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def compiled(metric):
    def build(activation):
        model = build_model(activation)
        model.compile("adam", "mse", metrics=[metric])
        return model

    return build


def brier(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def sharpness(y_true, y_pred):
    return keras.ops.mean(y_pred, axis=-1)


@pytest.mark.parametrize(
    ("metric", "higher"),
    [("MAE", False), ("accuracy", True), (brier, False), ("r2_score", True)],
)
def test_the_usual_names_tell_which_is_better(data, metric, higher):
    build, parts = compiled(metric), split(data)
    trial = Trial({"activation": "relu"}, 0)
    task = ModelTask.of(build, parts, 1, 32, None, "auto", trial)
    assert task.higher_is_better is higher


def test_a_name_that_does_not_tell_is_asked_about(data, tmp_path):
    with pytest.raises(UserError, match=r"'max' or 'min'.*sharpness"):
        run(data, tmp_path, compiled(sharpness))


def test_a_metric_of_several_numbers_is_refused(data, tmp_path):
    x, y = data
    with pytest.raises(UserError, match="'f1_score' to be one number"):
        run((x, y[:, None]), tmp_path, compiled(keras.metrics.F1Score()))


@pytest.mark.parametrize("what", ["weights", "the optimizer"])
def test_models_that_share_something_are_refused(data, tmp_path, what):
    shared = keras.layers.Dense(4, name="backbone")
    optimizer = keras.optimizers.Adam()

    def build(activation):
        first = shared if what == "weights" else keras.layers.Dense(4)
        model = keras.Sequential(
            [keras.Input((2,)), first, keras.layers.Dense(1, activation)]
        )
        model.compile("adam" if what == "weights" else optimizer, "mse")
        return model

    with pytest.raises(UserError, match=f"two that share {what}"):
        run(data, tmp_path, build)


def test_another_model_is_another_study(data, tmp_path):
    def with_dropout(rate):
        def build(activation):
            model = keras.Sequential(
                [
                    keras.layers.Dense(4, activation),
                    keras.layers.Dropout(rate),
                    keras.layers.Dense(1),
                ]
            )
            model.compile("adam", keras.losses.Huber(), metrics=["mae"])
            return model

        return build

    run(data, tmp_path, with_dropout(0.1), seeds=(0,))
    run(data, tmp_path, with_dropout(0.1), seeds=(0,))
    with pytest.raises(UserError, match="a study with other"):
        run(data, tmp_path, with_dropout(0.8), seeds=(0,))


def test_what_is_set_up_for_keras_holds_in_the_trials(data, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        run(data, tmp_path, seeds=(0,))
    finally:
        keras.config.set_dtype_policy(before)
    model = keras.saving.load_model(tmp_path / "serf.keras")
    assert model.layers[0].compute_dtype == "bfloat16"


class NoConfig(keras.Model):
    def __init__(self, activation):
        super().__init__()
        self.hidden = keras.layers.Dense(4, activation)
        self.head = keras.layers.Dense(1)

    def call(self, inputs):
        return self.head(self.hidden(inputs))


def test_a_model_that_cannot_be_saved_is_compared_all_the_same(data, tmp_path):
    def build(activation):
        model = NoConfig(activation)
        model.compile("adam", "mse")
        return model

    report = run(data, tmp_path, build, seeds=(0,))
    assert len(gather(tmp_path)) == 2
    assert "cannot save such a model" in report.text
    assert not list(tmp_path.rglob("*.keras"))


def test_an_argument_that_the_model_does_not_have(data, tmp_path):
    with pytest.raises(UserError, match=r"build_model to take .* 'depth'"):
        run(data, tmp_path / "new", vary={"depth": (1, 2)})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Expected --task to be of sentiment, translation, entailment"),
        (["--task", "vision"], "Received: 'vision'"),
        (["--task", "sentiment", "--seeds"], "--seeds"),
    ],
)
def test_the_command_names_what_it_expects(capsys, arguments, says):
    assert main(["compare", *arguments]) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_the_command_is_that_of_the_task(command, study, capsys):
    # All trials are there already: see the fixture.
    task, *options = command
    assert main(["compare", *options[:2], f"--task={task}", *options[2:]]) == 0
    assert "Verdict" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["compare", "--task", "sentiment", "--help"])
    assert "--vary" in capsys.readouterr().out
    assert main(["compare", "--help"]) == 0
    assert "--task" in capsys.readouterr().out

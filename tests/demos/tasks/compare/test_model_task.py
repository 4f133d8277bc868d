"""`compare`: what is learned of a user's model before it is trained."""

import keras
import numpy as np
import pytest

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.common.errors import UserError
from demos.study.trial import Trial, TrialContext
from demos.tasks.compare.data import split
from demos.tasks.compare.model_task import ModelTask

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("trains")]

RELU = Trial({"activation": "relu"}, 0)


@pytest.fixture(scope="module")
def data():
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, (100, 2)).astype("float32")
    return split((x, (x[:, :1] * x[:, 1:]).astype("float32")))


def builder(*metrics):
    def build(activation):
        model = keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dense(4, activation),
                keras.layers.Dense(1),
            ]
        )
        own = [m() if isinstance(m, type) else m for m in metrics]
        model.compile("adam", "mse", metrics=own)
        return model

    return build


def create(build, data, metric=None, mode="auto"):
    return ModelTask.create(build, data, 2, 32, metric, mode, RELU)


def brier(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def sharpness(y_true, y_pred):
    return keras.ops.mean(y_pred, axis=-1)


@pytest.mark.parametrize(
    ("metric", "higher"),
    [("MAE", False), ("accuracy", True), (brier, False), ("r2_score", True)],
)
def test_the_usual_names_tell_which_is_better(data, metric, higher):
    assert create(builder(metric), data).higher_is_better is higher


def test_the_metric_and_its_mode_may_be_chosen(data):
    build = builder("mae", "r2_score")
    assert create(build, data).metrics == ("mae", "loss", "r2_score")
    for mode, sign in (("max", 1), ("min", -1)):
        task = create(build, data, "r2_score", mode)
        result = task.run(RELU, TrialContext())
        metrics = result.metrics
        assert metrics["objective"] == sign * metrics["validation_r2_score"]
        # The weights of the best epoch are kept.
        assert metrics["objective"] == pytest.approx(
            max(sign * v for v in result.history["val_r2_score"]), rel=1e-5
        )


@pytest.mark.parametrize(
    ("build", "options", "says"),
    [
        (builder(sharpness), {}, r"'max' or 'min'.*sharpness"),
        (builder(keras.metrics.F1Score), {}, "'f1_score' must be one number"),
        (
            builder("mae"),
            {"metric": "auc"},
            "model: loss, mae. Received: 'auc'",
        ),
        (builder("mae"), {"mode": "up"}, "'max' or 'min'. Received: 'up'"),
        (lambda activation: None, {}, "keras.Model. Received: NoneType"),
        (lambda activation: keras.Sequential(), {}, "a compiled model"),
        (lambda: None, {}, "build_model must take the activation"),
    ],
)
def test_models_that_cannot_be_compared(data, build, options, says):
    with pytest.raises(UserError, match=says):
        create(build, data, **options)


@pytest.mark.parametrize("what", ["weights", "the optimizer"])
def test_models_that_share_something_are_refused(data, what):
    shared = keras.layers.Dense(4, name="backbone")
    optimizer = keras.optimizers.Adam()

    def build(activation):
        first = shared if what == "weights" else keras.layers.Dense(4)
        model = keras.Sequential(
            [keras.Input((2,)), first, keras.layers.Dense(1, activation)]
        )
        model.compile("adam" if what == "weights" else optimizer, "mse")
        return model

    with pytest.raises(UserError, match=f"two models that share {what}"):
        create(build, data)


class NoConfig(keras.Model):
    def __init__(self, activation):
        super().__init__()
        self.hidden = keras.layers.Dense(4, activation)
        self.head = keras.layers.Dense(1)

    def call(self, inputs):
        return self.head(self.hidden(inputs))


def test_a_model_that_cannot_be_saved_is_compared_too(data):
    def build(activation):
        model = NoConfig(activation)
        model.compile("adam", "mse")
        return model

    task = create(build, data)
    assert "Keras cannot save this model" in task.describe()
    result = task.run(RELU, TrialContext())
    assert result.save is None
    assert np.isfinite(result.metrics["objective"])


def test_the_dtype_policy_holds_in_the_trials(data, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        task = create(builder(), data)
        assert task.config()["dtype_policy"] == "mixed_bfloat16"
        task.run(RELU, TrialContext()).save(tmp_path / "model.keras")
    finally:
        keras.config.set_dtype_policy(before)
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.layers[0].compute_dtype == "bfloat16"


def test_several_inputs(data):
    def build(activation):
        inputs = {name: keras.Input((1,), name=name) for name in "ab"}
        hidden = keras.layers.Dense(4, activation)(
            keras.layers.Concatenate()(list(inputs.values()))
        )
        model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
        model.compile("adam", "mse")
        return model

    parts = {
        name: ({"a": x[:, :1], "b": x[:, 1:]}, y)
        for name, (x, y) in data.items()
    }
    task = create(build, parts)
    result = task.run(RELU, TrialContext())
    assert result.parameters == 2 * 4 + 4 + 4 + 1


def test_another_model_has_another_digest(data):
    def with_dropout(rate):
        def build(activation):
            hidden = keras.layers.Dense(4, activation)
            dropout = keras.layers.Dropout(rate)
            model = keras.Sequential([hidden, dropout, keras.layers.Dense(1)])
            model.compile("adam", keras.losses.Huber(), metrics=["mae"])
            return model

        return build

    digests = [create(with_dropout(r), data).digest for r in (0.1, 0.1, 0.8)]
    assert digests[0] == digests[1] != digests[2]
    x, y = data["test"]
    other = {**data, "test": (x, 1 - y)}
    assert create(with_dropout(0.1), other).digest != digests[0]

"""`compare`: a study of a user's own model."""

import keras
import numpy as np
import pytest

import demos
from demos.common.errors import UserError
from demos.study.trial import gather
from demos.tasks.compare.compare import compare
from demos.tasks.compare.data import split

pytestmark = pytest.mark.usefixtures("trains")


@pytest.fixture(scope="module")
def data():
    """Points of the plane and whether they are within a ring."""
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, (400, 2)).astype("float32")
    return x, (np.abs(np.hypot(*x.T) - 0.6) < 0.2).astype("float32")


class Builder:
    """Builds a model, and remembers the initial weights of each."""

    def __init__(self):
        self.started = []

    def __call__(self, activation, units=8):
        model = keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dense(units, activation),
                keras.layers.Dropout(0.1),
                keras.layers.Dense(1),
            ]
        )
        model.compile("adam", "mse", metrics=["mae"])
        self.started.append((activation, model.get_weights()))
        return model


def run(data, out, build=None, **options):
    options = {"seeds": (0, 1), "epochs": 2, **options}
    build = build or Builder()
    return compare(build, data, ("relu", "serf"), out=out, **options)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """The report of a study, and the builder of its models."""
    build = Builder()
    return run(data, tmp_path_factory.mktemp("compare"), build), build


def test_it_is_the_package_that_offers_it():
    assert demos.compare is compare
    with pytest.raises(AttributeError, match="nothing_else"):
        demos.nothing_else  # noqa: B018 - that is what is tested


def test_what_is_kept_is_what_was_scored(data, finished):
    report, _ = finished
    assert "mae" in report.text
    records = gather(report.folder)
    names = ["relu-seed0", "relu-seed1", "serf-seed0", "serf-seed1"]
    assert [record.name for record in records] == names
    # A lower error is the better one.
    for label in ("relu", "serf"):
        ours = [record for record in records if record.label == label]
        best = min(ours, key=lambda r: r.metrics["validation_mae"])
        model = keras.saving.load_model(report.folder / f"{label}.keras")
        scores = model.evaluate(
            *split(data)["test"], verbose=0, return_dict=True
        )
        assert scores["mae"] == pytest.approx(best.metrics["mae"], rel=1e-5)
        assert best.metrics["validation_mae"] == pytest.approx(
            min(best.history["val_mae"]), rel=1e-5
        )


def test_at_one_seed_all_activations_start_alike(finished):
    _, build = finished
    # The first three are built to learn about the model and its baseline.
    relu, serf = (
        [weights for name, weights in build.started[3:] if name == activation]
        for activation in ("relu", "serf")
    )
    assert len(relu) == len(serf) == 2
    for ours, theirs in zip(relu, serf, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    assert not np.array_equal(serf[0][0], serf[1][0])


@pytest.mark.usefixtures("blank_figures")
def test_the_same_call_resumes_and_another_one_is_refused(
    data, finished, capsys
):
    folder = finished[0].folder
    before = {p: p.stat().st_mtime_ns for p in folder.glob("trials/*")}
    report = run(data, folder)
    captured = capsys.readouterr()
    assert "4 of 4 trials already finished" in captured.err
    sentence, path = captured.out.splitlines()
    assert (sentence, path[8:]) == (report.findings[0], f"{folder}/report.html")
    x, y = data
    for other, options in (
        ((x, 1 - y), {}),
        (data, {"epochs": 3}),
        (data, {"vary": {"units": (4, 8)}}),
    ):
        with pytest.raises(UserError, match="other data, options or versions"):
            run(other, folder, **options)
    assert before == {p: p.stat().st_mtime_ns for p in before}


@pytest.mark.long
@pytest.mark.usefixtures("blank_figures")
def test_arguments_of_the_model_and_of_the_training_are_varied(data, tmp_path):
    report = compare(
        Builder(),
        data,
        ("serf",),
        (0,),
        epochs=1,
        out=tmp_path,
        vary={"units": (4, 8), "batch_size": (16, np.int64(32))},
    )
    records = gather(tmp_path)
    sizes = {(r.settings["units"], r.parameters) for r in records}
    assert sizes == {(4, 17), (8, 33)}
    assert "units" in report.text
    losses = {record.metrics["loss"] for record in records}
    assert len(losses) == 4  # The batch size matters, too.


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"epochs": 0}, "epochs must be an integer, at least 1. Received: 0"),
        ({"epochs": "3"}, "epochs must be an integer, at least 1"),
        ({"seeds": 3}, "seeds must be a list. Received: 3"),
        ({"seeds": ()}, "seeds needs at least one value.* Received: none"),
        ({"seeds": (1.5,)}, "seeds must be integers"),
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"vary": {"units": (4, 4)}}, "without repeats. Received: 4 4"),
        ({"vary": {"units": "adam"}}, "must be a list. Received: 'adam'"),
        ({"vary": {"units": ((4,), (8, 8))}}, r"Received: \(4,\)"),
        ({"vary": {"units": ("a/b",)}}, "a slash. Received: 'a/b'"),
        ({"vary": {"activation": ("gelu",)}}, "cannot name 'activation'"),
        ({"vary": {"batch_size": (0, 1)}}, "batch_size must be an integer"),
        ({"vary": {"depth": (1, 2)}}, r"build_model must take .* 'depth'"),
        ({"metric": "auc"}, "Received: 'auc'"),
        ({"build": lambda activation: None}, "Received: NoneType"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(
    data, tmp_path, options, says
):
    with pytest.raises(UserError, match=says):
        run(data, tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()

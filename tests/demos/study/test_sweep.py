"""`--vary`: names and values from the command line into configs."""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import pytest

from demos.common.errors import UserError
from demos.study import sweep


@dataclass(frozen=True)
class Model:
    layers: int = 1
    """Layers."""
    tied: bool = False
    """Whether embeddings are shared."""
    initializer: str = "glorot_uniform"
    """A name."""
    vocabulary_size: int = 100
    """Words."""


@dataclass(frozen=True)
class Training:
    optimizer: Literal["adam", "sgd"] = "adam"
    """A name."""
    learning_rate: float = 0.001
    """A number."""
    embedding_dropout: float = 0.5
    """A fraction."""
    head_dropout: float = 0.3
    """A fraction."""


@dataclass(frozen=True)
class Task:
    model: Model = field(default_factory=Model)
    training: Training = field(default_factory=Training)
    groups = MappingProxyType(
        {
            "depth": ("layers",),
            "dropout": ("embedding_dropout", "head_dropout"),
        }
    )
    fixed = ("vocabulary_size",)


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("depth=1,2,4", "depth", (1, 2, 4)),
        ("layers=3", "layers", (3,)),
        ("learning-rate=1e-3,0.01", "learning_rate", (0.001, 0.01)),
        ("--learning-rate=1", "learning_rate", (1.0,)),
        ("learning_rate=-1", "learning_rate", (-1.0,)),
        (" tied = true, False", "tied", (True, False)),
        ("optimizer=sgd,adam", "optimizer", ("sgd", "adam")),
        ("initializer=he_normal,-", "initializer", ("he_normal", "-")),
        ("dropout=0,0.5", "dropout", (0.0, 0.5)),
    ],
)
def test_values_have_the_type_of_their_option(text, name, values):
    found = sweep.axes([text], Task())
    assert found == {name: values}
    assert [type(v) for v in found[name]] == [type(v) for v in values]


def test_several_are_kept_in_their_order():
    found = sweep.axes(["layers=1,2", "tied=true"], Task())
    assert list(found.items()) == [("layers", (1, 2)), ("tied", (True,))]


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["layers"], "like layers=1,2,4. Received: 'layers'"),
        (["layers="], "like layers=1,2,4. Received: 'layers='"),
        (["layers=1,,2"], "like layers=1,2,4. Received: 'layers=1,,2'"),
        (["=1"], "like layers=1,2,4. Received: '=1'"),
        (
            ["width=1"],
            "to name one of depth, dropout, embedding_dropout, .*width",
        ),
        (["layers=1", "layers=2"], "--vary layers only once, with all its"),
        (["layers=1,2,1"], "each value of --vary layers once. Received: 1,2,1"),
        (["dropout=0.5,.5"], "each value of --vary dropout once"),
        (["layers=1.5"], "layers .* values that --layers takes.*: 1.5"),
        (["learning_rate=high"], "values that --learning-rate takes.*: high"),
        (["optimizer=adam,sdg"], "values that --optimizer takes.*: sdg"),
        (["tied=maybe"], "tied to be true or false. Received: maybe"),
        (
            ["vocabulary-size=9"],
            "vocabulary_size is not possible, because all trials",
        ),
    ],
)
def test_what_means_nothing_is_one_line(texts, says):
    with pytest.raises(UserError, match=says) as caught:
        sweep.axes(texts, Task())
    assert "\n" not in str(caught.value)
    assert "see " not in str(caught.value)  # No parser of its own is named.


def test_the_fixed_ones_are_not_offered():
    with pytest.raises(UserError) as caught:
        sweep.axes(["width=1"], Task())
    assert "vocabulary_size" not in str(caught.value)
    assert "layers" in str(caught.value)


def test_a_trial_has_a_task_of_its_own():
    task = Task()
    settings = {"activation": "serf", "layers": 4, "dropout": 0.1}
    varied = sweep.apply_overrides(task, settings)
    assert (varied.model, varied.training) == (
        Model(layers=4),
        Training(embedding_dropout=0.1, head_dropout=0.1),
    )
    assert task == Task()


def test_without_hyper_parameters_it_is_the_task_itself():
    task = Task()
    assert (
        sweep.apply_overrides(task, {"activation": "serf", "sees": "text"})
        is task
    )


def test_what_is_varied_is_not_shared():
    config = {
        "task": "small",
        "model": {"layers": 1, "tied": False},
        "training": {
            "embedding_dropout": 0.5,
            "head_dropout": 0.3,
            "epochs": 7,
        },
    }
    found = sweep.shared(config, Task(), ["layers", "dropout"])
    assert found == {
        "task": "small",
        "model": {"layers": "varied", "tied": False},
        "training": {
            "embedding_dropout": "varied",
            "head_dropout": "varied",
            "epochs": 7,
        },
    }
    assert config["model"]["layers"] == 1
    assert sweep.shared(config, Task(), []) == config


@pytest.mark.parametrize(
    "texts",
    [
        ["layers=1,2", "depth=1,2"],
        ["head_dropout=0,0.1", "dropout=0,0.1"],
    ],
)
def test_an_option_is_not_varied_under_two_names(texts):
    with pytest.raises(UserError, match="omit one of them"):
        sweep.axes(texts, Task())

"""Multimodal entailment: posts as arrays, and what is hidden in training."""

from dataclasses import replace

import numpy as np
import pytest

from demos.datasets.types import Post
from demos.study.trial import Trial
from demos.tasks.entailment.inputs import hide_modalities
from demos.tasks.entailment.task import UNIMODAL

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def task(cases):
    return replace(cases["entailment"].load(), unimodal_baselines=True)


def differing(arrays):
    """Names of what still differs from pair to pair, of what is shown."""
    return {
        name
        for name, array in arrays.items()
        if not (array == array[:1]).all()
        and (
            not name.endswith("pixels")
            or arrays[name.replace("pixels", "shown")].any()
        )
    }


@pytest.mark.parametrize(
    ("sees", "expected"),
    [
        (None, {"premise_pixels", "hypothesis_tokens"}),
        ("texts only", {"hypothesis_tokens"}),
        ("images only", {"premise_pixels"}),
        ("hypothesis only", {"hypothesis_tokens"}),
    ],
)
def test_unimodal_baselines_see_what_their_names_say(task, sees, expected):
    before = task.inputs("test")
    trial = Trial({"activation": "relu", "sees": sees}, 0)
    assert differing(task.inputs("test", trial)) == expected
    for name, array in task.inputs("test").items():  # Nothing is hidden here.
        np.testing.assert_array_equal(array, before[name])


def test_there_is_a_unimodal_baseline_of_each_kind(task):
    trials = task.baseline_trials(("relu", "serf"), 3)
    assert list(trials) == [f"{sees} (serf)" for sees in UNIMODAL]
    assert {trial.seed for trial in trials.values()} == {3}
    assert "texts only (relu)" in task.baseline_trials(("relu",), 0)


def test_modalities_are_hidden_at_random_never_both_of_a_post(task):
    arrays, empty = task.inputs("train"), task._reader.empty

    def hidden(arrays, slot="premise"):
        return np.stack(
            [
                (arrays[f"{slot}_tokens"] == empty["tokens"]).all(axis=1),
                arrays[f"{slot}_shown"][:, 0] == 0,
            ]
        )

    def drawn(arrays, seed):
        return hide_modalities(arrays, np.random.default_rng(seed), 0.4, empty)

    first = drawn(arrays, 0)
    for name, array in drawn(arrays, 0).items():
        np.testing.assert_array_equal(array, first[name])
    for slot in ("premise", "hypothesis"):
        shares = hidden(first, slot).mean(axis=1)
        assert ((shares > 0.3) & (shares < 0.5)).all()
        assert not hidden(first, slot).all(axis=0).any()
    assert (hidden(first) != hidden(drawn(arrays, 1))).any()
    # A post with nothing but a text, or nothing but an image, keeps it.
    count = len(arrays["premise_shown"])
    arrays["premise_shown"] = np.zeros((count, 1), "float32")
    arrays["hypothesis_tokens"] = np.tile(empty["tokens"], (count, 1))
    first = drawn(arrays, 0)
    assert not hidden(first)[0].any()
    assert not hidden(first, "hypothesis")[1].any()


def test_a_post_with_nothing_but_a_damaged_image_is_left_out(task):
    train = task.dataset.train
    damaged = replace(
        train,
        premises=(Post("", "damaged"), *train.premises[1:]),
        hypotheses=(*train.hypotheses[:-1], Post("it is", "damaged")),
    )
    read = task.dataset.read

    def reading(image, side):
        if image == "damaged":
            raise ValueError("not an image")
        return read(image, side)

    dataset = replace(task.dataset, train=damaged, read=reading)
    task = replace(task, dataset=dataset)
    assert len(task.dataset.train) == len(train) - 1
    assert len(task.inputs("train")["premise_shown"]) == len(train) - 1
    assert task.dataset.train.labels == train.labels[1:]
    assert task.notes[1:] == (
        "1 damaged images, such as damaged",
        "1 pairs skipped because a post is empty",
    )

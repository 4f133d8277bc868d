"""The Transformer: its masks, its loss, its cached steps."""

import math

import keras
import numpy as np
import pytest

import keras_serf  # noqa: F401 - registers "serf" with Keras
from demos.tasks.translation import model as transformer
from demos.tasks.translation.decoding import BeamSearch
from demos.tasks.translation.options import ModelConfig
from demos.tasks.translation.subword_tokenizer import END, PADDING, START


def build(layers=1, **changes):
    sizes = ModelConfig(layers, embedding_dim=16, feedforward_dim=16, heads=2)
    settings = {"dropout": 0.1, "target_vocabulary": 20, **changes}
    return transformer.build_model("serf", sizes, **settings)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build()


def padded(rows, width):
    return np.array(
        [[*row, *[PADDING] * (width - len(row))] for row in rows], "int32"
    )


SOURCES = [[5, 6, 7, END], [8, END], [9, 10, 11, 12, 13, END]]
TARGETS = [[14, 15], [16, 17, 18, 19], [3]]


def arrays(sources, targets, width):
    inputs = {
        "source": padded(sources, width),
        "target": padded([[START, *row] for row in targets], width),
    }
    labels = padded([[*row, END] for row in targets], width)
    return inputs, labels, (labels != PADDING).astype("float32")


def logits(model, inputs):
    return keras.ops.convert_to_numpy(model(inputs, training=False))


def test_a_padded_batch_has_the_loss_of_each_sentence_alone(model):
    loss = transformer.SmoothedCrossEntropy(0.1)

    def loss_of(inputs, labels, weights):
        return float(loss(labels, logits(model, inputs), weights))

    together = loss_of(*arrays(SOURCES, TARGETS, 9))
    alone = [
        loss_of(*arrays([source], [target], max(len(source), 1 + len(target))))
        for source, target in zip(SOURCES, TARGETS, strict=True)
    ]
    tokens = [1 + len(target) for target in TARGETS]
    assert together == pytest.approx(
        np.average(alone, weights=tokens), rel=1e-5
    )


def test_no_token_sees_those_behind_it(model):
    inputs, _, _ = arrays(SOURCES, TARGETS, 9)
    changed = {**inputs, "target": inputs["target"].copy()}
    changed["target"][:, 3:] = 7
    before, after = logits(model, inputs), logits(model, changed)
    np.testing.assert_allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert np.abs(before[:, 3:] - after[:, 3:]).max() > 1e-3


def test_every_token_of_the_source_counts(model):
    inputs, _, _ = arrays(SOURCES, TARGETS, 9)
    before = logits(model, inputs)
    for place in range(len(SOURCES[0])):
        changed = {**inputs, "source": inputs["source"].copy()}
        changed["source"][0, place] = 19
        difference = np.abs(logits(model, changed) - before)
        assert difference[0, 0].max() > 1e-4
        assert difference[1:].max() < 1e-6


def test_loss_is_the_formula():
    draw = np.random.default_rng(0)
    values = draw.normal(size=(2, 3, 5)).astype("float32")
    labels = np.array([[0, 1, 2], [3, 4, 0]])
    weights = np.array([[1, 1, 0], [1, 0, 0]], "float32")
    log_p = values - np.log(np.exp(values).sum(-1, keepdims=True))
    label = np.take_along_axis(log_p, labels[..., None], -1)[..., 0]
    each = -0.8 * label - 0.2 * log_p.mean(-1)
    loss = transformer.SmoothedCrossEntropy(0.2)
    assert float(loss(labels, values, weights)) == pytest.approx(
        float((each * weights).sum() / weights.sum()), rel=1e-5
    )


def test_loss_of_ignorance_is_the_log_of_the_vocabulary():
    loss = transformer.SmoothedCrossEntropy(0.1)
    value = float(loss(np.array([[3, 4]]), np.zeros((1, 2, 7), "float32")))
    assert value == pytest.approx(math.log(7), rel=1e-6)


@pytest.mark.parametrize("separate", [False, True])
def test_cached_steps_are_the_whole_model(model, separate):
    if separate:
        model = build(source_vocabulary=30)
    source = padded(SOURCES, 7)
    search = BeamSearch(transformer.Steps(model), 6, width=1, length_penalty=0)
    found = search.predict(source, verbose=0)
    for row, tokens in zip(source, found, strict=True):
        said = [token for token in tokens.tolist() if token]
        # Two tokens at least: Keras warns of attention to a single one.
        target = padded([[START, *said]], max(2, 1 + len(said)))[:, :6]
        values = logits(model, {"source": row[None], "target": target})[0]
        values[:, [PADDING, START]] = -np.inf
        expected = values.argmax(-1).tolist()
        assert expected[: len(said)] == said
        if len(said) < 6:
            assert expected[len(said)] == END


def test_separate_vocabularies_have_their_own_embeddings():
    shapes = [w.shape for w in build(source_vocabulary=30).weights]
    assert (30, 16) in shapes
    assert (20, 16) in shapes
    assert (30, 16) not in [w.shape for w in build().weights]


def test_the_activation_is_in_every_feed_forward_layer():
    model = build(layers=2)
    config = str([layer.get_config() for layer in model.layers])
    assert config.count("keras_serf>serf") == 4


@pytest.mark.long
@pytest.mark.parametrize(
    "precision",
    [
        "mixed_bfloat16",
        pytest.param("mixed_float16", marks=pytest.mark.slow),
    ],
)
def test_mixed_precision_answers_in_float32(precision, trains):
    before = keras.config.dtype_policy().name
    model = build(precision=precision)
    assert keras.config.dtype_policy().name == before
    assert {str(w.dtype) for w in model.trainable_weights} == {"float32"}
    assert model.get_layer("encoder_0").compute_dtype == precision[6:]
    inputs, labels, weights = arrays(SOURCES, TARGETS, 9)
    model.compile("adam", transformer.SmoothedCrossEntropy(0.1))
    scaled = keras.optimizers.LossScaleOptimizer
    assert isinstance(model.optimizer, scaled) == (precision == "mixed_float16")
    losses = [model.train_on_batch(inputs, labels, weights) for _ in range(6)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    assert logits(model, inputs).dtype == "float32"

"""Serf in TensorFlow: eager, in graphs, with XLA; every way to differentiate.

Tapes and accumulators stand inside a traced function, or outside.
"""

import contextlib
import functools
import gc

import keras
import numpy as np
import pytest

import keras_serf
from keras_serf import theory

if keras.backend.backend() != "tensorflow":
    pytest.skip("needs the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from keras_serf.kernels import tensorflow as kernel

X = tf.linspace(-6.0, 6.0, 9)
ENDS = tf.constant([-np.inf, -3e38, -200.0, 0.0, 200.0, 3e38, np.inf])


def backward(function):
    def derivative(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    return derivative


def forward(function):
    def derivative(x):
        with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as tangents:
            y = function(x)
        return tangents.jvp(y)

    return derivative


def expect(y, order, x=X):
    truth = (theory.serf, theory.derivative, theory.second_derivative)[order]
    np.testing.assert_allclose(y, truth(x), rtol=1e-5, atol=1e-6)


@pytest.fixture(params=["eager", "graph"])
def traced(request):
    """Traces a function, or leaves it as it is."""
    return tf.function if request.param == "graph" else lambda f: f


def forget_traced_functions():
    kernel._value.cache_clear()
    kernel._derivative_times.cache_clear()


@pytest.fixture(scope="class")
def unoptimized():
    """TensorFlow runs its graphs as they are: they start four times faster."""
    options = tf.config.optimizer.get_experimental_options()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_compiled", contextlib.nullcontext)
        forget_traced_functions()
        tf.config.optimizer.set_experimental_options(
            {"disable_meta_optimizer": True}
        )
        yield
    tf.config.optimizer.set_experimental_options(
        {"disable_meta_optimizer": False, **options}
    )
    forget_traced_functions()


def all_orders(function):
    """Returns a function of `x` that returns f, f' and f''."""

    def orders(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x)
            first = inner.gradient(y, x)
        return y, first, outer.gradient(first, x)

    return orders


def expect_all_orders(results):
    for order, result in enumerate(results):
        expect(result, order)


def save_and_load(module, path):
    tf.saved_model.save(module, path)
    return tf.saved_model.load(path)


@pytest.fixture
def module():
    """Serf in what a SavedModel is made of."""
    module = tf.Module()
    module.f = tf.function(
        keras_serf.serf, input_signature=[tf.TensorSpec([None], tf.float32)]
    )
    return module


@pytest.mark.parametrize("order", [0, 1, 2])
def test_xla(order):
    function = keras_serf.serf
    for _ in range(order):
        function = backward(function)
    expect(tf.function(function, jit_compile=True)(X), order)


def test_value(traced):
    expect(traced(keras_serf.serf)(X), 0)


def test_derivatives(traced):
    expect(traced(backward(keras_serf.serf))(X), 1)
    expect_all_orders(traced(all_orders(keras_serf.serf))(X))
    expect_all_orders(all_orders(traced(keras_serf.serf))(X))


def test_forward_over_backward(traced):
    expect(traced(forward(backward(keras_serf.serf)))(X), 2)


@pytest.mark.parametrize("mode", [backward, forward])
def test_derivatives_at_the_ends(traced, mode):
    first = mode(keras_serf.serf)
    expected = theory.derivative(ENDS)
    np.testing.assert_allclose(
        traced(first)(ENDS), expected, rtol=1e-6, atol=1e-30
    )
    assert np.isfinite(traced(backward(first))(ENDS)).all()


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [("float16", 5e-4), ("bfloat16", 4e-3), ("float64", 1e-14)],
)
def test_derivatives_of_other_types(dtype, tolerance):
    x = tf.cast(X, dtype)
    truth = theory.derivative(tf.cast(x, "float64"))
    for mode in (backward, forward):
        y = tf.function(mode(keras_serf.serf))(x)
        assert y.dtype == dtype
        np.testing.assert_allclose(
            tf.cast(y, "float64"), truth, rtol=tolerance, atol=1e-6
        )


def repeat(x):
    def body(step, y):
        return step + 1, keras_serf.serf(y)

    return tf.while_loop(lambda step, _: step < 1, body, (0, x))[1]


def scan(x):
    return tf.scan(lambda _, v: keras_serf.serf(v), x, initializer=0.0)


LOOPS = {
    "while_loop": repeat,
    "map_fn": functools.partial(tf.map_fn, keras_serf.serf),
    "scan": scan,
    "vectorized_map": functools.partial(tf.vectorized_map, keras_serf.serf),
}


def test_derivatives_of_a_loop():
    expect_all_orders(tf.function(all_orders(repeat))(X))


def test_derivatives_of_a_loaded_saved_model(module, tmp_path):
    expect_all_orders(all_orders(save_and_load(module, tmp_path).f)(X))


def test_saved_model_carries_plain_operations(module, tmp_path):
    tf.saved_model.save(module, tmp_path)
    graph = tf.compat.v1.saved_model.load(
        tf.compat.v1.Session(graph=tf.Graph()), ["serve"], str(tmp_path)
    ).graph_def
    names = {node.op for f in graph.library.function for node in f.node_def}
    assert "Exp" in names
    assert not {n for n in names if "Erf" in n or "Py" in n or "Xla" in n}


def test_unknown_shapes_in_a_graph():
    function = tf.function(
        keras_serf.serf, input_signature=[tf.TensorSpec(None, tf.float32)]
    )
    assert function(tf.ones((2, 3))).shape == (2, 3)
    assert function(1.0).shape == ()


def test_shape_is_kept_in_a_graph():
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def function(x):
        assert keras_serf.serf(x).shape.as_list() == [None, 3]

    function(tf.ones((2, 3)))


def test_functions_run_eagerly():
    tf.config.run_functions_eagerly(True)
    try:
        expect(keras_serf.serf(X), 0)
        expect(backward(backward(keras_serf.serf))(X), 2)
    finally:
        tf.config.run_functions_eagerly(False)


def test_tape_keeps_the_input_alone():
    x = tf.linspace(-6.0, 6.0, 10_000)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = keras_serf.serf(x)
    kept = {
        id(tensor): tensor
        for tensor in gc.get_objects()
        if isinstance(tensor, tf.Tensor) and tensor.shape == x.shape
    }
    # The input may be there twice, of one memory.
    buffers = {t.numpy().tobytes() for t in kept.values()}
    assert buffers == {x.numpy().tobytes(), y.numpy().tobytes()}
    assert tape.gradient(y, x) is not None


@pytest.mark.usefixtures("unoptimized")
class TestDerivatives:
    """Every place of tapes and accumulators, around every kind of function."""

    @pytest.mark.parametrize("mode", [backward, forward])
    def test_first_derivative(self, traced, mode):
        expect(traced(mode(keras_serf.serf))(X), 1)
        expect(mode(traced(keras_serf.serf))(X), 1)

    @pytest.mark.parametrize("inner", [backward, forward])
    @pytest.mark.parametrize("outer", [backward, forward])
    def test_second_derivative(self, traced, outer, inner):
        expect(traced(outer(inner(keras_serf.serf)))(X), 2)
        expect(outer(traced(inner(keras_serf.serf)))(X), 2)

    @pytest.mark.parametrize("outer", [backward, forward])
    def test_second_derivative_from_outside(self, traced, outer):
        # TensorFlow has no tape over an accumulator outside, for any function.
        expect(outer(backward(traced(keras_serf.serf)))(X), 2)

    @pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
    def test_loops(self, traced, loop):
        expect(traced(loop)(X), 0)
        expect(traced(backward(loop))(X), 1)
        expect_all_orders(traced(all_orders(loop))(X))

    @pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
    def test_loops_from_outside(self, loop):
        expect_all_orders(all_orders(tf.function(loop))(X))
        expect(backward(tf.function(backward(loop)))(X), 2)

    @pytest.mark.parametrize("mapping", [tf.map_fn, tf.vectorized_map])
    def test_derivatives_inside_a_map(self, traced, mapping):
        second = backward(backward(keras_serf.serf))
        expect(traced(lambda x: mapping(second, x))(X), 2)

    @pytest.mark.parametrize("order", [1, 2])
    def test_batch_jacobian(self, traced, order):
        function = [keras_serf.serf, backward(keras_serf.serf)][order - 1]

        def jacobian(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return tape.batch_jacobian(y, x)

        expect(tf.reshape(traced(jacobian)(X[:, None]), [-1]), order)

    def test_sparse_upstream_gradient(self, traced):
        # The gradient of `gather` is an IndexedSlices.
        def gathered(x):
            return tf.gather(keras_serf.serf(x), tf.range(tf.size(x)))

        expect_all_orders(traced(all_orders(gathered))(X))

    def test_gradient_penalty_on_a_traced_model(self):
        model = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(4, "serf"),
                keras.layers.Dense(1),
            ]
        )
        x = tf.random.stateless_normal((5, 3), (0, 0))

        def penalty(critic):
            with tf.GradientTape() as outer:
                slope = backward(critic)(x)
                loss = tf.reduce_sum(slope**2)
            return outer.gradient(loss, model.trainable_variables[0])

        expected = penalty(model)
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(
            penalty(tf.function(model)), expected, rtol=1e-4
        )

    def test_a_loaded_saved_model_is_saved_again(self, module, tmp_path):
        for generation in range(2):
            module = save_and_load(module, tmp_path / str(generation))
        expect(module.f(X), 0)
        expect(forward(module.f)(X), 1)
        expect_all_orders(all_orders(module.f)(X))
        expect_all_orders(tf.function(all_orders(module.f))(X))

    def test_without_the_private_name(self, monkeypatch):
        monkeypatch.setattr(kernel, "forwardprop_util", None)
        expect(forward(keras_serf.serf)(X), 1)
        expect(forward(backward(keras_serf.serf))(X), 2)

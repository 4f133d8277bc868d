"""Serf in TensorFlow's graphs, with XLA and without, and on its tapes."""

import gc

import keras
import numpy as np
import pytest

import keras_serf

if keras.backend.backend() != "tensorflow":
    pytest.skip("needs the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

X = tf.linspace(-6.0, 6.0, 25)


def derivative(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = keras_serf.serf(x)
    return tape.gradient(y, x)


@pytest.mark.parametrize("xla", [False, True])
def test_function_agrees_with_eager(xla):
    for function in (keras_serf.serf, derivative):
        traced = tf.function(function, jit_compile=xla)
        np.testing.assert_allclose(traced(X), function(X), rtol=1e-6)


@pytest.mark.parametrize("xla", [False, True])
def test_half_gradients_under_xla(xla):
    x = tf.cast(X, tf.float16)
    traced = tf.function(derivative, jit_compile=xla)
    assert traced(x).dtype == tf.float16
    np.testing.assert_allclose(
        tf.cast(traced(x), tf.float32), derivative(X), atol=3e-3
    )


def test_unknown_shapes_in_a_graph():
    traced = tf.function(
        keras_serf.serf, input_signature=[tf.TensorSpec(None, tf.float32)]
    )
    assert traced(tf.ones((2, 3))).shape == (2, 3)
    assert traced(1.0).shape == ()


def test_nested_tapes_give_the_second_derivative():
    with tf.GradientTape() as tape:
        tape.watch(X)
        first = derivative(X)
    second = tape.gradient(first, X)
    step = 1e-2
    difference = (derivative(X + step) - derivative(X - step)) / (2 * step)
    np.testing.assert_allclose(second, difference, atol=2e-4)


def test_forward_mode():
    with tf.autodiff.ForwardAccumulator(X, tf.ones_like(X)) as accumulator:
        y = keras_serf.serf(X)
    np.testing.assert_allclose(accumulator.jvp(y), derivative(X), rtol=1e-6)


def test_vectorized_map():
    np.testing.assert_allclose(
        tf.vectorized_map(keras_serf.serf, X), keras_serf.serf(X), rtol=1e-6
    )


def test_saved_model_carries_plain_operations(tmp_path):
    module = tf.Module()
    module.call = tf.function(
        keras_serf.serf, input_signature=[tf.TensorSpec([None], tf.float32)]
    )
    operations = module.call.get_concrete_function().graph.get_operations()
    assert not {o.type for o in operations} & {"Erf", "PyFunc", "EagerPyFunc"}
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)
    np.testing.assert_allclose(loaded.call(X), keras_serf.serf(X), rtol=1e-6)


def test_tape_keeps_no_step_of_the_formula():
    x = tf.linspace(-6.0, 6.0, 10_000)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = keras_serf.serf(x)
        kept = [
            tensor
            for tensor in gc.get_objects()
            if isinstance(tensor, tf.Tensor) and tensor.shape == x.shape
        ]
    # The input, as itself and unrecorded, and the output.
    assert len({id(tensor) for tensor in kept}) <= 3
    assert tape.gradient(y, x) is not None

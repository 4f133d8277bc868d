"""Serf under JAX' transformations: jit, vmap, forward and reverse, remat."""

import keras
import numpy as np
import pytest

import keras_serf

if keras.backend.backend() != "jax":
    pytest.skip("needs the JAX backend", allow_module_level=True)

import jax
import jax.export
import jax.numpy as jnp
from jax.test_util import check_grads

from keras_serf import theory

X = jnp.linspace(-6.0, 6.0, 25)


def test_jit_agrees_with_eager():
    np.testing.assert_allclose(
        jax.jit(keras_serf.serf)(X), keras_serf.serf(X), rtol=5e-7
    )


def test_forward_and_reverse_agree():
    _, forward = jax.jvp(keras_serf.serf, (X,), (jnp.ones_like(X),))
    reverse = jax.grad(lambda x: keras_serf.serf(x).sum())(X)
    np.testing.assert_allclose(forward, reverse, rtol=1e-6)


def test_jacobians_and_hessian_are_diagonal():
    x = X[::6]
    forward = jax.jacfwd(keras_serf.serf)(x)
    np.testing.assert_allclose(
        forward, jax.jacrev(keras_serf.serf)(x), rtol=1e-6
    )
    assert (forward == jnp.diag(jnp.diag(forward))).all()
    second = jax.hessian(lambda x: keras_serf.serf(x).sum())(x)
    step = 1e-2
    derivative = jax.vmap(jax.grad(keras_serf.serf))
    difference = (derivative(x + step) - derivative(x - step)) / (2 * step)
    np.testing.assert_allclose(jnp.diag(second), difference, atol=2e-4)


def test_check_grads_to_third_order(float64):
    x = jnp.linspace(-4.0, 4.0, 9)
    check_grads(keras_serf.serf, (x,), order=3, modes=("fwd", "rev"), rtol=1e-4)


def test_vmap_scan_and_remat():
    y = keras_serf.serf(X)
    np.testing.assert_array_equal(jax.vmap(keras_serf.serf)(X), y)
    _, scanned = jax.lax.scan(lambda c, x: (c, keras_serf.serf(x)), 0.0, X)
    np.testing.assert_allclose(scanned, y, rtol=5e-7)
    plain = jax.grad(lambda x: keras_serf.serf(x).sum())
    remat = jax.grad(lambda x: jax.checkpoint(keras_serf.serf)(x).sum())
    np.testing.assert_allclose(remat(X), plain(X), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_strict_promotion(dtype):
    if not hasattr(jax, "enable_x64"):
        pytest.skip("needs jax.enable_x64, of JAX 0.8")

    def total(x):
        return keras_serf.serf(x).sum()

    with (
        jax.enable_x64(dtype == "float64"),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        x = jnp.linspace(-3, 3, 8, dtype=dtype).reshape(2, 4)
        serf, derivative = keras_serf.serf, jax.grad(total)
        second = jax.vmap(jax.vmap(jax.grad(jax.grad(serf))))(x)
        for y in (
            *jax.jvp(serf, (x,), (x,)),
            *jax.jvp(derivative, (x,), (x,)),
            jax.jit(derivative)(x),
            jax.grad(lambda x: derivative(x).sum())(x),
            jnp.einsum("iii->i", jax.jacfwd(jax.jacfwd(serf))(x[0])),
            second,
        ):
            assert y.dtype == dtype
    expected = theory.second_derivative(np.asarray(x, "float64"))
    tolerance = {"float64": 1e-12, "float32": 1e-5}.get(dtype, 1e-2)
    second = np.asarray(second, "float64")
    np.testing.assert_allclose(second, expected, rtol=tolerance)


@pytest.mark.parametrize(
    ("policy", "kept"), [("nothing_saveable", 2), ("dots_saveable", 3)]
)
def test_checkpoint_policies(policy, kept):
    def loss(w, x):
        return keras_serf.serf(x @ w).sum()

    w, x = jnp.eye(3) / 2, X[:15].reshape(5, 3)
    remat = jax.checkpoint(
        loss, policy=getattr(jax.checkpoint_policies, policy)
    )
    assert len(jax.tree.leaves(jax.vjp(remat, w, x)[1])) == kept
    for transform in (jax.grad, jax.hessian):
        np.testing.assert_allclose(
            transform(remat)(w, x), transform(loss)(w, x), rtol=1e-6, atol=1e-7
        )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_backward_keeps_the_input_alone(dtype):
    x = jnp.linspace(-6, 6, 1000).astype(dtype)
    _, backward = jax.vjp(keras_serf.serf, x)
    kept = [a for a in jax.tree.leaves(backward) if a.size == x.size]
    assert sum(a.nbytes for a in kept) == x.nbytes
    np.testing.assert_array_equal(kept[0], x)


def test_derivatives_at_a_number():
    assert jax.grad(keras_serf.serf)(0.0) == pytest.approx(0.67304129)
    assert jax.hessian(keras_serf.serf)(0.0) == pytest.approx(0.69790563)


def test_sharded_arrays():
    mesh = jax.make_mesh((1,), ("batch",))
    sharding = jax.sharding.NamedSharding(
        mesh, jax.sharding.PartitionSpec("batch")
    )
    x = jax.device_put(X, sharding)
    for function in (
        keras_serf.serf,
        jax.grad(lambda x: keras_serf.serf(x).sum()),
    ):
        y = jax.jit(function)(x)
        assert y.sharding == sharding
        np.testing.assert_allclose(y, function(X), rtol=5e-7)


def test_exported_with_its_derivative():
    pytest.importorskip("flatbuffers")
    (size,) = jax.export.symbolic_shape("size")
    program = jax.export.export(jax.jit(keras_serf.serf))(
        jax.ShapeDtypeStruct((size,), "float32")
    )
    loaded = jax.export.deserialize(program.serialize(vjp_order=1))
    np.testing.assert_allclose(loaded.call(X), keras_serf.serf(X), rtol=5e-7)
    derivative = jax.grad(lambda x: keras_serf.serf(x).sum())(X)
    (found,) = loaded.vjp().call(X, jnp.ones_like(X))
    np.testing.assert_allclose(found, derivative, rtol=1e-6)

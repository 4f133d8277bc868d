"""Serf under PyTorch's autograd, torch.func, torch.compile and autocast."""

import sys

import keras
import numpy as np
import pytest

import keras_serf

if keras.backend.backend() != "torch":
    pytest.skip("needs the PyTorch backend", allow_module_level=True)

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.checkpoint import checkpoint

from keras_serf import theory
from keras_serf.kernels import inductor
from keras_serf.kernels.torch import use_compiled

X = torch.linspace(-6.0, 6.0, 25)


def derivative(x):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(keras_serf.serf(x).sum(), x)[0]


def test_gradcheck_and_gradgradcheck():
    x = torch.linspace(-5, 5, 11, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        keras_serf.serf, x, check_forward_ad=True, check_batched_grad=True
    )
    assert torch.autograd.gradgradcheck(keras_serf.serf, x)


def test_compiled_agrees_with_eager():
    compiled = torch.compile(keras_serf.serf, fullgraph=True)
    torch.testing.assert_close(
        compiled(X), keras_serf.serf(X), rtol=1e-6, atol=0
    )
    x = X.clone().requires_grad_()
    compiled(x).sum().backward()
    torch.testing.assert_close(x.grad, derivative(X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("available", [True, False])
def test_compiled_graph(available, monkeypatch):
    # One operator, or the plain ones where PyTorch's internals have changed.
    if not available:
        monkeypatch.setitem(sys.modules, "keras_serf.kernels.inductor", None)
    torch.compiler.reset()
    names = []

    def backend(graph, inputs):
        names.extend(str(node.target) for node in graph.graph.nodes)
        return graph

    torch.compile(keras_serf.serf, backend=backend, fullgraph=True)(X)
    torch.compiler.reset()
    assert any("keras_serf" in name for name in names) == available


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_operator(dtype):
    ends = torch.tensor([-torch.inf, -3e38, -0.0, 6e4, torch.inf, torch.nan])
    x = torch.cat([ends, X]).to(getattr(torch, dtype)).requires_grad_()
    operator = getattr(torch.ops.keras_serf, inductor.NAME)
    compiled = torch.compile(keras_serf.serf, fullgraph=True)
    # The kernel of this package for eager mode is held to 40 digits elsewhere.
    expected = keras_serf.serf(x)
    (first,) = torch.autograd.grad(expected.sum(), x)
    tolerance = {"float64": 1e-13, "float32": 1e-6}.get(dtype, 1e-2)
    close = {"rtol": tolerance, "atol": tolerance / 10, "equal_nan": True}
    for function in (operator, compiled):
        y = function(x)
        (derivative,) = torch.autograd.grad(y.sum(), x)
        torch.testing.assert_close(y, expected, **close)
        torch.testing.assert_close(derivative, first, **close)


def test_operator_is_differentiable_twice():
    x = torch.linspace(-5, 5, 11, dtype=torch.float64, requires_grad=True)
    operator = getattr(torch.ops.keras_serf, inductor.NAME)
    assert torch.autograd.gradcheck(operator, x)
    assert torch.autograd.gradgradcheck(operator, x)
    image = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    for value in (x, image[..., ::2].transpose(0, 1).requires_grad_()):
        torch.library.opcheck(operator.default, (value,))


def test_functional_transforms():
    first = torch.func.vmap(torch.func.grad(keras_serf.serf))(X)
    torch.testing.assert_close(first, derivative(X))
    forward = torch.func.jacfwd(keras_serf.serf)(X)
    torch.testing.assert_close(forward, torch.diag(derivative(X)))
    torch.testing.assert_close(torch.func.jacrev(keras_serf.serf)(X), forward)
    second = torch.func.hessian(lambda x: keras_serf.serf(x).sum())(X)
    step = 1e-2
    difference = (derivative(X + step) - derivative(X - step)) / (2 * step)
    np.testing.assert_allclose(second.diag(), difference, atol=2e-4)


@pytest.mark.parametrize(
    "twice",
    [
        lambda f: torch.func.vmap(torch.func.grad(torch.func.grad(f))),
        lambda f: lambda x: torch.func.hessian(lambda z: f(z).sum())(x).diag(),
    ],
    ids=["grad of grad", "hessian"],
)
def test_second_derivative_inside_compile(twice):
    compiled = torch.compile(twice(keras_serf.serf), backend="aot_eager")(X)
    expected = torch.tensor(theory.second_derivative(X.numpy())).float()
    torch.testing.assert_close(compiled, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(twice(keras_serf.serf)(X), compiled)


def test_third_derivative():
    grad, vmap = torch.func.grad, torch.func.vmap
    third = vmap(grad(grad(grad(keras_serf.serf))))
    step = 1e-3
    difference = theory.second_derivative(X + step)
    difference -= theory.second_derivative(X - step)
    expected = torch.tensor(difference / (2 * step)).float()
    for function in (third, torch.compile(third, backend="aot_eager")):
        torch.testing.assert_close(function(X), expected, rtol=0, atol=1e-3)


def test_forward_over_forward():
    second = torch.func.jacfwd(torch.func.jacfwd(keras_serf.serf))(X[::6])
    expected = torch.tensor(theory.second_derivative(X[::6])).float()
    torch.testing.assert_close(
        torch.einsum("iii->i", second), expected, rtol=1e-5, atol=1e-6
    )


def test_forward_over_backward():
    x = X.clone().requires_grad_()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        (first,) = torch.autograd.grad(keras_serf.serf(dual).sum(), dual)
        second = torch.autograd.forward_ad.unpack_dual(first).tangent
    expected = torch.tensor(theory.second_derivative(X)).float()
    torch.testing.assert_close(second, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_ends_inside_func(compiled):
    ends = torch.tensor([-torch.inf, -0.0, torch.inf, torch.nan])
    value = torch.func.vmap(keras_serf.serf)
    first = torch.func.vmap(torch.func.grad(keras_serf.serf))
    if compiled:
        value = torch.compile(value, backend="aot_eager")
        first = torch.compile(first, backend="aot_eager")
    y, derivatives = value(ends), first(ends)
    assert y[:3].tolist() == [0, 0, torch.inf]
    assert torch.signbit(y[1])
    assert derivatives[[0, 2]].tolist() == [0, 1]
    assert torch.isnan(y[3])
    assert torch.isnan(derivatives[3])


def test_traced_graphs_hold_plain_operators():
    def names(graph):
        return {str(node.target) for node in graph.nodes}

    traced = make_fx(keras_serf.serf)(torch.randn(3))
    x = torch.linspace(-6, 6, 2**20)
    torch.testing.assert_close(
        traced(x), keras_serf.serf(x), rtol=1e-6, atol=1e-7
    )

    class Model(torch.nn.Module):
        def forward(self, x):
            return keras_serf.serf(x)

    exported = torch.export.export(Model(), (X,)).graph
    for graph in (traced.graph, exported):
        assert any("exp" in name for name in names(graph))
        assert not any("erf" in name for name in names(graph))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_backward_keeps_the_input_alone(dtype):
    x = X.to(dtype, copy=True).requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t) or t, lambda t: t
    ):
        keras_serf.serf(x)
    assert [t.data_ptr() for t in kept] == [x.data_ptr()]


def test_layouts():
    image = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    last = image.to(memory_format=torch.channels_last)
    y = keras_serf.serf(last)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, keras_serf.serf(image))
    strided = image[..., ::2].transpose(0, 1)
    torch.testing.assert_close(
        keras_serf.serf(strided), keras_serf.serf(strided.contiguous())
    )


def test_input_is_left_alone():
    x = X.clone()
    keras_serf.serf(x)
    assert torch.equal(x, X)


def test_large_tensors_are_taken_in_parts():
    x = torch.randn(2 * 2**19 + 5, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    y = keras_serf.serf(x)
    assert torch.equal(y[-9:], keras_serf.serf(x[-9:]))
    upstream = torch.linspace(0, 1, len(x))
    y.backward(upstream)
    torch.testing.assert_close(x.grad[-9:], derivative(x[-9:]) * upstream[-9:])


@pytest.fixture
def compiled_on_cpu():
    use_compiled()
    yield
    use_compiled(False)


@pytest.mark.usefixtures("compiled_on_cpu")
@pytest.mark.parametrize(
    "wrap",
    [
        lambda f: f,
        lambda f: torch.compile(f, fullgraph=True, backend="aot_eager"),
        lambda f: lambda x: checkpoint(f, x, use_reentrant=False),
    ],
    ids=["alone", "inside compile", "inside checkpoint"],
)
def test_use_compiled(wrap):
    x = torch.linspace(-8, 6, 30).reshape(5, 6).requires_grad_()
    y = wrap(keras_serf.serf)(x)
    y.sum().backward()
    use_compiled(False)
    torch.testing.assert_close(y, keras_serf.serf(x), rtol=1e-6, atol=0)
    torch.testing.assert_close(x.grad, derivative(x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast(dtype, compiled):
    layer = torch.nn.Linear(4, 3)

    def forward(x):
        return keras_serf.serf(layer(x))

    if compiled:
        forward = torch.compile(forward, backend="aot_eager")
    with torch.autocast("cpu", dtype=dtype):
        y = forward(torch.ones(2, 4))
    assert y.dtype == dtype
    y.float().sum().backward()
    assert torch.isfinite(layer.weight.grad).all()


def test_compiled_autograd():
    def step(x):
        keras_serf.serf(keras_serf.serf(x)).sum().backward()

    x = X.clone().requires_grad_()
    with torch._dynamo.config.patch(compiled_autograd=True):
        torch.compile(step, backend="aot_eager")(x)
    expected = derivative(X) * derivative(keras_serf.serf(X))
    torch.testing.assert_close(x.grad, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # its own
def test_ahead_of_time_compilation():
    class Model(torch.nn.Module):
        def forward(self, x):
            return keras_serf.serf(x)

    size = torch.export.Dim("size", min=2, max=1000)
    program = torch.export.export(Model(), (X,), dynamic_shapes=({0: size},))
    package = torch._inductor.aoti_compile_and_package(program)
    loaded = torch._inductor.aoti_load_package(package)
    for x in (X, X[:5]):
        torch.testing.assert_close(
            loaded(x), keras_serf.serf(x), rtol=1e-6, atol=1e-7
        )


@pytest.mark.parametrize(
    "jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_fit_on_a_dictionary(jit_compile):
    inputs = {name: keras.Input((3,), name=name) for name in ("left", "right")}
    x = keras.layers.Concatenate()(list(inputs.values()))
    outputs = {"y": keras.layers.Dense(1)(keras.layers.Dense(4, "serf")(x))}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", jit_compile=jit_compile)
    data = {name: np.ones((8, 3)) for name in inputs}
    history = model.fit(data, {"y": np.ones((8, 1))}, epochs=5, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_private_names_are_optional(run_python):
    # What PyTorch has under each name goes before Serf is imported anew.
    code = """
    import importlib
    import operator
    import keras
    import numpy as np
    import torch
    from torch.autograd import forward_ad  # It reads one of the names.
    from keras_serf import kernels, theory

    NAMES = (
        "_C._functorch.is_legacy_batchedtensor",
        "_C._functorch.is_functorch_wrapped_tensor",
        "_C._functorch.maybe_current_level",
        "_C._len_torch_dispatch_stack",
        "autograd.forward_ad._current_level",
    )
    data = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    x = torch.linspace(-6, 6, 25)
    close = dict(rtol=1e-5, atol=1e-6, check_dtype=False)

    def check():
        v = x.clone().requires_grad_()
        y = kernels.serf(v)
        (first,) = torch.autograd.grad(y.sum(), v, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), v)
        wide = x.double().numpy()
        for found, truth in (
            (y, theory.serf), (first, theory.derivative),
            (second, theory.second_derivative),
        ):
            expected = torch.tensor(truth(wide))
            torch.testing.assert_close(found.detach(), expected, **close)
        dense = keras.layers.Dense(3, "serf", use_bias=False)
        model = keras.Sequential([keras.Input((4,)), dense])
        loss = lambda _, y: keras.ops.sum(y, axis=-1)
        model.compile(keras.optimizers.SGD(1.0), loss)
        (before,) = model.get_weights()
        model.train_on_batch(data, data[:, :3])
        step = data.T @ theory.derivative(data @ before) / len(data)
        np.testing.assert_allclose(
            before - model.get_weights()[0], step, rtol=1e-4, atol=1e-6
        )

    for absent in (*((name,) for name in NAMES), NAMES):
        kept = []
        for name in absent:
            path, _, attribute = name.rpartition(".")
            owner = operator.attrgetter(path)(torch)
            kept.append((owner, attribute, getattr(owner, attribute)))
            delattr(owner, attribute)
        module = importlib.reload(importlib.import_module(
            "keras_serf.kernels.torch"
        ))
        kernels.serf = module.serf
        check()
        for each in kept:
            setattr(*each)
    print("checked")
    """
    assert run_python(code) == "checked"

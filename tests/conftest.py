"""What all tests share: seeds, marks, and Keras processes of their own."""

import contextlib
import gc
import importlib.util
import multiprocessing
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import hypothesis
import pytest

# Tests run in several processes, each with one thread: this comes first.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras

# What is imported stays: looking through it again takes 0.4 seconds each time.
gc.freeze()

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

BACKENDS = ("jax", "tensorflow", "torch")


def pytest_addoption(parser):
    parser.addoption(
        "--slow", action="store_true", help="run the slow tests too"
    )
    parser.addoption(
        "--all-backends",
        action="store_true",
        help="run long tests too; fail where a backend is not installed",
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    skipped = {"slow"}
    if not config.getoption("--all-backends"):
        skipped.add("long")
    skip = pytest.mark.skip(reason="takes long; run with --slow")
    for item in items:
        if skipped & item.keywords.keys():
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


# Runs in a copy of a process that has imported Keras, which takes seconds.
FORKED = """
import os, sys
os.chdir({folder!r})
for number, name in (1, "out"), (2, "err"):
    os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
sys.argv[1:] = {argv!r}
"""


@pytest.fixture(scope="session")
def run_python(tmp_path_factory):
    """Returns `run(code, *argv, backend=..., fresh=...)`: a process' output.

    The process has imported Keras and nothing else of ours; a fresh one, or
    one of another backend, has imported nothing.
    """
    folder = tmp_path_factory.mktemp("fresh_process")
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["keras"])

    def run(code, *argv, backend=None, fresh=False):
        if backend in (None, keras.backend.backend()) and not fresh:
            start = FORKED.format(folder=str(folder), argv=[*map(str, argv)])
            process = forks.Process(
                target=exec,
                args=(start + textwrap.dedent(code), {"__name__": "__main__"}),
            )
            process.start()
            process.join(timeout=300)
            process.kill()  # Where it hangs; else it has ended.
            assert process.exitcode == 0, (folder / "err").read_text()
            return (folder / "out").read_text().strip()
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend or keras.backend.backend(),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        process = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, argv)],
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
            timeout=300,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout.strip()

    return run


@pytest.fixture(params=BACKENDS)
def each_backend(request):
    """Each backend's name; skipped where that backend is not installed."""
    _require(request, request.param)
    return request.param


@pytest.fixture
def numpy_backend(request):
    """The name of Keras' NumPy backend, which imports JAX; skipped without."""
    _require(request, "jax")
    return "numpy"


def _require(request, package):
    if importlib.util.find_spec(package) is None:
        if request.config.getoption("--all-backends"):
            pytest.fail(f"{package} is not installed")
        pytest.skip(f"{package} is not installed")


@pytest.fixture(scope="session")
def repository():
    return Path(__file__).parent.parent


@pytest.fixture
def trains():
    """For tests that train: skipped on backends with no autodiff."""
    if keras.backend.backend() not in _GRADIENTS:
        pytest.skip(f"{keras.backend.backend()} has no autodiff")


@pytest.fixture
def float64():
    """Keras computes in float64: its floatx, and JAX' switch."""
    if keras.backend.backend() not in BACKENDS:
        pytest.skip("Keras computes float64 in float32 there")
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    with contextlib.ExitStack() as stack:
        if keras.backend.backend() == "jax":
            import jax

            # Before JAX 0.8 it is to be found under jax.experimental alone.
            home = jax if hasattr(jax, "enable_x64") else jax.experimental
            stack.enter_context(home.enable_x64(True))
        yield
    keras.config.set_floatx(before)


@pytest.fixture
def gradient(trains):
    """Returns `gradient(f)`: the derivative of an elementwise function `f`.

    It may be applied again, for the second derivative.
    """
    return _GRADIENTS[keras.backend.backend()]


def _jax_gradient(function):
    import jax

    return jax.grad(lambda x: function(x).sum())


def _mlx_gradient(function):
    import mlx.core as mx

    return mx.grad(lambda x: function(x).sum())


def _tensorflow_gradient(function):
    import tensorflow as tf

    def derivative(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    return derivative


def _torch_gradient(function):
    import torch

    def derivative(x):
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        y = function(x)
        return torch.autograd.grad(y.sum(), x, create_graph=True)[0]

    return derivative


_GRADIENTS = {
    "jax": _jax_gradient,
    "mlx": _mlx_gradient,
    "tensorflow": _tensorflow_gradient,
    "torch": _torch_gradient,
}

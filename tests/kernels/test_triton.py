"""The GPU's kernels in Triton's interpreter, which needs no GPU."""

import importlib.util
import textwrap

import keras
import pytest

if keras.backend.backend() != "torch":
    pytest.skip("needs the PyTorch backend", allow_module_level=True)
if importlib.util.find_spec("triton") is None:
    pytest.skip("Triton is not installed", allow_module_level=True)

# Triton decides when it is imported whether it interprets.
PREAMBLE = """
import os
os.environ["TRITON_INTERPRET"] = "1"
import sys
import numpy as np
import torch
from keras_serf import theory
from keras_serf.kernels import torch as plain
from keras_serf.kernels import triton
"""


def run(run_python, code, *arguments):
    return run_python(PREAMBLE + textwrap.dedent(code), *arguments, fresh=True)


def test_value_within_4_ulp(run_python):
    code = """
    x = np.linspace(-87.3, 8, 20001, dtype="float32")
    f = theory.serf(x)
    y = triton.value(torch.tensor(x)).numpy()
    print((abs(y - f) / np.spacing(abs(f).astype("float32"))).max())
    """
    assert 0.4 < float(run(run_python, code)) < 4


def test_slope_within_4_units(run_python):
    code = """
    x = np.linspace(-87.3, 8, 20001, dtype="float32")
    derivative, g = theory.derivative(x), theory.serf(x) / x
    up = torch.full((len(x),), 2.0)
    y = triton.derivative_times(torch.tensor(x), up).numpy() / up.numpy()
    size = abs(g) + abs(derivative - g)
    print((abs(y - derivative) / size).max() * 2**23)
    """
    assert 0.4 < float(run(run_python, code)) < 4


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_ends(run_python, dtype):
    code = """
    dtype = getattr(torch, sys.argv[1])
    ends = torch.tensor([-torch.inf, torch.inf, torch.nan, -0.0, 0.0])
    print(*triton.value(ends.to(dtype)).tolist())
    print(*triton.derivative_times(ends, torch.ones(5)).to(dtype).tolist()[:3])
    """
    value, derivative = run(run_python, code, dtype).splitlines()
    assert value == "-0.0 inf nan -0.0 0.0"
    assert list(map(float, derivative.split()[:2])) == [0, 1]
    assert derivative.endswith("nan")


def test_layouts(run_python):
    code = """
    image = torch.linspace(-6, 6, 120).reshape(2, 3, 4, 5)
    last = image.to(memory_format=torch.channels_last)
    views = (image, last, image[..., ::2], image.mT, image[:0])
    for x in views:
        up = torch.ones(()).expand(x.shape)
        for ours, expected in (
            (triton.value(x), plain.value(x)),
            (triton.derivative_times(x, up), plain.derivative_times(x, up)),
        ):
            torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-7)
    print(triton.value(last).is_contiguous(memory_format=torch.channels_last))
    """
    assert run(run_python, code) == "True"

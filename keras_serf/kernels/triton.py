"""Serf in Triton for NVIDIA GPUs: one pass over memory forward, one backward.

The arithmetic is that of `polynomial.py`. Importing this module needs Triton,
which is installed with PyTorch for CUDA.
"""

import math as constants
from typing import Any

import torch
import triton
import triton.language as tl

from keras_serf.kernels import polynomial

_BLOCK = 1024
_BOUND = tl.constexpr(polynomial.BOUND)
_FLOOR = tl.constexpr(polynomial.FLOOR)
_BASE = tl.constexpr(polynomial.BASE)
_CENTRE = tl.constexpr(polynomial.CENTRE)
_LOG2_E = tl.constexpr(1 / constants.log(2))
# ln 2 in two parts; the first has 9 bits, so that its product with n is exact.
_LN_2_HIGH = tl.constexpr(355 / 512)
_LN_2_LOW = tl.constexpr(-2.12194440054690583e-4)
_NAN = tl.constexpr(tl.PropagateNan.ALL)


def value(x: torch.Tensor) -> torch.Tensor:
    """Returns Serf of a tensor of float32 or narrower."""
    tables = _tables(x.dtype).f
    return _launch(
        _value_kernel,
        (x,),
        (*tables.exponent, tables.below, tables.above),
    )


def derivative_times(x: torch.Tensor, upstream: torch.Tensor) -> torch.Tensor:
    """Returns Serf's derivative at `x` times `upstream`, of the same shape."""
    tables = _tables(x.dtype).df
    return _launch(
        _derivative_kernel,
        (x, upstream),
        (*tables.exponent, tables.constant, tables.linear, tables.above),
    )


def _tables(dtype: torch.dtype) -> polynomial.Polynomials:
    return polynomial.SINGLE if dtype == torch.float32 else polynomial.HALF


def _launch(
    kernel: Any, inputs: tuple[torch.Tensor, ...], tables: tuple[Any, ...]
) -> torch.Tensor:
    x = inputs[0]
    output = torch.empty_like(x)
    if output.stride() != x.stride():  # `x` has gaps or overlaps.
        output = torch.empty_like(x, memory_format=torch.contiguous_format)
    inputs = tuple(
        tensor
        if tensor.stride() == output.stride()
        else torch.empty_like(output, dtype=tensor.dtype).copy_(tensor)
        for tensor in inputs
    )
    size = x.numel()
    if size:
        with torch.cuda.device_of(x):
            kernel[(triton.cdiv(size, _BLOCK),)](
                *inputs, output, size, *tables, block=_BLOCK
            )
    return output


@triton.jit
def _value_kernel(
    x_pointer,
    y_pointer,
    size,
    a: tl.constexpr,
    b: tl.constexpr,
    below: tl.constexpr,
    above: tl.constexpr,
    block: tl.constexpr,
):
    offsets = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    x = tl.load(x_pointer + offsets, mask=offsets < size).to(tl.float32)
    held, z = _exponential(x, a, b)
    y = held * z
    result = tl.where(
        x >= 0,
        x * (1 + z * _horner(above, held)),
        _BASE * y + y * _horner(below, z),
    ).to(y_pointer.dtype.element_ty)
    tl.store(y_pointer + offsets, result, mask=offsets < size)


@triton.jit
def _derivative_kernel(
    x_pointer,
    upstream_pointer,
    y_pointer,
    size,
    a: tl.constexpr,
    b: tl.constexpr,
    constant: tl.constexpr,
    linear: tl.constexpr,
    above: tl.constexpr,
    block: tl.constexpr,
):
    offsets = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    x = tl.load(x_pointer + offsets, mask=offsets < size).to(tl.float32)
    held, z = _exponential(x, a, b)
    v = z - _CENTRE
    below = _horner(constant, v) + held * _horner(linear, v)
    derivative = tl.where(x >= 0, 1 + z * _horner(above, held), z * below)
    upstream = tl.load(upstream_pointer + offsets, mask=offsets < size)
    result = (derivative * upstream.to(tl.float32)).to(
        y_pointer.dtype.element_ty
    )
    tl.store(y_pointer + offsets, result, mask=offsets < size)


@triton.jit
def _exponential(x, a: tl.constexpr, b: tl.constexpr):
    held = tl.maximum(x, _FLOOR, propagate_nan=_NAN)
    held = tl.minimum(held, _BOUND, propagate_nan=_NAN)
    return held, _exp(tl.where(x >= 0, held * (a + b * held), held))


@triton.jit
def _exp(x):
    # tl.exp is exp2(x log2(e)). For large x, the rounding of that product costs
    # many digits. 2^n is exact.
    n = tl.floor(x * _LOG2_E + 0.5)
    rest = (x - n * _LN_2_HIGH) - n * _LN_2_LOW
    return tl.exp2(n) * tl.exp2(rest * _LOG2_E)


@triton.jit
def _horner(coefficients: tl.constexpr, u):
    count: tl.constexpr = len(coefficients)
    total = u * coefficients[count - 1] + coefficients[count - 2]
    for i in tl.static_range(3, count + 1):
        total = total * u + coefficients[count - i]
    return total

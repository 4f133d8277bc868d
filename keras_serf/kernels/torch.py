"""Serf in PyTorch: each derivative is an `autograd.Function` in closed form."""

from types import ModuleType

import torch

from keras_serf.kernels import composed
from keras_serf.kernels import rational
from keras_serf.kernels.math import Math

_MATH = Math(
    exp=torch.exp,
    log1p=torch.log1p,
    erf=torch.erf,
    clip=torch.clamp,
    where=torch.where,
)


def serf(x: torch.Tensor) -> torch.Tensor:
    """Returns `x * erf(softplus(x))` in the shape and dtype of `x`."""
    if torch.compiler.is_compiling():
        return _CompiledSerf.apply(x)
    return _Serf.apply(x)


class _CompiledSerf(torch.autograd.Function):
    # torch.compile takes no Function with a forward mode, nor one inside the
    # backward pass of another.
    @staticmethod
    def forward(x):
        wide = _widen(x)
        return _formulas(wide).value(wide, _MATH).to(x.dtype)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        wide = _widen(x)
        slope = _formulas(wide).slope(wide, _MATH)
        return (slope * upstream).to(upstream.dtype)


class _Elementwise(torch.autograd.Function):
    # Keeps the input alone, for reverse and for forward mode.
    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)


class _Serf(_Elementwise):
    forward = _CompiledSerf.forward

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return _times_slope(x, upstream)

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        return _times_slope(x, tangent)


class _Slope(_Elementwise):
    @staticmethod
    def forward(x):
        return _formulas(x).slope(x, _MATH)

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return composed.curvature(x, _MATH) * upstream

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        return composed.curvature(x, _MATH) * tangent


def _times_slope(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return (_Slope.apply(_widen(x)) * t).to(t.dtype)


def _formulas(x: torch.Tensor) -> ModuleType:
    return composed if x.dtype == torch.float64 else rational


def _widen(x: torch.Tensor) -> torch.Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))

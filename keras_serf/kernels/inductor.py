"""Serf as one operator in the graphs of torch.compile.

The compiler processes each operator many times, and Serf has 80 operators,
forward and backward: a deep network took four times as long to compile as with
GELU. As one operator, which TorchInductor expands only when it generates code,
Serf still fuses with its neighbours.

The names in `torch._inductor` and `torch._functorch` are private. If PyTorch
changes them, importing this module fails, and `torch.py` gives the compiler the
plain operators.
"""

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch._functorch import partitioners
from torch._inductor import lowering
from torch._inductor.virtualized import ops

from keras_serf.kernels import composed, polynomial
from keras_serf.kernels import torch as eager
from keras_serf.kernels.math import Math

# PyTorch caches compiled graphs on disk by the names of their operators, so the
# names must change with the formulas.
_SOURCES = "".join(map(inspect.getsource, (composed, polynomial)))
_VERSION = hashlib.sha256(_SOURCES.encode()).hexdigest()[:16]
NAME = f"serf_{_VERSION}"
_DERIVATIVE_NAME = f"derivative_{_VERSION}"


@torch.library.custom_op(f"keras_serf::{NAME}", mutates_args=())
def serf(x: torch.Tensor) -> torch.Tensor:
    """Returns Serf of `x`; it is twice differentiable."""
    return eager.value(x)


@torch.library.custom_op(f"keras_serf::{_DERIVATIVE_NAME}", mutates_args=())
def derivative_times(x: torch.Tensor, upstream: torch.Tensor) -> torch.Tensor:
    """Returns Serf's derivative at `x` times `upstream`, of the same shape."""
    return eager.derivative_times(x, upstream)


@serf.register_fake
def _(x):
    return -x  # Has the same layout.


@derivative_times.register_fake
def _(x, upstream):
    return x * upstream


def _save(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _serf_backward(ctx, upstream):
    (x,) = ctx.saved_tensors
    return derivative_times(x, upstream)


def _derivative_backward(ctx, upstream):
    x, first_upstream = ctx.saved_tensors
    return (
        eager.second_derivative_times(x, first_upstream * upstream),
        eager.derivative_times(x, upstream),
    )


serf.register_autograd(_serf_backward, setup_context=_save)
derivative_times.register_autograd(_derivative_backward, setup_context=_save)


def _operation(name: str, swapped: bool = False) -> Callable[..., "_Value"]:
    def method(self: "_Value", *others: Any) -> "_Value":
        operands = (*reversed(others), self) if swapped else (self, *others)
        return self.apply(name, *operands)

    return method


@dataclass(frozen=True)
class _Value:
    """A number in generated code, with the operators that the formulas use."""

    raw: Any
    dtype: torch.dtype

    def apply(self, name: str, *operands: Any) -> "_Value":
        """Returns the result of an operation, in the dtype of this number."""
        return _Value(getattr(ops, name)(*map(self._raw, operands)), self.dtype)

    def _raw(self, operand: Any) -> Any:
        if isinstance(operand, _Value):
            return operand.raw
        return ops.constant(float(operand), self.dtype)

    __add__, __radd__ = _operation("add"), _operation("add", swapped=True)
    __sub__, __rsub__ = _operation("sub"), _operation("sub", swapped=True)
    __mul__, __rmul__ = _operation("mul"), _operation("mul", swapped=True)
    __truediv__, __neg__ = _operation("truediv"), _operation("neg")
    __ge__, __gt__ = _operation("ge"), _operation("gt")


_MATH = Math(
    exp=lambda x: x.apply("exp", x),
    log1p=lambda x: x.apply("log1p", x),
    erf=lambda x: x.apply("erf", x),
    clip=lambda x, low, high: x.apply(
        "minimum", x.apply("maximum", x, low), high
    ),
    where=lambda condition, x, y: condition.apply("where", condition, x, y),
)


def _lower_value(x: Any) -> Any:
    dtype = x.get_dtype()

    def function(x):
        return _narrow(
            eager.formulas(dtype).value(_widen(x, dtype), _MATH), dtype
        )

    return lowering.make_pointwise(function)(x)


def _lower_derivative_times(x: Any, upstream: Any) -> Any:
    dtype = x.get_dtype()

    def function(x, upstream):
        derivative = eager.formulas(dtype).derivative(_widen(x, dtype), _MATH)
        return _narrow(derivative * _widen(upstream, dtype), dtype)

    return lowering.make_pointwise(function)(x, upstream)


def _widen(raw: Any, dtype: torch.dtype) -> _Value:
    wide = torch.promote_types(dtype, torch.float32)
    return _Value(ops.to_dtype(raw, wide), wide)


def _narrow(number: _Value, dtype: torch.dtype) -> Any:
    return ops.to_dtype(number.raw, dtype)


for _name, _lower in (
    (NAME, _lower_value),
    (_DERIVATIVE_NAME, _lower_derivative_times),
):
    _packet = getattr(torch.ops.keras_serf, _name)
    lowering.register_lowering(_packet, type_promotion_kind=None)(_lower)
    # It is cheap enough to be recomputed if that saves memory.
    partitioners.pointwise_ops().append(_packet)

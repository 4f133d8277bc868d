"""Serf in PyTorch: each derivative is an `autograd.Function` in closed form.

The arithmetic depends on the execution mode. Compilers and exporters get plain
operators, which they fuse or export. In eager mode, every operator is a pass
over memory: a CPU works in place, on chunks that fit into its cache, and an
NVIDIA GPU runs one fused kernel (`triton.py`).
"""

import functools
import importlib
import math as constants
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.nn import functional

from keras_serf.kernels import composed, polynomial, taylor
from keras_serf.kernels.math import Formulas, Math

_MATH = Math(
    exp=torch.exp,
    log1p=torch.log1p,
    erf=torch.erf,
    clip=torch.clamp,
    where=torch.where,
)

_PLAIN_TYPES = (torch.Tensor, torch.nn.Parameter)

# Number of elements in a chunk, which fits into the cache of a CPU.
_CHUNK = 2**19


def _private(name: str, fallback: Any) -> Any:
    try:
        return operator.attrgetter(name)(torch)
    except AttributeError:
        return fallback


# Private names of PyTorch, which has no public ones for these. Without them,
# plain operators are used, which are slower but correct in all of these cases.
_transform_level = _private("_C._functorch.maybe_current_level", lambda: 0)
_dispatch_modes = _private("_C._len_torch_dispatch_stack", lambda: 1)
_is_wrapped = _private(
    "_C._functorch.is_functorch_wrapped_tensor", lambda x: True
)
_is_batched = _private("_C._functorch.is_legacy_batchedtensor", lambda x: True)


def _is_forward_mode() -> bool:
    return getattr(forward_ad, "_current_level", 0) >= 0


def serf(x: torch.Tensor) -> torch.Tensor:
    """Returns `x * erf(softplus(x))` in the shape and dtype of `x`."""
    if torch.compiler.is_exporting() or torch.jit.is_tracing():
        return value(x)
    if _is_transformed():
        return _jet(x)
    if torch.compiler.is_compiling():
        name = _operator_name()
        if name and type(x) in _PLAIN_TYPES:
            return getattr(torch.ops.keras_serf, name)(x)
        return _CompiledSerf.apply(x)
    return _Serf.apply(x)


def implementation(x: torch.Tensor) -> str:
    """Returns how eager `serf(x)` computes."""
    return _implementation(x).name


def use_compiled(enabled: bool = True) -> None:
    """Enables or disables `torch.compile` for eager Serf on a CPU.

    Compiled code needs one pass over memory instead of several. It is off by
    default, because the first call with each dtype takes seconds and needs a
    C++ compiler.

    Args:
        enabled: Whether to use `torch.compile`.

    Example:

    >>> from keras_serf.kernels.torch import use_compiled
    >>> use_compiled(False)
    """
    global _on_cpu
    if enabled:
        _on_cpu = _Implementation(
            "polynomials, through torch.compile",
            _flat(torch.compile(value, dynamic=True)),
            _flat(torch.compile(derivative_times, dynamic=True)),
        )
    else:
        _on_cpu = _IN_PLACE


def value(x: torch.Tensor) -> torch.Tensor:
    """Returns f(x), computed with plain operators."""
    return formulas(x.dtype).value(_widen(x), _MATH).to(x.dtype)


def derivative_times(x: torch.Tensor, upstream: torch.Tensor) -> torch.Tensor:
    """Returns f'(x) times `upstream`, in its dtype, with plain operators."""
    derivative = formulas(x.dtype).derivative(_widen(x), _MATH)
    return (derivative * upstream).to(upstream.dtype)


def second_derivative_times(
    x: torch.Tensor, upstream: torch.Tensor
) -> torch.Tensor:
    """Returns f''(x) times `upstream`, in the dtype of `x`."""
    second_derivative = composed.second_derivative(_widen(x), _MATH)
    return (second_derivative * upstream).to(x.dtype)


def formulas(dtype: torch.dtype) -> Formulas:
    """Returns the formulas with the accuracy of a dtype."""
    if dtype == torch.float64:
        return composed
    if dtype == torch.float32:
        return polynomial.SINGLE
    return polynomial.HALF


@torch.compiler.assume_constant_result
def _operator_name() -> str:
    """Returns the name of Serf as one operator, or "" if it is unavailable."""
    # Imported here, because it takes a second and needs this module.
    try:
        return importlib.import_module("keras_serf.kernels.inductor").NAME
    except (ImportError, AttributeError, TypeError):
        return ""


class _CompiledSerf(torch.autograd.Function):
    # For first derivatives: torch.compile accepts neither a Function with a
    # forward mode, nor one inside the backward pass of another.
    @staticmethod
    def forward(x):
        return value(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return derivative_times(x, upstream)


def _jet(x: torch.Tensor) -> torch.Tensor:
    # For torch.func, which loses some derivatives of a Function: the second
    # derivative inside torch.compile, and forward over forward mode anywhere.
    wide = _widen(x)
    y = taylor.value(wide, wide.detach(), formulas(x.dtype), _MATH)
    return y.to(x.dtype)


@torch.compiler.assume_constant_result
def _is_transformed() -> bool:
    return _transform_level() is not None


class _Elementwise(torch.autograd.Function):
    # Stores only the input, for reverse and for forward mode.
    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.save_for_forward(inputs[0])


class _Serf(_Elementwise):
    @staticmethod
    def forward(x):
        return _implementation(x).value(x)

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        # A second derivative may follow.
        if torch.is_grad_enabled() or _is_forward_mode():
            return _differentiable_derivative_times(x, upstream)
        return _implementation(x, upstream).derivative_times(x, upstream)

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        return _differentiable_derivative_times(x, tangent)


class _Derivative(_Elementwise):
    # In float32 or wider, with the accuracy of x.
    @staticmethod
    def forward(x):
        return formulas(x.dtype).derivative(_widen(x), _MATH)

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return second_derivative_times(x, upstream)

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        return composed.second_derivative(_widen(x), _MATH) * tangent


def _differentiable_derivative_times(
    x: torch.Tensor, t: torch.Tensor
) -> torch.Tensor:
    return (_Derivative.apply(x) * t).to(t.dtype)


def _in_place_value(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    for part, out in _in_parts(x, y):
        held = _widen(part).clamp(min=composed.FLOOR)  # -inf * 0 is NaN
        torch.mul(functional.softplus(held).erf_(), held, out=out)
    return y


def _in_place_derivative(
    x: torch.Tensor, upstream: torch.Tensor
) -> torch.Tensor:
    # G + x D, with x D = (2 / sqrt(pi)) silu(x) / e^(s^2).
    y = torch.empty_like(x)
    for part, up, out in _in_parts(x, upstream, y):
        held = _widen(part).clamp(composed.FLOOR, composed.BOUND)
        s = functional.softplus(held)
        derivative = s.erf()
        functional.silu(held, inplace=True)
        derivative.addcdiv_(
            held, s.square_().exp_(), value=2 / constants.sqrt(constants.pi)
        )
        torch.mul(derivative, up, out=out)
    return y


def _in_parts(
    *tensors: torch.Tensor,
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yields matching chunks of tensors of one shape; `out` comes last."""
    if tensors[-1].is_contiguous():
        flat = (tensor.reshape(-1).split(_CHUNK) for tensor in tensors)
        return zip(*flat, strict=True)
    return iter([tensors])


def _flat(
    function: Callable[..., torch.Tensor],
) -> Callable[..., torch.Tensor]:
    """Flattens the arguments of `function`, so that it is compiled once."""

    def flattened(*tensors: torch.Tensor) -> torch.Tensor:
        x = tensors[0]
        y = function(*(t.reshape(-1) for t in tensors)).view(x.shape)
        return y if x.is_contiguous() else torch.empty_like(x).copy_(y)

    return flattened


@dataclass(frozen=True)
class _Implementation:
    """A way to compute f(x), and f'(x) times the upstream gradient."""

    name: str
    value: Callable[[torch.Tensor], torch.Tensor]
    derivative_times: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


_PLAIN = _Implementation(
    "polynomials, operator by operator", value, derivative_times
)
_IN_PLACE = _Implementation(
    "softplus and erf in place; polynomials inside torch.compile",
    _in_place_value,
    _in_place_derivative,
)
_on_cpu = _IN_PLACE


def _implementation(*tensors: torch.Tensor) -> _Implementation:
    """Returns the cheapest implementation for these tensors in eager mode."""
    x = tensors[0]
    if not all(map(_is_plain, tensors)):
        return _PLAIN
    if x.device.type == "cpu":
        return _on_cpu
    if x.is_cuda and x.dtype != torch.float64:
        return _fused() or _PLAIN
    return _PLAIN


def _is_plain(x: torch.Tensor) -> bool:
    # It is not traced, not fake, and not wrapped by torch.func or by batched
    # autograd.
    return (
        not torch.compiler.is_compiling()  # Compiled autograd traces backward.
        and type(x) in _PLAIN_TYPES
        and _dispatch_modes() == 0
        and not _is_wrapped(x)
        and not _is_batched(x)
    )


@functools.cache
def _fused() -> _Implementation | None:
    """Returns the Triton kernels, if PyTorch has Triton and CUDA."""
    if torch.version.cuda is None:
        return None
    try:
        module = importlib.import_module("keras_serf.kernels.triton")
    except (ImportError, AttributeError):  # Triton is missing or too old.
        return None
    return _Implementation(
        "polynomials, in Triton", module.value, module.derivative_times
    )


def _widen(x: torch.Tensor) -> torch.Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))

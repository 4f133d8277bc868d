"""PyTorch, eager and compiled by `torch.compile`."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from demos.benchmarks import names
from demos.benchmarks.frameworks.base import (
    Array,
    Call,
    Function,
    Kept,
    TrainingFramework,
)


class _Torch(TrainingFramework):
    modes = (names.EAGER, names.COMPILED)
    kept_modes = (names.EAGER, names.COMPILED)

    def __init__(self) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"

    def activations(self) -> dict[str, Function]:
        return super().activations() | {
            names.COMPOSED: lambda x: x * torch.erf(functional.softplus(x)),
            names.RELU: functional.relu,
            names.SILU: functional.silu,
            names.GELU: functional.gelu,
            "gelu (tanh)": lambda x: functional.gelu(x, approximate="tanh"),
            names.MISH: functional.mish,
        }

    def derivatives(self, function: Function, mode: str) -> list[Function]:
        if mode == names.COMPILED:
            # PyTorch compiles functions, not their derivatives, and no second
            # ones; and it limits recompilations by source line.
            self.forget()
            function = _in_mode(function, mode)
            return [function, _derivative(function)]
        first = _derivative(function)
        return [function, first, _derivative(first)]

    def array(self, values: Array, dtype: str) -> Any:
        tensor = torch.tensor(values, device=self.device)
        return tensor.to(getattr(torch, dtype))

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        run = _in_mode(function, mode)

        def call() -> None:
            with torch.no_grad():
                run(x)
            self._wait()

        return call

    def forward_backward(
        self, function: Function, mode: str, x: Any, w: Any
    ) -> Call:
        run = _in_mode(function, mode)
        leaf = x.detach().requires_grad_()

        def call() -> None:
            torch.autograd.grad(run(leaf), leaf, w)
            self._wait()

        return call

    def kept(self, function: Function, mode: str, x: Any) -> Kept:
        run = _in_mode(function, mode)
        leaf = x.detach().requires_grad_()
        run(leaf)  # Compiles.
        saved: list[Any] = []

        def keep(tensor: Any) -> Any:
            saved.append(tensor.untyped_storage())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            y = run(leaf)
        buffers = {storage.data_ptr(): storage.nbytes() for storage in saved}
        ends = {end.untyped_storage().data_ptr() for end in (leaf, y)}
        return buffers, ends

    def compile_stack(
        self, function: Function, weights: Sequence[Any], h: Any
    ) -> None:
        leaves = [weight.detach().requires_grad_() for weight in weights]

        def loss(weights: Sequence[Any], h: Any) -> Any:
            for weight in weights:
                h = function(h @ weight)
            return h.sum()

        run = _in_mode(loss, names.COMPILED)
        torch.autograd.grad(run(leaves, h), leaves)
        self._wait()

    def forget(self) -> None:
        torch.compiler.reset()

    def _wait(self) -> None:
        if self.device != "cpu":
            torch.cuda.synchronize()


def _in_mode(function: Callable[..., Any], mode: str) -> Callable[..., Any]:
    if mode == names.EAGER:
        return function
    return torch.compile(function, fullgraph=True, dynamic=False)


def _derivative(function: Function) -> Function:
    def derivative(x: Any) -> Any:
        outer = x.requires_grad
        if not outer:
            x = x.detach().requires_grad_()
        y = function(x)
        ones = torch.ones_like(y)
        return torch.autograd.grad(y, x, ones, create_graph=outer)[0]

    return derivative


FRAMEWORK = _Torch

"""PyTorch, eager and compiled by `torch.compile`."""

from typing import Any

import torch

from demos.benchmarks import names
from demos.benchmarks.frameworks.base import (
    Array,
    Call,
    Function,
    Kept,
    TrainingFramework,
)


class _Torch(TrainingFramework):
    def __init__(self) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"

    def activations(self) -> dict[str, Function]:
        # Keras' Mish is a composition of three functions.
        mish = {names.MISH: torch.nn.functional.mish}
        return super().activations() | mish

    def derivatives(self, function: Function, mode: str) -> list[Function]:
        if mode == names.EAGER:
            return super().derivatives(function, mode)
        # PyTorch does not compile derivatives of a function directly, and not
        # second derivatives; it limits recompilations by source line.
        self.forget()
        function = self.in_mode(function, mode)
        return [function, self.derivative(function)]

    def array(self, values: Array, dtype: str) -> Any:
        tensor = torch.tensor(values, device=self.device)
        return tensor.to(getattr(torch, dtype))

    def in_mode(self, function: Function, mode: str) -> Function:
        if mode == names.EAGER:
            return function
        return torch.compile(function, fullgraph=True, dynamic=False)

    def derivative(self, function: Function) -> Function:
        def derivative(x: Any) -> Any:
            outer = x.requires_grad
            if not outer:
                x = x.detach().requires_grad_()
            y = function(x)
            ones = torch.ones_like(y)
            return torch.autograd.grad(y, x, ones, create_graph=outer)[0]

        return derivative

    def forward(self, function: Function, mode: str, x: Any) -> Call:
        return torch.no_grad()(super().forward(function, mode, x))

    def forward_backward(
        self, function: Function, mode: str, x: Any, w: Any
    ) -> Call:
        run = self.in_mode(function, mode)
        leaf = x.detach().requires_grad_()
        return lambda: self.wait(torch.autograd.grad(run(leaf), leaf, w))

    def wait(self, result: Any) -> object:
        if self.device != "cpu":
            torch.cuda.synchronize()
        return result

    def kept(self, function: Function, x: Any) -> Kept:
        leaf = x.detach().requires_grad_()
        function(leaf)  # Compiles.
        saved: list[Any] = []

        def keep(tensor: Any) -> Any:
            saved.append(tensor.untyped_storage())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            y = function(leaf)
        buffers = {storage.data_ptr(): storage.nbytes() for storage in saved}
        ends = {end.untyped_storage().data_ptr() for end in (leaf, y)}
        return buffers, ends

    def forget(self) -> None:
        torch.compiler.reset()


FRAMEWORK = _Torch

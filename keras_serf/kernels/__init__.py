"""The kernel of the active Keras backend: `serf` and `implementation`.

All differences between frameworks are handled in this package; other code does
not depend on the backend. A kernel is a module with a function `serf(x)`:

- `x` is a tensor of that framework with a floating-point dtype; the result has
  its shape and dtype.
- float16 and bfloat16 are computed in float32 and rounded once, in the value
  and in every derivative.
- f(-inf) = 0, f(inf) = inf, f'(-inf) = 0, f'(inf) = 1; NaN gives NaN; no
  finite `x` gives NaN in f, f' or f''.
- If the framework has autodiff, f' and f'' are closed formulas of `x`, and the
  backward pass stores only `x`.

It also has a function `implementation(x)`, for bug reports, which describes in
a few words how eager `serf(x)` computes an `x` of float32 or narrower.

A framework is imported only when it is the active backend.
"""

import importlib
from types import ModuleType

import keras

_MODULES = ("jax", "numpy", "tensorflow", "torch")


def _load(backend: str) -> ModuleType:
    name = backend if backend in _MODULES else "ops"
    return importlib.import_module(f"{__name__}.{name}")


_kernel = _load(keras.backend.backend())
serf = _kernel.serf
implementation = _kernel.implementation

"""Finds the activations in the bytecode of `call` methods.

An activation that a method applies, as in `keras.ops.gelu(x)`, cannot be
replaced, but the bytecode contains its name.
"""

import dis
import functools
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from keras_serf.replace.names import NAMES, name_of

_FRAMEWORKS = ("jax", "keras", "keras_serf", "tensorflow", "torch")


@functools.lru_cache(maxsize=64)
def activations_in_call(cls: type) -> list[str]:
    """Returns the names of the activations that a `call` method applies.

    Args:
        cls: The class of a layer or model. Its other methods, and functions
            outside Keras and its backends, are searched too if `call` uses
            them.
    """
    return _activations_in(_functions_of_call(cls))


def activations_in_function(function: Any) -> list[str]:
    """Returns the names of the activations that a function applies."""
    return _activations_in(_reachable([function], type(None)))


@functools.lru_cache(maxsize=64)
def constants_in_call(cls: type) -> set[float]:
    """Returns the numbers in the code of a `call` method."""
    return {
        step.argval
        for function in _functions_of_call(cls)
        for code in _codes(function.__code__)
        for step in dis.get_instructions(code)
        if step.opname.startswith("LOAD_") and type(step.argval) in (int, float)
    }


def _activations_in(functions: Iterator[FunctionType]) -> list[str]:
    return sorted(
        {
            name_of(value)
            for function in functions
            for value in _loaded(function)
            if _home(value) in _FRAMEWORKS and name_of(value) in NAMES
        }
    )


def _functions_of_call(cls: type) -> Iterator[FunctionType]:
    return _reachable(_methods(cls, "call"), cls)


def _reachable(functions: list[Any], cls: type) -> Iterator[FunctionType]:
    """Yields Python functions and the functions that they call."""
    waiting = list(functions)
    seen = set()
    while waiting:
        function = waiting.pop()
        function = getattr(function, "__func__", function)
        if (
            not isinstance(function, FunctionType)
            or _home(function) in _FRAMEWORKS
            or function.__code__ in seen
        ):
            continue
        seen.add(function.__code__)
        yield function
        waiting += _loaded(function)
        for code in _codes(function.__code__):
            for name in code.co_names:
                if name not in ("build", "__init__"):
                    waiting += _methods(cls, name)


def _methods(cls: type, name: str) -> list[Any]:
    """Returns a method and the methods that it overrides and may call."""
    found = [vars(base)[name] for base in cls.__mro__ if name in vars(base)]
    methods = []
    for method in found:
        methods.append(method)
        code = getattr(method, "__code__", None)
        if code is None or "super" not in code.co_names:
            break
    return methods


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yields the code of a function and of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _loaded(function: FunctionType) -> Iterator[Any]:
    """Yields the values of outer names in a function: `relu`, `ops.relu`."""
    cells = zip(
        function.__code__.co_freevars, function.__closure__ or (), strict=True
    )
    outside = dict(function.__globals__)
    for name, cell in cells:
        try:
            outside[name] = cell.cell_contents
        except ValueError:  # Not set yet.
            continue
    for code in _codes(function.__code__):
        value = None
        for step in dis.get_instructions(code):
            if step.opname.startswith(("LOAD_GLOBAL", "LOAD_DEREF")):
                value = outside.get(step.argval)
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and isinstance(
                value, ModuleType
            ):
                value = getattr(value, step.argval, None)
            else:
                value = None
            if hasattr(value, "__name__"):
                yield value


def _home(value: Any) -> str:
    """Returns the package of a function."""
    return str(getattr(value, "__module__", None)).split(".")[0]

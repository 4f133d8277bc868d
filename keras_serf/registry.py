"""`register()` and `unregister()`: teach Keras Serf's names, or unteach them.

Keras looks up the name of an activation or an initializer in a private table
and offers no public way to add to it;
`keras.saving.register_keras_serializable` covers saved models but not the bare
string. This file alone touches those tables.
"""

import functools
import importlib
import warnings
from collections.abc import Mapping
from collections.abc import MutableMapping
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from types import TracebackType
from typing import Any

import keras

from keras_serf.activation import serf
from keras_serf.initializers import SerfNormal
from keras_serf.initializers import SerfUniform


@dataclass(frozen=True)
class _Table:
    """One of Keras' tables, and what this package adds to it.

    Attributes:
        kind: What the table is of, as a module of Keras is named.
        known: A name of Keras' own in it, by which to recognise it.
        ours: Our names and what they mean.
        argument: Where a layer takes such a name.
        instead: What it takes instead, about the object's own name.
    """

    kind: str
    known: str
    ours: Mapping[str, Any]
    argument: str
    instead: str

    def find(self) -> MutableMapping[str, Any]:
        """Returns Keras' table; an empty one if it is not where we know it."""
        try:
            home = importlib.import_module(f"keras.src.{self.kind}s")
            names = home.ALL_OBJECTS_DICT
        except (ImportError, AttributeError):
            return {}
        known = getattr(getattr(keras, f"{self.kind}s"), self.known)
        return names if names.get(self.known) is known else {}


_TABLES = (
    _Table(
        kind="activation",
        known="relu",
        ours={"serf": serf},
        argument="activation",
        instead="keras_serf.{}",
    ),
    _Table(
        kind="initializer",
        known="HeNormal",
        ours={
            "serf_normal": SerfNormal,
            "serf_uniform": SerfUniform,
            "SerfNormal": SerfNormal,
            "SerfUniform": SerfUniform,
        },
        argument="kernel_initializer",
        instead="keras_serf.initializers.{}()",
    ),
)


class _Registration:
    """What `register()` and `unregister()` return: as a context, undoes it."""

    def __init__(self, names: Set[str]) -> None:
        self._names = names

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _restore(self._names)


def register() -> _Registration:
    """Makes `activation="serf"` work wherever Keras takes a name.

    Likewise `kernel_initializer="serf_normal"` and `"serf_uniform"`, which may
    also be spelt `"SerfNormal"` and `"SerfUniform"`.

    `import keras_serf` has called it already; calling it again changes nothing.
    A "serf" that Keras itself (or somebody else) has put there is never
    replaced: then, and where a release of Keras has no such table any more, it
    warns in one line and does nothing. `keras_serf.serf`, the layer, the
    initializers and saved models work all the same.

    Returns:
        A context manager that on exit restores what was before the call.

    Example:

    >>> with keras_serf.register():
    ...     keras.activations.get("serf") is keras_serf.serf
    True
    """
    before = _registered()
    for table in _TABLES:
        names = table.find()
        for name, ours in table.ours.items():
            instead = f"{table.argument}={table.instead.format(ours.__name__)}"
            if not names:
                _warn(
                    f"Keras {keras.__version__} has moved its table of "
                    f'{table.kind} names, so {table.argument}="{name}" does '
                    f"not work; use {instead}."
                )
                break
            theirs = names.setdefault(name, ours)
            if theirs is ours:
                continue
            copy = copy_of_package(theirs, ours)
            whose = f", of an older {copy}" if copy else ""
            _warn(
                f'Keras already has an {table.kind} named "{name}"{whose}, '
                f"which was left in place; for this package's use {instead}."
            )
            if copy:  # So are the other names.
                break
    return _Registration(before)


def unregister() -> _Registration:
    """Makes Keras forget the word "serf", as if this were never imported.

    The names of the initializers too. Only bare strings are forgotten: models
    saved with Serf still load, since their names, `keras_serf>serf` and the
    like, stay known. A "serf" that is not this package's is left in place.

    Returns:
        A context manager that on exit restores what was before the call.

    Example:

    >>> with keras_serf.unregister():
    ...     keras.activations.get("serf")
    Traceback (most recent call last):
    ...
    ValueError: Could not interpret activation function identifier: serf
    """
    before = _registered()
    _restore(frozenset())
    return _Registration(before)


def copy_of_package(theirs: Any, ours: Any) -> str:
    """Returns the words for another copy of this package in this process.

    There is one where a process imports the package from two folders, or once
    more after its modules were deleted from `sys.modules`.

    Args:
        theirs: A function or class that has the name of ours.
        ours: This package's.

    Returns:
        "copy of this package" and its folder, if it is another; "" if `theirs`
        is something else.
    """
    if _home(theirs) != _home(ours):
        return ""
    folder = _folder(theirs)
    elsewhere = "" if folder == _folder(ours) else f" in {folder}"
    return f"copy of this package{elsewhere}"


def _home(value: Any) -> tuple[str, ...]:
    # Without the package that may contain a copy.
    module = str(getattr(value, "__module__", None))
    return (*module.split(".")[-2:], str(getattr(value, "__qualname__", None)))


def _folder(value: Any) -> Path:
    function = value if isinstance(value, FunctionType) else value.__init__
    return Path(function.__code__.co_filename).parent


def _registered() -> Set[str]:
    """Returns those of our names that Keras knows as ours."""
    return {
        name
        for table in _TABLES
        for name, ours in table.ours.items()
        if table.find().get(name) is ours
    }


def _restore(registered: Set[str]) -> None:
    """Makes Keras know these of our names, and forget the others."""
    for table in _TABLES:
        names = table.find()
        for name, ours in table.ours.items():
            if name in registered:
                names.setdefault(name, ours)
            elif names.get(name) is ours:
                del names[name]


@functools.cache
def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)

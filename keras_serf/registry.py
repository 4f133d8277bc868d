"""`register()` and `unregister()`: Serf's names in Keras' tables of names.

Keras looks up the name of an activation or an initializer in a private table,
and has no public API to add a name. `keras.saving.register_keras_serializable`
works for saved models but not for a plain string. Only this module changes
those tables.
"""

import functools
import importlib
import warnings
from collections.abc import Mapping, MutableMapping, Set
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, TracebackType
from typing import Any

import keras

from keras_serf.activation import serf
from keras_serf.initializers import SerfNormal, SerfUniform


@dataclass(frozen=True)
class _Table:
    """A table of Keras, and the names that this package adds to it.

    Attributes:
        kind: "activation" or "initializer".
        known: A name of Keras in the table, which identifies it.
        ours: The objects of this package, by name.
        argument: The argument of a layer that takes such a name.
        instead: Value for that argument if names do not work.
    """

    kind: str
    known: str
    ours: Mapping[str, Any]
    argument: str
    instead: str

    def find(self) -> MutableMapping[str, Any]:
        """Returns Keras' table, or an empty one if Keras has moved it."""
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
    """The context manager that undoes `register()` or `unregister()`."""

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
    """Registers the name "serf" with Keras, and those of the initializers.

    Then `activation="serf"` works wherever Keras takes the name of an
    activation, and `kernel_initializer="serf_normal"` or `"serf_uniform"` (or
    `"SerfNormal"`, `"SerfUniform"`) wherever it takes the name of an
    initializer.

    `import keras_serf` calls this function; a second call changes nothing. An
    existing registration of one of the names by Keras or another package stays
    in place. In that case, or if a release of Keras has moved its tables, the
    function issues a one-line warning. `keras_serf.serf`, the layer, the
    initializers and saved models work in any case.

    Returns:
        A context manager that restores the previous registrations on exit.

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
                f"which stays in place; for that of this package use {instead}."
            )
            if copy:  # The other names are from that copy too.
                break
    return _Registration(before)


def unregister() -> _Registration:
    """Removes the name "serf" from Keras, and those of the initializers.

    Saved models with Serf still load: their names, such as `keras_serf>serf`,
    stay registered. A "serf" of another package stays in place.

    Returns:
        A context manager that restores the previous registrations on exit.

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
    """Describes the copy of this package that an object belongs to.

    A process has two copies if it imports the package from two folders, or
    again after its modules were deleted from `sys.modules`.

    Args:
        theirs: A function or class.
        ours: The object of that name in this copy.

    Returns:
        "copy of this package", with its folder if it is another one; "" if
        `theirs` belongs to no copy.
    """
    if _home(theirs) != _home(ours):
        return ""
    folder = _folder(theirs)
    elsewhere = "" if folder == _folder(ours) else f" in {folder}"
    return f"copy of this package{elsewhere}"


def _home(value: Any) -> tuple[str, ...]:
    # Without the name of a package that may contain a copy.
    module = str(getattr(value, "__module__", None))
    return (*module.split(".")[-2:], str(getattr(value, "__qualname__", None)))


def _folder(value: Any) -> Path:
    function = value if isinstance(value, FunctionType) else value.__init__
    return Path(function.__code__.co_filename).parent


def _registered() -> Set[str]:
    """Returns the names that Keras maps to objects of this package."""
    return {
        name
        for table in _TABLES
        for name, ours in table.ours.items()
        if table.find().get(name) is ours
    }


def _restore(registered: Set[str]) -> None:
    """Registers these names of this package and removes the others."""
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

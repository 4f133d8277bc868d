"""`register()` and `unregister()`: teach Keras the word "serf", or unteach it.

Keras looks up the name of an activation in a private table and offers no public
way to add to it; `keras.saving.register_keras_serializable` covers saved models
but not the bare string. This file alone touches that table.
"""

import functools
import warnings
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import keras

from keras_serf.activation import serf

_NAME = "serf"


class _Registration:
    """What `register()` and `unregister()` return: as a context, undoes it."""

    def __init__(self, was_registered: bool) -> None:
        self._was_registered = was_registered

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._was_registered:
            register()
        else:
            unregister()


def register() -> _Registration:
    """Makes `activation="serf"` work wherever Keras takes a name.

    `import keras_serf` has called it already; calling it again changes nothing.
    A "serf" that Keras itself (or somebody else) has put there is never
    replaced: then, and where a release of Keras has no such table any more, it
    warns in one line and does nothing. `keras_serf.serf`, the layer and saved
    models work all the same.

    Returns:
        A context manager that on exit restores what was before the call.

    Example:

    >>> with keras_serf.register():
    ...     keras.activations.get("serf") is keras_serf.serf
    True
    """
    names = _table()
    if names is None:
        _warn(
            f"Keras {keras.__version__} has moved its table of activation "
            'names, so activation="serf" does not work; use '
            "activation=keras_serf.serf."
        )
        return _Registration(was_registered=False)
    was_registered = names.get(_NAME) is serf
    if names.setdefault(_NAME, serf) is not serf:
        _warn(
            'Keras already has an activation named "serf", which was left in '
            "place; for this package's use activation=keras_serf.serf."
        )
    return _Registration(was_registered)


def unregister() -> _Registration:
    """Makes Keras forget the word "serf", as if this were never imported.

    Only the bare string is forgotten: models saved with Serf still load, since
    their names `keras_serf>serf` and `keras_serf>Serf` stay known. A "serf"
    that is not this package's is left in place.

    Returns:
        A context manager that on exit restores what was before the call.

    Example:

    >>> with keras_serf.unregister():
    ...     keras.activations.get("serf")
    Traceback (most recent call last):
    ...
    ValueError: Could not interpret activation function identifier: serf
    """
    names = _table()
    if names is None or names.get(_NAME) is not serf:
        return _Registration(was_registered=False)
    del names[_NAME]
    return _Registration(was_registered=True)


def _table() -> MutableMapping[str, Any] | None:
    """Returns Keras' own table of names if it is where we know it to be."""
    try:
        from keras.src.activations import ALL_OBJECTS_DICT
    except ImportError:
        return None
    known = ALL_OBJECTS_DICT.get("relu") is keras.activations.relu
    return ALL_OBJECTS_DICT if known else None


@functools.cache
def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)

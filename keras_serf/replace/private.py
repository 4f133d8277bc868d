"""All private names of Keras that copies of models need.

Each function uses one private name, and raises a one-line error if a release of
Keras has moved it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras


def child_layers(owner: Any) -> list[Any]:
    """Returns the sublayers of a layer; none for other operations."""
    if not isinstance(owner, keras.layers.Layer):
        return []
    return list(_get(owner, "_layers"))


def compile_arguments(model: Any) -> list[Any]:
    """Returns the arguments of a model's `compile`: loss, metrics, ..."""
    if not getattr(model, "compiled", False):
        return []
    return keras.tree.flatten(_get(model, "_compile_config").config)


def producers(operation: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Yields the operations that produce the inputs of an operation.

    Yields:
        An operation and its own call arguments.
    """
    for node in _get(operation, "_inbound_nodes"):
        for tensor in _get(node, "input_tensors"):
            history = _get(tensor, "_keras_history")
            made = _get(history.operation, "_inbound_nodes")[history.node_index]
            arguments = _get(made, "arguments")
            flat = keras.tree.flatten((arguments.args, arguments.kwargs))
            yield history.operation, flat


def become(operation: Any, other: Any) -> None:
    """Turns an operation or layer into another, and keeps its graph nodes.

    Graphs, attributes and lists still refer to the same `operation`.

    Args:
        operation: The operation to change.
        other: A new operation, which is in no graph.
    """
    state = vars(other)
    for nodes in ("_inbound_nodes", "_outbound_nodes"):
        state[nodes] = _get(operation, nodes)
    for node in state["_inbound_nodes"]:
        # An argument of Softmax.
        _get(node, "arguments").kwargs.pop("mask", None)
    set_class(operation, type(other))
    vars(operation).clear()
    vars(operation).update(state)


def set_class(owner: Any, cls: type) -> None:
    """Changes the class of a layer or operation, but not its attributes."""
    try:
        owner.__class__ = cls
    except TypeError as error:
        raise RuntimeError(_moved(owner, "__class__")) from error


@contextlib.contextmanager
def of_class(owner: Any, cls: type) -> Iterator[None]:
    """Changes the class of a layer inside the context."""
    own = type(owner)
    set_class(owner, cls)
    try:
        yield
    finally:
        set_class(owner, own)


def unpickle(cls: Any, *arguments: Any) -> Any:
    """Calls the function with which Keras unpickles models of a class."""
    return _get(cls, "_unpickle_model")(*arguments)


def _get(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        raise RuntimeError(_moved(owner, name)) from None


def _moved(owner: Any, name: str) -> str:
    cls = owner if isinstance(owner, type) else type(owner)
    return (
        f"Keras {keras.__version__} has moved {cls.__name__}.{name}, which "
        "keras_serf.replace_activations needs; use an earlier release of Keras "
        "until keras_serf knows this one"
    )

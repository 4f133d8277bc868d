"""`replace_activations()`: other activations in a model that exists.

The model is copied as Keras saves and loads it. Then each activation is
exchanged where it is held: by an attribute of a layer, by a layer that is but
an activation, or by an operation of a functional graph. Last, whatever would
be rebuilt from its config with the old activations, because its class fixes
them, gets a config that tells the new ones.
"""

import dataclasses
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import keras

# What one activation for all takes the place of: the rectifiers, which hidden
# layers have. Others may be there for their bounds, or be what an output means.
_RECTIFIERS = {
    "celu",
    "elu",
    "gelu",
    "hard_silu",
    "leaky_relu",
    "mish",
    "prelu",
    "quick_gelu",
    "relu",
    "selu",
    "serf",
    "silu",
}
_ALIASES = {
    "gelu_approximate": "gelu",  # KerasHub's own function
    "hard_swish": "hard_silu",
    "swish": "silu",
}
_NAMES = _RECTIFIERS | {
    name
    for name in dir(keras.activations)
    if name not in ("deserialize", "get", "serialize") and name[0] != "_"
}
# Layers and operations are called as functions are: LeakyReLU, LeakyRelu.
_CLASSES = {name.replace("_", ""): name for name in _NAMES}

_NONE = "none but what a `call` method may apply"
_SAME = "kept: it is the same"

Where = str | Callable[[Any], bool] | None


def replace_activations(
    model: Any,
    replacements: Any = "serf",
    *,
    where: Where = None,
    verbose: bool = False,
) -> Any:
    """Copies a model, with other activations in the copy.

    Args:
        model: A model of any kind that Keras can save and load: `Sequential`,
            functional, subclassed, of Keras Applications or of KerasHub.
        replacements: A dictionary from each activation that is to go to the
            one that takes its place, such as `{"relu": "serf"}`. Keys are
            names, also of classes (`"LeakyReLU"`); functions and layers stand
            for theirs. `"relu"` stands for
            `activation="relu"`, `keras.activations.relu`, the layers `ReLU()`
            and `Activation("relu")`, and `keras.ops.relu` in a functional
            graph; `ReLU(6)` is `"relu6"`, any slope is `"leaky_relu"`. Values
            are what `keras.activations.get` takes, or layers without weights
            (instances or classes). A function of your own must have a name,
            and be registered (`keras.saving.register_keras_serializable`) if
            the copy is to load elsewhere.

            Anything but a dictionary takes the place of `"relu"`, `"prelu"`,
            `"leaky_relu"`, `"elu"`, `"celu"`, `"selu"`, `"gelu"`, `"silu"`,
            `"hard_silu"`, `"mish"` and `"serf"`, except as the gate of a
            recurrent layer (its `recurrent_activation`); a model that has it
            in their places already is copied as it is. What has an upper
            bound (`"softmax"`, `"sigmoid"`, `"tanh"`, `"relu6"`, ...) and
            outputs such as `"softplus"` are then kept.
        where: Which of them to replace; all by default. A regular expression
            that is searched for in the path of each, as `verbose` prints it:
            `"block_[3-5]"`. Or a function that is called with each layer,
            nested model and operation of a graph, and returns whether to
            replace it and all inside it:
            `lambda layer: isinstance(layer, keras.layers.Conv2D)`.
        verbose: Whether to print all activations and what becomes of each.

    Returns:
        A new model of the same type, with the same weights, names, dtype
        policies and `trainable` flags; `model` is left as it is. It is compiled
        as `model` is, with an optimizer that starts afresh. It saves and loads,
        after `import keras_serf`.

        Where the class of a layer or model fixes the activation, as KerasHub's
        backbones do, the copy is of a subclass of that class, which saves the
        new activations next to the old config. KerasHub's `from_preset` loads
        such a backbone as part of its task only: save one on its own as
        `.keras`.

        What the code of a `call` method or a `Lambda` applies on its own cannot
        be seen, and stays. So do functions in lists and dictionaries, which
        `verbose` prints as not seen, and the name that a layer keeps to look
        its activation up, where the new one is not a function of Keras or of
        this package. A subclass of a layer such as `ReLU` is one, unless it has
        a `call` of its own: then it goes by the name of its class.

    Raises:
        ValueError: If nothing matches, a key names no activation or the same
            as another, a value has weights, or Keras can not save and load the
            model or a value.

    Example:

    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((4,)),
    ...         keras.layers.Dense(8, "relu", name="hidden"),
    ...         keras.layers.Dense(2, "softmax", name="head"),
    ...     ],
    ...     name="classifier",
    ... )
    >>> new = keras_serf.replace_activations(model, verbose=True)
    classifier/hidden.activation  relu     -> serf
    classifier/head.activation    softmax  kept
    >>> new.layers[0].activation is keras_serf.serf
    True
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"Expected `model` to be a `keras.Model`. Received: {model=}"
        )
    _check_where(where)
    by_name = isinstance(replacements, dict)
    wanted = _wanted(replacements)
    same = None if by_name else _name(next(iter(wanted.values())))
    custom_objects = _custom_objects([*_used(model), *wanted.values()])
    with (
        keras.saving.custom_object_scope(custom_objects),
        warnings.catch_warnings(),
    ):
        # Of what one need not know here: lambdas, models not built yet.
        warnings.simplefilter("ignore", UserWarning)
        copy = _copy(model)
        rows = []
        for place in list(_places(copy)):
            name = _name(place.value)
            outcome = "kept"
            if name in wanted and not place.is_in(where):
                outcome = "kept: not in `where`"
            elif (
                name in wanted
                and not by_name
                and place.attribute == "recurrent_activation"
            ):
                outcome = "kept: a gate"
            elif name in wanted and not place.takes(wanted[name]):
                outcome = "kept: takes only names"
            elif name in wanted:
                place.replace(wanted[name])
                outcome = f"-> {_name(wanted[name])}"
            elif name == same and place.is_in(where):
                outcome = _SAME
            if name in wanted or name != "linear":
                rows.append((place.path, name, outcome))
        rows += _not_seen(copy)
        if not any(
            outcome.startswith("->") or outcome == _SAME
            for _, _, outcome in rows
        ):
            counts = Counter(
                name + outcome.removeprefix("kept") for _, name, outcome in rows
            )
            found = ", ".join(f"{n} ({counts[n]})" for n in sorted(counts))
            raise ValueError(
                f"Expected `replacements` to match activations of model "
                f"{model.name!r}, which are: {found or _NONE}. "
                f"Received: {replacements=}, {where=}"
            )
        unknown = wanted.keys() - _NAMES - {name for _, name, _ in rows}
        if unknown:
            raise ValueError(
                f"Expected the keys of `replacements` to be activations. "
                f"Received: {sorted(unknown)}"
            )
        _fix_configs(copy)
        _compile_like(copy, model)
    if verbose:
        widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
        for path, name, outcome in rows:
            print(f"{path:{widths[0]}}  {name:{widths[1]}}  {outcome}")
    return copy


@keras.saving.register_keras_serializable(package="keras_serf")
class ActivationOperation(keras.Operation):
    """An activation as a node of a graph, or a layer that serves as a function.

    Args:
        activation: A name, a function, or a layer without weights.
        name: Name of the operation.
    """

    def __init__(self, activation: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self.activation = keras.activations.get(activation)

    def call(self, x: Any) -> Any:
        """Returns `activation(x)`."""
        return self.activation(x)

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        """Returns the shape and dtype of `x`."""
        return keras.KerasTensor(x.shape, x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make such an operation."""
        activation = keras.activations.serialize(self.activation)
        return {"name": self.name, "activation": activation}


class WithActivations:
    """Saves a layer whose class fixes its activations, with those that it has.

    A base, before the layer's own class, of the classes that
    `_with_activations` makes. All are saved under one name: whose `from_config`
    it is that Keras finds, is all the same.
    """

    _fixed: list[str]

    def _own_config(self) -> dict[str, Any]:
        cls = type(self)
        self.__class__ = cls.__bases__[1]
        try:
            return _serialize(self)
        finally:
            self.__class__ = cls

    def _see_what_is_fixed(self) -> None:
        layer = _deserialize(self._own_config())
        self._fixed = [place.label for place in _places(layer)]

    def get_config(self) -> dict[str, Any]:
        """Returns the layer as its own class saves it, and what differs."""
        return {
            "layer": self._own_config(),
            "activations": [
                [fixed, None if place.label == fixed else place.serialize()]
                for fixed, place in zip(self._fixed, _places(self), strict=True)
            ],
        }

    def __reduce__(self) -> Any:
        """Returns what Keras pickles, and a function that pickle can find."""
        reduced: Any = super().__reduce__()
        return _unpickle, (type(self).__bases__[1], *reduced[1])

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns the layer, built if it was, with its activations."""
        layer = keras.saving.deserialize_keras_object(config["layer"])
        places = list(_places(layer))
        labels = [place.label for place in places]
        if labels != [fixed for fixed, _ in config["activations"]]:
            raise ValueError(
                f"Expected {type(layer).__name__} to have the activations "
                f"that it had when it was saved. Received: {labels}"
            )
        for place, (_, saved) in zip(
            places, config["activations"], strict=True
        ):
            if saved is not None:
                place.replace(keras.activations.get(saved))
        layer.__class__ = _with_activations(layer)
        layer._fixed = labels
        return layer


def _unpickle(cls: Any, *arguments: Any) -> Any:
    return cls._unpickle_model(*arguments)


_register = keras.saving.register_keras_serializable(
    package="keras_serf", name="WithActivations"
)
_register(WithActivations)
_subclasses: dict[type, type] = {}


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where an activation is held.

    Attributes:
        owners: The model, the layers through which one gets there, and the
            layer or operation that holds the activation.
        attribute: The attribute of the last owner; `None` if that owner is
            itself the activation.
    """

    owners: tuple[Any, ...]
    attribute: str | None = None

    @property
    def path(self) -> str:
        names = "/".join(owner.name for owner in self.owners)
        return f"{names}.{self.attribute}" if self.attribute else names

    @property
    def value(self) -> Any:
        owner = self.owners[-1]
        return getattr(owner, self.attribute) if self.attribute else owner

    @property
    def label(self) -> str:
        """The activation, told from any that computes something else."""
        value = self.value
        if isinstance(value, ActivationOperation):
            return str(value.get_config()["activation"])
        if isinstance(value, keras.Operation | str):
            return _name(value)
        return str(keras.saving.get_registered_name(value))

    def is_in(self, where: Where) -> bool:
        if where is None:
            return True
        if isinstance(where, str):
            return re.search(where, self.path) is not None
        # The model itself holds an activation only where nothing else does.
        return any(map(where, self.owners[1:] or self.owners))

    def serialize(self) -> Any:
        value = self.value
        if isinstance(value, str):
            return value
        return keras.activations.serialize(value)

    def takes(self, new: Any) -> bool:
        """Whether a class that keeps a name could look up that of `new`."""
        return not isinstance(self.value, str) or _is_activation(new)

    def replace(self, new: Any) -> None:
        owner = self.owners[-1]
        if self.attribute:
            if isinstance(self.value, str):
                # Such a class expects a name, and hands it on to a layer.
                new = _name(new)
            setattr(owner, self.attribute, new)
            return
        # Graphs, attributes and lists hold the owner, so it stays the object
        # that it is, and becomes in all else a new operation or layer.
        make: Any = ActivationOperation
        settings: dict[str, Any] = {"name": owner.name}
        if isinstance(owner, keras.layers.Layer):
            make = keras.layers.Activation
            settings["dtype"] = owner.dtype_policy
            settings["trainable"] = owner.trainable
        state = vars(make(new, **settings))
        for nodes in ("_inbound_nodes", "_outbound_nodes"):
            state[nodes] = getattr(owner, nodes)
        for node in owner._inbound_nodes:
            node.arguments.kwargs.pop("mask", None)  # An argument of Softmax.
        owner.__class__ = make
        vars(owner).clear()
        vars(owner).update(state)


def _places(model: Any) -> Iterator[_Place]:
    """Yields where a model or layer holds activations, in a fixed order."""
    for owners in _walk(model):
        owner = owners[-1]
        if _is_activation(owner):
            # Inside layers, softmax is the normalization of attention.
            parent = owners[-2] if len(owners) > 1 else None
            if _name(owner) != "softmax" or isinstance(parent, keras.Model):
                yield _Place(owners)
            continue
        for attribute in sorted(vars(owner)):
            value = vars(owner)[attribute]
            if isinstance(value, str):
                held = attribute.endswith("activation") and value in _NAMES
            elif isinstance(value, type | keras.layers.Layer):
                held = False  # Layers are met with as layers.
            else:
                held = callable(value) and (
                    attribute.endswith("activation")
                    or _is_activation(value)
                    or isinstance(value, ActivationOperation)
                )
            if held:
                yield _Place(owners, attribute)


def _not_seen(model: Any) -> Iterator[tuple[str, str, str]]:
    """Yields rows of the report: what may be activations that are not ours."""
    for owners in _walk(model):
        path = _Place(owners).path
        function = getattr(owners[-1], "function", None)
        if isinstance(owners[-1], keras.layers.Lambda) and not (
            _is_activation(function)
        ):
            yield path, _name(function), "not seen: in a Lambda"
        for attribute, value in vars(owners[-1]).items():
            if isinstance(value, dict):
                value = [*value.values()]
            if not isinstance(value, list | tuple):
                continue
            for held in value:
                if _is_activation(held) and not isinstance(
                    held, keras.Operation
                ):
                    kind = "not seen: in a list or dictionary"
                    yield f"{path}.{attribute}", _name(held), kind


def _walk(
    owner: Any, parents: tuple[Any, ...] = (), seen: set[int] | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yields every layer and operation once, after all that lead to it."""
    seen = set() if seen is None else seen
    if id(owner) in seen:
        return
    seen.add(id(owner))
    owners = (*parents, owner)
    yield owners
    # Keras offers no public way to the layers inside a layer.
    graph = owner.operations if isinstance(owner, keras.Function) else []
    for child in (*graph, *getattr(owner, "_layers", [])):
        yield from _walk(child, owners, seen)


def _is_activation(value: Any) -> bool:
    """Returns whether Keras or this package call `value` an activation."""
    if isinstance(value, keras.Operation):
        return any(map(_is_known, type(value).__mro__))
    return getattr(value, "__name__", None) in _NAMES and _is_from_keras(value)


def _is_known(cls: type) -> bool:
    return cls.__name__.lower() in _CLASSES and _is_from_keras(cls)


def _is_from_keras(value: Any) -> bool:
    home = str(getattr(value, "__module__", None)).split(".")[0]
    return home in ("keras", "keras_serf")


def _name(activation: Any) -> str:
    """Returns the name that `replacements` has for an activation."""
    if isinstance(activation, ActivationOperation | keras.layers.Activation):
        return _name(activation.activation)
    if isinstance(activation, keras.Operation):
        name = _name(type(activation))
        return _relu_name(activation) if name == "relu" else name
    if isinstance(activation, type):
        for cls in activation.__mro__:
            if _is_known(cls):
                return _CLASSES[cls.__name__.lower()]
            if "call" in vars(cls):  # It computes something of its own.
                break
        return activation.__name__
    if not isinstance(activation, str):
        activation = getattr(activation, "__name__", repr(activation))
    return _ALIASES.get(activation, activation)


def _relu_name(relu: Any) -> str:
    names = ("max_value", "negative_slope", "threshold")
    settings = {n: v for n in names if (v := getattr(relu, n, None))}
    if settings.keys() == {"negative_slope"}:
        return "leaky_relu"
    texts = ", ".join(f"{n}={v:g}" for n, v in settings.items())
    known = {"": "relu", "max_value=6": "relu6"}
    return known.get(texts, f"relu({texts})")


def _check_where(where: Any) -> None:
    try:
        if isinstance(where, str):
            re.compile(where)
        fits = where is None or isinstance(where, str) or callable(where)
        reason = "" if fits else f"a {type(where).__name__}"
    except re.error as error:
        reason = str(error)
    if reason:
        raise ValueError(
            "Expected `where` to be a regular expression or a function of a "
            f"layer. Received: {where=} ({reason})"
        )


def _wanted(replacements: Any) -> dict[str, Any]:
    """Returns what takes the place of each activation, by its name."""
    if replacements is None:
        raise ValueError(
            "Expected `replacements` to be an activation, or a dictionary of "
            "them. Received: replacements=None"
        )
    if not isinstance(replacements, dict):
        new = _new(replacements)
        return dict.fromkeys(_RECTIFIERS - {_name(new)}, new)
    wanted: dict[str, Any] = {}
    for key, value in replacements.items():
        # Names of classes are keys too: "LeakyReLU".
        known = _CLASSES.get(key.lower(), key) if isinstance(key, str) else key
        name = _name(known)
        if name in wanted:
            raise ValueError(
                f"Expected one key of `replacements` for {name!r}. "
                f"Received: {replacements=}"
            )
        wanted[name] = _new(value)
    return wanted


def _new(replacement: Any) -> Any:
    """Returns a function, or an operation for what a layer does."""
    if isinstance(replacement, type):
        replacement = replacement()
    if isinstance(replacement, keras.layers.Layer):
        replacement(keras.KerasTensor((1, 1)))
        if replacement.weights:
            raise ValueError(
                "Expected a replacement without weights. "
                f"Received: {type(replacement).__name__}"
            )
        new = ActivationOperation(replacement)
    else:
        new = keras.activations.get(replacement)
    try:
        with (
            keras.saving.custom_object_scope(_custom_objects([new])),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", UserWarning)  # Of lambdas.
            loaded = keras.activations.get(keras.activations.serialize(new))
        if isinstance(new, FunctionType) and loaded is not new:
            raise ValueError("Keras has another function of that name")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected replacements that Keras {keras.__version__} can save "
            "and load: names, or functions that have a name of their own. "
            f"Received: {replacement}"
        ) from error
    return new


def _used(model: Any) -> Iterator[Any]:
    """Yields the classes of a model, and the values that it holds."""
    for *_, owner in _walk(model):
        yield from (*type(owner).__mro__, *vars(owner).values())
    if getattr(model, "_compile_config", None):
        yield from keras.tree.flatten(model._compile_config.config)


def _custom_objects(used: list[Any]) -> dict[str, Any]:
    """Returns the classes and functions that Keras would not find by name."""
    return {
        value.__name__: value
        for value in [*used, *map(type, used)]
        if isinstance(value, type | FunctionType)
        and value.__module__.split(".")[0] not in ("builtins", "keras")
        and keras.saving.get_registered_name(value) == value.__name__
    }


def _copy(model: Any) -> Any:
    """Returns what Keras saves of `model` and loads, not compiled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        try:
            keras.saving.save_model(model, path)
            copy = keras.saving.load_model(path, compile=False, safe_mode=False)
            if len(copy.weights) != len(model.weights):
                raise ValueError("layers that `build` does not build are lost")
        except Exception as error:
            raise ValueError(
                "Expected a model that Keras can save and load. Received: "
                f"{_culprit(model, error)}"
            ) from error
    # What Keras does not save: here, what tells `compile` to scale the loss ...
    copy.dtype_policy = model.dtype_policy
    # ... and here the flags of layers that other layers make.
    for (*_, theirs), (*_, ours) in zip(
        _walk(model), _walk(copy), strict=False
    ):
        if type(theirs) is not type(ours):
            break
        trainable = getattr(theirs, "trainable", None)
        if trainable != getattr(ours, "trainable", None):
            ours.trainable = trainable
    return copy


def _culprit(model: Any, error: Exception) -> str:
    """Returns which layer it is that cannot be saved or loaded, and why."""
    for *_, layer in reversed(list(_walk(model))):
        try:
            _deserialize(_serialize(layer))
        except Exception as own_error:
            error = own_error
            break
    # Keras wraps the reason in long messages, and says it last.
    reason = re.split("(?:encountered|deserialization): ", str(error))[-1]
    reason = " ".join(reason.split()).split(". ")[0]
    return f"{type(layer).__name__} {layer.name!r}: {reason}"


def _serialize(layer: Any) -> Any:
    config = keras.saving.serialize_keras_object(layer)
    config.pop("compile_config", None)
    return config


def _deserialize(config: Any) -> Any:
    return keras.saving.deserialize_keras_object(config, safe_mode=False)


def _fix_configs(model: Any) -> None:
    """Makes everything tell its activations in its config."""
    for *_, layer in reversed(list(_walk(model))):
        if isinstance(layer, WithActivations):
            layer._see_what_is_fixed()
    while lost := _lost(model):
        fixed: set[int] = set()
        for owners in lost:
            if fixed.intersection(map(id, owners)):
                continue
            layer = next(layer for layer in reversed(owners) if _loses(layer))
            fixed.add(id(layer))
            if not isinstance(layer, WithActivations):
                layer.__class__ = _with_activations(layer)
                layer._see_what_is_fixed()
            if _lost(layer):
                raise ValueError(
                    "Expected layers that Keras rebuilds from their config as "
                    f"they are. Received: {type(layer).__name__} {layer.name!r}"
                )


def _loses(layer: Any) -> bool:
    try:
        return bool(_lost(layer))
    except Exception:  # It has no config: then it is up to what it is part of.
        return False


def _lost(layer: Any) -> list[tuple[Any, ...]]:
    """Returns the owners of activations that the config of `layer` lacks."""
    places = list(_places(layer))
    rebuilt = list(_places(_deserialize(_serialize(layer))))
    if len(places) != len(rebuilt):
        return [(layer,)]
    return [
        place.owners
        for place, other in zip(places, rebuilt, strict=True)
        if place.label != other.label
    ]


def _with_activations(layer: Any) -> Any:
    """Returns the class of `layer`, as one that saves the activations."""
    cls = type(layer)
    if cls not in _subclasses:
        bases = (WithActivations, cls)
        namespace = {"__module__": __name__}
        _subclasses[cls] = type(cls.__name__, bases, namespace)
        _register(_subclasses[cls])
        _register(WithActivations)  # The one that is found by that name.
    return _subclasses[cls]


def _compile_like(copy: Any, model: Any) -> None:
    if not getattr(model, "compiled", False):
        return
    config = model.get_compile_config()
    if type(model).compile_from_config is not keras.Model.compile_from_config:
        copy.compile_from_config(config)
        return
    # What Keras' own would do, which refuses a class that overrides `compile`.
    copy.compile(**_deserialize(config))
    if copy.built:
        copy.optimizer.build(copy.trainable_variables)

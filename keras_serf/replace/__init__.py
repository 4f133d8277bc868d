"""`replace_activations()`: a copy of a model, with other activations.

Keras saves and loads the model to copy it (`copies`). Then each activation is
replaced in its place (`places`): an attribute of a layer, an activation layer,
or an operation of a functional graph. Finally, each layer whose class fixes its
activations gets a subclass (`fixed`), because its own config would restore the
old ones.
"""

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import keras

from keras_serf.activation import serf
from keras_serf.replace.arguments import check_where, parse_replacements
from keras_serf.replace.configs import custom_objects
from keras_serf.replace.copies import compile_like, copy_model, used_by
from keras_serf.replace.fixed import has_other_activations, save_fixed
from keras_serf.replace.gates import is_gate
from keras_serf.replace.irreplaceable import irreplaceable
from keras_serf.replace.names import NAMES, RECTIFIERS, is_same, name_of
from keras_serf.replace.places import Place, Where, places

_REPLACED = "-> "
_SAME = "kept: it is the same"


def replace_activations(
    model: Any,
    replacements: Any = serf,
    *,
    where: Where = None,
    verbose: bool = False,
) -> Any:
    """Copies a model and replaces activations in the copy.

    Args:
        model: A `keras.Model` that Keras can save and load: `Sequential`,
            functional, subclassed, from Keras Applications or from KerasHub.
        replacements: The new activation, or a dictionary from old activations
            to new ones.

            **An activation** (Serf by default) replaces all rectifiers:
            `"relu"`, `"relu6"`, `"leaky_relu"`, `"prelu"`, `"elu"`, `"celu"`,
            `"selu"`, `"gelu"`, `"quick_gelu"`, `"silu"`, `"hard_silu"`,
            `"mish"` and `"serf"`. It keeps gates: the `recurrent_activation` of
            recurrent layers, and `relu6(x + 3) / 6`, the hard sigmoid of
            MobileNetV3. It keeps other activations, such as `"softmax"`,
            `"sigmoid"`, `"tanh"` and `"softplus"`. If the model has the new
            activation everywhere already, the result is a plain copy.

            **A dictionary**, such as `{"relu": "serf", "sigmoid":
            "hard_sigmoid"}`, replaces the activations of its keys, including
            gates. A key is a name (`"relu"`), the name of a class
            (`"LeakyReLU"`), a function, a layer or a class of layers. `"relu"`
            includes `activation="relu"`, `keras.activations.relu`, the layers
            `ReLU()` and `Activation("relu")`, and `keras.ops.relu` in a
            functional graph. `ReLU(6)` is `"relu6"`, and a `ReLU` with a slope
            is `"leaky_relu"`. A subclass of such a layer has the name of that
            layer, unless it overrides `call`: then it has its own class name.

            New activations are values that `keras.activations.get` takes, or
            layers without weights (instances or classes). To load the copy in
            another process, register your own functions there with
            `keras.saving.register_keras_serializable`.
        where: Selects the activations to replace; by default all. Either a
            regular expression that must match a part of the path, as
            `verbose=True` prints it (`"block_[3-5]"`), or a function that takes
            a layer, nested model or operation and returns whether to replace
            activations in it (`lambda layer: isinstance(layer,
            keras.layers.Conv2D)`).
        verbose: Whether to print a table of all activations, with the path,
            the name and the outcome of each.

    Returns:
        A new model of the same type, with the same weights, names, dtype
        policies and `trainable` flags. If `model` is compiled, the copy is
        compiled in the same way, with a new optimizer. The copy can be saved,
        and loads after `import keras_serf`. `model` itself does not change.

        If the class of a layer or model fixes the activation, as in KerasHub's
        backbones, its copy has a subclass of that class, which saves the new
        activations together with the old config. Save a KerasHub backbone as
        `.keras` or as a part of its task: `from_preset` of a backbone does not
        load such a subclass. Its export to Hugging Face Transformers raises a
        `ValueError`, because KerasHub writes the activation of the class into
        Hugging Face's config.

    Raises:
        ValueError: If no activation matches, a key of `replacements` is not an
            activation or is the same as another key, a new activation has
            weights, or Keras cannot save and load the model or a new
            activation.
        RuntimeError: If this release of Keras has moved a private name that
            copies need.

    Warns:
        UserWarning: If one of the old activations is also in a place where it
            cannot be replaced: in the code of a `call` method or a `Lambda`, or
            as a function in a list or dictionary. Only functions of Keras, JAX,
            TensorFlow and PyTorch are recognized in code.

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
    check_where(where)
    by_name = isinstance(replacements, dict)
    wanted = parse_replacements(replacements)
    known = custom_objects([*used_by(model), *wanted.values()])
    with (
        keras.saving.custom_object_scope(known),
        warnings.catch_warnings(),
    ):
        # Keras warns about lambdas and models that are not built yet.
        warnings.simplefilter("ignore", UserWarning)
        copy = copy_model(model)
        rows = []
        for place in list(places(copy)):
            name = name_of(place.value)
            outcome = _outcome(place, wanted, where, by_name)
            if outcome.startswith(_REPLACED):
                place.replace(wanted[name])
            if name in wanted or name != "linear":
                rows.append((place.path, name, outcome))
        left = list(irreplaceable(copy, RECTIFIERS | wanted.keys()))
        rows += [(place.path, name, why) for place, name, why in left]
        _check_matches(rows, model, wanted, f"{replacements=}, {where=}")
        save_fixed(copy)
        compile_like(copy, model)
    if verbose:
        _print_report(copy, rows)
    _warn_of_irreplaceable(
        (place, name)
        for place, name, _ in left
        if name in wanted and place.is_in(where)
    )
    return copy


def _outcome(
    place: Place, wanted: dict[str, Any], where: Where, by_name: bool
) -> str:
    """Returns the outcome for an activation, as the table shows it."""
    name = name_of(place.value)
    if not by_name and is_same(place.value, next(iter(wanted.values()))):
        return _SAME if place.is_in(where) else "kept"
    if name not in wanted:
        return "kept"
    if not place.is_in(where):
        return "kept: not in `where`"
    if not by_name and is_gate(place):
        return "kept: a gate"
    if not place.takes(wanted[name]):
        return "kept: takes only names"
    return _REPLACED + name_of(wanted[name])


def _check_matches(
    rows: list[tuple[str, str, str]],
    model: Any,
    wanted: dict[str, Any],
    received: str,
) -> None:
    """Raises `ValueError` if nothing matches or a key is not an activation."""
    if not any(
        outcome.startswith(_REPLACED) or outcome == _SAME
        for _, _, outcome in rows
    ):
        counts = Counter(
            name if outcome == "kept" else f"{name}: {outcome}"
            for _, name, outcome in rows
        )
        found = ", ".join(
            f"{n.replace('kept: ', '')} ({counts[n]})" for n in sorted(counts)
        )
        raise ValueError(
            f"Expected `replacements` to match activations of model "
            f"{model.name!r}, which are: {found or 'none found'}. "
            f"Received: {received}"
        )
    unknown = wanted.keys() - NAMES - {name for _, name, _ in rows}
    if unknown:
        raise ValueError(
            f"Expected the keys of `replacements` to be activations. "
            f"Received: {sorted(unknown)}"
        )


def _print_report(copy: Any, rows: list[tuple[str, str, str]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for path, name, outcome in rows:
        print(f"{path:{widths[0]}}  {name:{widths[1]}}  {outcome}")
    if has_other_activations(copy):
        print(
            "Note: this copy cannot be exported to Hugging Face Transformers, "
            "because KerasHub would export the activation of the class."
        )


def _warn_of_irreplaceable(left: Iterable[tuple[Place, str]]) -> None:
    counts = Counter(
        f"{name} in {type(place.owners[-1]).__name__}" for place, name in left
    )
    if counts:
        found = ", ".join(f"{text} ({n})" for text, n in counts.items())
        warnings.warn(
            f"Some activations could not be replaced: {found}. They are in the "
            "code of a class or function, or in a list or dictionary; "
            "verbose=True prints their paths.",
            stacklevel=3,
        )

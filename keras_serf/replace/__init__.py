"""`replace_activations()`: other activations in a model that exists.

The model is copied as Keras saves and loads it (`copies`). Then each activation
is exchanged where it is held (`places`): by an attribute of a layer, by a layer
that is only an activation, or by an operation of a functional graph. Last,
whatever would be rebuilt from its config with the old activations, because its
class fixes them, gets a config that tells the new ones (`fixed`).
"""

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import keras

from keras_serf.activation import serf
from keras_serf.replace.arguments import check_where
from keras_serf.replace.arguments import parse_replacements
from keras_serf.replace.configs import custom_objects
from keras_serf.replace.copies import compile_like
from keras_serf.replace.copies import copy_model
from keras_serf.replace.copies import used_by
from keras_serf.replace.fixed import has_other_activations
from keras_serf.replace.fixed import save_fixed
from keras_serf.replace.gates import is_gate
from keras_serf.replace.names import NAMES
from keras_serf.replace.names import is_same
from keras_serf.replace.names import name_of
from keras_serf.replace.places import Place
from keras_serf.replace.places import Where
from keras_serf.replace.places import places
from keras_serf.replace.unseen import unseen

_REPLACED = "-> "
_SAME = "kept: it is the same"


def replace_activations(
    model: Any,
    replacements: Any = serf,
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
    check_where(where)
    by_name = isinstance(replacements, dict)
    wanted = parse_replacements(replacements)
    known = custom_objects([*used_by(model), *wanted.values()])
    with (
        keras.saving.custom_object_scope(known),
        warnings.catch_warnings(),
    ):
        # Of what one need not know here: lambdas, models not built yet.
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
        left = list(unseen(copy))
        rows += [(place.path, name, why) for place, name, why in left]
        _check_matches(rows, model, wanted, f"{replacements=}, {where=}")
        save_fixed(copy)
        compile_like(copy, model)
    if verbose:
        _print_report(copy, rows)
    _warn_of_unseen(
        (place, name)
        for place, name, _ in left
        if name in wanted and place.is_in(where)
    )
    return copy


def _outcome(
    place: Place, wanted: dict[str, Any], where: Where, by_name: bool
) -> str:
    """Returns what becomes of an activation, as the report has it."""
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
    """Raises a `ValueError` if nothing matched, or a key is no activation."""
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
            f"{model.name!r}, which are: {found or 'none that can be seen'}. "
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
            "KerasHub cannot export this model to Hugging Face Transformers, "
            "whose config names the activations that a class fixes."
        )


def _warn_of_unseen(left: Iterable[tuple[Place, str]]) -> None:
    counts = Counter(
        f"{name} in {type(place.owners[-1]).__name__}" for place, name in left
    )
    if counts:
        found = ", ".join(f"{text} ({n})" for text, n in counts.items())
        warnings.warn(
            "Not every activation could be replaced, since code applies it: "
            f"{found}. verbose=True prints where.",
            stacklevel=3,
        )

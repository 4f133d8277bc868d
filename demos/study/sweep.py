"""Hyperparameter sweeps: applies `--vary layers=1,2,4` to trials.

A task has two dataclasses of options, `model` and `training`, whose fields can
be varied by name; `groups`, which are names for several of these options (such
as `dropout` for every dropout of a model); and `fixed`, the options that all
trials of a study share, because the data or the saved assets depend on them.
"""

import contextlib
import copy
import dataclasses
import io
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from demos.common.cli import check_renamed, parse
from demos.common.errors import UserError

Axes = dict[str, tuple[Any, ...]]
Task = TypeVar("Task")
SECTIONS = ("model", "training")
# Settings of a trial that are not hyperparameters.
OTHER = ("activation", "sees")


def axes(texts: Sequence[str], task: Any, flag: str = "--vary") -> Axes:
    """Parses the options to vary.

    Args:
        texts: Texts such as `["layers=1,2,4", "optimizer=adam,sgd"]`.
        task: The task.
        flag: The command-line option, for error messages.

    Raises:
        UserError: If a name is unknown, fixed or repeated, or a value is
            invalid or repeated.
    """
    found: Axes = {}
    for text in texts:
        name, _, values = text.partition("=")
        name = name.strip().lstrip("-").replace("-", "_")
        if not (name and all(v.strip() for v in values.split(","))):
            raise UserError(
                f"Expected {flag} to be like layers=1,2,4. Received: {text!r}"
            )
        if name in found:
            raise UserError(
                f"Expected {flag} {name} only once, with all its values. "
                "Received it twice"
            )
        for other in found:
            if set(_options(task, name)) & set(_options(task, other)):
                raise UserError(
                    f"{flag} {name} and {flag} {other} are the same option, or "
                    "one is a part of the other; omit one of them"
                )
        found[name] = tuple(
            _value(task, name, value.strip(), flag)
            for value in values.split(",")
        )
        if len(set(found[name])) < len(found[name]):
            raise UserError(
                f"Expected each value of {flag} {name} once. Received: {values}"
            )
    return found


def apply_overrides(task: Task, settings: Mapping[str, Any]) -> Task:
    """Returns the task with the options in the settings of a trial.

    It is a shallow copy, or the task itself if the settings vary nothing.
    """
    varied = {k: v for k, v in settings.items() if k not in OTHER}
    if not varied:
        return task
    changed = copy.copy(task)
    for name, value in varied.items():
        for section, option in _options(task, name):
            options = dataclasses.replace(
                getattr(changed, section), **{option: value}
            )
            object.__setattr__(changed, section, options)  # It may be frozen.
    return changed


def shared(
    config: Mapping[str, Any], task: Any, names: Collection[str]
) -> dict[str, Any]:
    """Returns the config that the trials of a study share.

    It is the result of `task.config()`, or of a task that wraps it, with
    "varied" as the value of each varied option.
    """
    found = copy.deepcopy(dict(config))
    for name in names:
        for section, option in _options(task, name):
            found[section][option] = "varied"
    return found


def _value(task: Any, name: str, text: str, flag: str) -> Any:
    """Parses a value as the command line would."""
    if name in task.fixed:
        raise UserError(
            f"{flag} {name} is not possible, because all trials share it; run "
            "one study for each value"
        )
    section, option = _options(task, name)[0]
    config = getattr(task, section)
    if typing.get_type_hints(type(config))[option] is bool:
        if text.lower() not in ("true", "false"):
            raise UserError(
                f"Expected {flag} {name} to be true or false. Received: {text}"
            )
        return text.lower() == "true"
    own = f"--{option.replace('_', '-')}"
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            parsed = parse(type(config), [f"{own}={text}"], "", "", config)
    except SystemExit:
        raise UserError(
            f"Expected {flag} {name} to be values that {own} takes. "
            f"Received: {text}"
        ) from None
    return getattr(parsed, option)


def _options(task: Any, name: str) -> list[tuple[str, str]]:
    """Returns the section and option of each option with a name."""
    known = {
        item.name: section
        for section in SECTIONS
        for item in dataclasses.fields(getattr(task, section))
    }
    options = task.groups.get(name, (name,))
    if not set(options) <= known.keys():
        check_renamed(f"--{name}")
        names = sorted({*known, *task.groups} - set(task.fixed))
        raise UserError(
            f"Expected --vary to name one of {', '.join(names)}. "
            f"Received: {name}"
        )
    return [(known[option], option) for option in options]

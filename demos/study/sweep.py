"""Varies hyper-parameters: `--vary layers=1,2,4` -> the configs of each trial.

A name is that of an option of the task's model or training, or one of the
task's `groups`, which go by one name: `dropout` sets every dropout of a model.
"""

import contextlib
import copy
import dataclasses
import io
import typing
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Protocol
from typing import TypeVar

from demos.common.cli import check_renamed
from demos.common.cli import parse
from demos.common.errors import UserError

Axes = dict[str, tuple[Any, ...]]
SECTIONS = ("model", "training")  # Of a task, or of the options of a command.
# What a trial's settings hold that is no hyper-parameter.
OTHER = ("activation", "sees")


class Variable(Protocol):
    """What can be varied: a task.

    Attributes:
        model: A dataclass of options.
        training: Another.
        groups: Names that stand for several options, or for one under another
            name.
        fixed: Options that all trials of a study must share, for what is kept
            beside the models, or made of the data once, depends on them.
    """

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Options by a common name."""
        ...

    @property
    def fixed(self) -> Collection[str]:
        """Options that cannot be varied."""
        ...

    @property
    def model(self) -> Any:
        """Sizes of the model."""
        ...

    @property
    def training(self) -> Any:
        """How it is trained."""
        ...


Task = TypeVar("Task")


def axes(texts: Sequence[str], task: Variable) -> Axes:
    """Reads what is to be varied.

    Args:
        texts: Such as `["layers=1,2,4", "optimizer=adam,sgd"]`.
        task: Knows the names, and the types of their values.

    Returns:
        Values by name.

    Raises:
        UserError: A name is unknown, fixed or given twice, or a value does not
            fit it, or is given twice.
    """
    found: Axes = {}
    for text in texts:
        name, _, values = text.partition("=")
        name = name.strip().lstrip("-").replace("-", "_")
        if not (name and all(v.strip() for v in values.split(","))):
            raise UserError(
                f"Expected --vary to be like layers=1,2,4. Received: {text!r}"
            )
        if name in found:
            raise UserError(
                f"Expected --vary {name} once, with all its values. Received "
                "it twice"
            )
        found[name] = tuple(
            _value(task, name, value.strip()) for value in values.split(",")
        )
        ours = {option for _, option in _options(task, name)}
        for other in found:
            if other != name and ours & {o for _, o in _options(task, other)}:
                raise UserError(
                    f"--vary {name} and --vary {other} are the same option, or "
                    "the one is a part of the other; leave one out"
                )
        if len(set(found[name])) < len(found[name]):
            raise UserError(
                f"Expected each value of --vary {name} once. Received: {values}"
            )
    return found


def apply_overrides(task: Task, settings: Mapping[str, Any]) -> Task:
    """Returns a task as a trial wants it.

    Args:
        task: The task.
        settings: Of the trial.

    Returns:
        The same, or a shallow copy with other configs.
    """
    varied = {k: v for k, v in settings.items() if k not in OTHER}
    if not varied:
        return task
    found = copy.copy(task)
    for name, value in varied.items():
        for section, option in _options(task, name):
            config = dataclasses.replace(
                getattr(found, section), **{option: value}
            )
            object.__setattr__(found, section, config)  # Tasks are frozen.
    return found


def shared(
    config: Mapping[str, Any], task: Variable, names: Collection[str]
) -> dict[str, Any]:
    """Returns what the trials of a study share, of a task's config.

    Args:
        config: What `task.config()` returns.
        task: The task.
        names: What is varied.

    Returns:
        The config, in which that is marked.
    """
    found = copy.deepcopy(dict(config))
    for name in names:
        for section, option in _options(task, name):
            found[section][option] = "varied"
    return found


def _value(task: Variable, name: str, text: str) -> Any:
    """Returns the value that a text means, checked by the options' parser."""
    if name in task.fixed:
        raise UserError(
            f"--vary {name} is not possible: all trials share it; run a "
            "study for each value"
        )
    found = None
    for section, option in _options(task, name):
        config = getattr(task, section)
        kind = typing.get_type_hints(type(config))[option]
        if kind is bool:
            if text.lower() not in ("true", "false"):
                raise UserError(
                    f"Expected --vary {name} to be true or false. Received: "
                    f"{text}"
                )
            found = text.lower() == "true"
        else:
            flag = f"--{option.replace('_', '-')}"
            try:
                with contextlib.redirect_stderr(io.StringIO()):
                    parsed = parse(
                        type(config), [f"{flag}={text}"], "", "", config
                    )
            except SystemExit:
                raise UserError(
                    f"Expected --vary {name} to be values that {flag} takes. "
                    f"Received: {text}"
                ) from None
            found = getattr(parsed, option)
    return found


def _options(task: Any, name: str) -> list[tuple[str, str]]:
    """Returns section and option of all that a name stands for."""
    known = dict(_known(task))
    options = task.groups.get(name, (name,))
    if not set(options) <= known.keys():
        check_renamed(f"--{name}")
        names = sorted({*known, *task.groups} - set(task.fixed))
        raise UserError(
            f"Expected --vary to be of {', '.join(names)}. Received: {name}"
        )
    return [(known[option], option) for option in options]


def _known(task: Any) -> Iterator[tuple[str, str]]:
    for section in SECTIONS:
        for item in dataclasses.fields(getattr(task, section)):
            yield item.name, section

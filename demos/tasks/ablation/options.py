"""Ablation: options of the command. Nothing here imports Keras."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from demos.common.cli import parse
from demos.common.errors import UserError
from demos.tasks.classification.options import (
    ClassificationOptions,
    ModelConfig,
    TrainingConfig,
    check,
)
from demos.tasks.demo import start_training
from demos.tasks.options import check_study, check_unique

COMMAND = "python -m demos ablation"
RUNS = Path("runs", "ablation")
# The axes of the paper's ablations. The values fit a network of this size: the
# default, and smaller and larger ones where possible.
AXES: Mapping[str, str] = {
    "layers": "2,4,8,16,32",
    "width": "16,64,256",
    "optimizer": "adam,rmsprop,sgd",
    "learning_rate": "0.0003,0.001,0.003,0.01",
    "batch_size": "16,32,128",
    "initializer": "glorot_uniform,he_normal,serf_normal",
    "dropout": "0.0,0.2,0.4",
}
QUICK_VALUES = 2  # A smoke test uses only the first values of each axis.


@dataclass(frozen=True)
class AblationOptions(ClassificationOptions):
    """Varies one hyperparameter at a time, with each activation.

    Each hyperparameter has its own study. All tests are corrected together.
    """

    axes: tuple[str, ...] = tuple(AXES)
    """The hyperparameters to vary, one at a time."""
    vary: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="AXIS=VALUE,...", help_behavior_hint=""),
    ] = ()
    """Replaces the default values of an axis: --vary layers=2,20."""
    dataset: str = "digits"
    """Dataset or folder, as in python -m demos classification."""
    model: ModelConfig = field(
        default_factory=lambda: ModelConfig(network="mlp", layers=4, width=64)
    )
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(epochs=10)
    )


def main(arguments: Sequence[str]) -> int:
    """Runs the command; raises UserError if the input is invalid."""
    options = parse(AblationOptions, arguments, COMMAND)
    axis_texts(options)
    check(options)
    check_study(options, RUNS)
    start_training(options)
    task = importlib.import_module("demos.tasks.ablation.task")
    print(task.run(options).short)
    return 0


def axis_texts(options: AblationOptions) -> dict[str, str]:
    """Returns the `--vary` argument of the study of each axis.

    Example:

    >>> axis_texts(AblationOptions(axes=("layers",), vary=("layers=1,2",)))
    {'layers': 'layers=1,2'}
    """
    check_unique("--axes", options.axes)
    texts = {}
    for name in options.axes:
        axis = name.replace("-", "_")
        if axis not in AXES:
            raise UserError(
                f"--axes takes {', '.join(AXES)}. Received: {axis}"
                + ", which is now called layers" * (axis == "depth")
            )
        values = AXES[axis].split(",")
        if options.quick:
            values = values[:QUICK_VALUES]
        texts[axis] = f"{axis}={','.join(values)}"
    given: set[str] = set()
    for text in options.vary:
        axis = text.partition("=")[0].strip().lstrip("-").replace("-", "_")
        if axis not in texts:
            raise UserError(
                f"--vary takes the axes {', '.join(texts)}. Received: {text!r}"
            )
        if axis in given:
            raise UserError(
                f"--vary {axis} must be given only once, with all its values"
            )
        if "," not in text:
            raise UserError(
                f"--vary {axis} needs at least two values. Received: {text!r}"
            )
        given.add(axis)
        texts[axis] = text
    return texts

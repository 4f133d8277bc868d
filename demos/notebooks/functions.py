"""Draws Serf and its derivative beside the activations that it competes with.

The figure at the head of the README: `python -m demos functions`. The curves
are what the library and Keras compute, not formulas of this file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demos.common.backend import choose_backend, start_keras
from demos.common.cli import parse
from demos.common.errors import UserError
from demos.report.figures.style import new_figure, style_of

COMMAND = "python -m demos functions"
NAMES = ("relu", "gelu", "silu", "mish", "serf")


@dataclass(frozen=True)
class FunctionsOptions:
    """Draws Serf, its derivative, and those of ReLU, GELU, SiLU and Mish."""

    out: Path = Path("functions.png")
    """The picture to write: .png, .svg or .pdf."""


def main(arguments: Sequence[str]) -> int:
    """Runs `python -m demos functions ...`."""
    options = parse(FunctionsOptions, arguments, COMMAND)
    choose_backend(None)
    start_keras()
    try:
        draw(options.out)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write --out {options.out}: {error}") from error
    print(f"wrote {options.out}")
    return 0


def draw(path: Path) -> None:
    """Draws the figure; the suffix of the path decides its format."""
    import keras  # The backend must be set before Keras is imported.

    x = np.linspace(-4, 3, 1401)
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2, sharex=True)
    for name in NAMES:
        y = keras.ops.convert_to_numpy(
            keras.activations.get(name)(x.astype("float32"))
        )
        style = {**style_of(name), "linestyle": "-", "marker": ""}
        left.plot(x, y, label=name, **style)
        right.plot(x, np.gradient(y, x), **style)  # Central differences.
    left.set(title="f(x)", xlabel="x", ylabel="f(x)", ylim=(-0.5, 2))
    right.set(title="f′(x)", xlabel="x", ylabel="f′(x)", ylim=(-0.25, 1.25))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.axhline(0, color="black", linewidth=0.6)
    left.legend(loc="upper left")
    figure.savefig(path, dpi=120)

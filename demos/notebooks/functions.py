"""Draws Serf and its derivative beside the activations that it competes with.

The figure at the head of the README: `python -m demos functions`. The curves
are what the library and Keras compute, not formulas of this file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from demos.common.backend import choose_backend, start_keras
from demos.common.cli import parse
from demos.common.errors import UserError
from demos.report.figures.style import new_figure, style_of

COMMAND = "python -m demos functions"
NAMES = ("relu", "gelu", "silu", "mish", "serf")
# For each label, where its line meets the curve, and the place of the text.
LABELS = {
    "relu": (-3.5, -3.5, 0.06),
    "gelu": (-1.7, -2.5, 0.1),
    "silu": (-2.0, -2.9, -0.28),
    "mish": (-0.85, -0.1, -0.26),
    "serf": (-1.1, -0.5, -0.38),
}
SLOPE_LABELS = {
    "relu": (0.0, -0.7, 0.8),
    "gelu": (1.41, 1.0, 1.25),
    "silu": (2.6, 3.1, 1.2),
    "mish": (0.0, 0.9, 0.45),
    "serf": (-2.4, -3.0, -0.18),
}


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


def figure(width: float = 11, height: float = 4.6) -> Figure:
    """Draws the functions below 0, and their derivatives, side by side.

    Each curve has the colour and the dashes of its activation in every figure,
    and its name beside it.

    Args:
        width: Width in inches.
        height: Height in inches.
    """
    import keras  # The backend must be set before Keras is imported.

    x = np.linspace(-5, 4, 1801)
    drawing = new_figure(width, height)
    left, right = drawing.subplots(1, 2)
    for name in NAMES:
        y = keras.ops.convert_to_numpy(
            keras.activations.get(name)(x.astype("float32"))
        )
        slope = np.gradient(y, x)  # Central differences.
        style = {**style_of(name), "marker": "", "linewidth": 2}
        if name == "serf":
            style["linewidth"] = 3
        for axes, curve, labels in (
            (left, y, LABELS),
            (right, slope, SLOPE_LABELS),
        ):
            axes.plot(x, curve, **style)
            at, *place = labels[name]
            axes.annotate(
                name,
                (at, np.interp(at, x, curve)),
                place,
                color=style["color"],
                fontsize="large",
                fontweight="bold",
                ha="center",
                va="center",
                arrowprops={"arrowstyle": "-", "color": style["color"]},
            )
    left.set(title="f(x)", xlabel="x", xlim=(-5, 1), ylim=(-0.42, 0.3))
    right.set(title="f′(x)", xlabel="x", xlim=(-5, 4), ylim=(-0.22, 1.32))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.axhline(0, color="black", linewidth=0.6, zorder=1)
    return drawing


def draw(path: Path) -> None:
    """Writes the figure; the suffix of the path decides its format."""
    figure().savefig(path, dpi=120)

"""Draws Serf and its derivative beside the activations that it competes with.

The picture at the head of the README: `python -m demos functions`. The curves
are what the library and Keras compute, not formulas of this file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demos.common.backend import choose_backend
from demos.common.backend import start_keras
from demos.common.cli import parse
from demos.common.errors import UserError

COMMAND = "python -m demos functions"


@dataclass(frozen=True)
class FunctionsOptions:
    """Draws Serf, its derivative, and those of ReLU, GELU, SiLU and Mish."""

    out: Path = Path("functions.png")
    """The picture to write: .png, .svg or .pdf."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: The command line behind `functions`.

    Returns:
        The exit code, 0.

    Raises:
        UserError: If the picture cannot be written where it should go.
    """
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
    """Draws the picture.

    Args:
        path: Where to; its suffix decides the format.
    """
    import keras
    import matplotlib
    import numpy as np

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    from demos.report.charts import COLOURS

    x = np.linspace(-4, 3, 1401)
    names = ("relu", "gelu", "silu", "mish", "serf")
    figure, axes = plt.subplots(
        1, 2, figsize=(10, 4), sharex=True, layout="constrained"
    )
    for name, colour in zip(names, COLOURS, strict=False):
        y = keras.ops.convert_to_numpy(
            keras.activations.get(name)(x.astype("float32"))
        )
        style = {
            "color": colour,
            "linewidth": 2.6 if name == "serf" else 1.3,
            "zorder": 3 if name == "serf" else 2,
            "label": name,
        }
        axes[0].plot(x, y, **style)
        axes[1].plot(x, np.gradient(y, x), **style)  # central differences
    axes[0].set(title="f(x)", xlabel="x", ylabel="f(x)", ylim=(-0.5, 2))
    axes[1].set(title="f′(x)", xlabel="x", ylabel="f′(x)", ylim=(-0.25, 1.25))
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.axhline(0, color="black", linewidth=0.6)
    axes[0].legend(loc="upper left")
    figure.savefig(path, dpi=120)
    plt.close(figure)

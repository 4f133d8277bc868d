"""Style of figures: colours and markers of activations, legends."""

import textwrap
import zlib
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# The colour-blind-safe palette of Okabe and Ito, without yellow, which is too
# pale for a line. https://jfly.uni-koeln.de/color/
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
    "#000000",
)
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = "osD^vPX"
# Indices of their colours. The names of other activations select theirs.
NUMBERS = {"relu": 0, "gelu": 1, "silu": 2, "mish": 3, "serf": 4}
DIVERGING = "PuOr"  # Colour-blind safe; purple is the higher end.
LETTER = 0.09  # Approximate width in inches.
DECADE = 10  # A range with this ratio is drawn on a logarithmic scale.


def style_of(activation: str) -> dict[str, Any]:
    """Returns colour, line and marker, the same in every figure.

    Serf has the thickest line and is drawn last.
    """
    number = NUMBERS.get(activation)
    if number is None:
        # A hash does not depend on other activations; these five are taken.
        digest = zlib.crc32(activation.encode())
        colour, line, marker = 5 + digest % 2, digest // 2, digest // 16
    else:
        colour = line = marker = number
    return {
        "color": COLOURS[colour],
        "linestyle": LINES[line % len(LINES)],
        "marker": MARKERS[marker % len(MARKERS)],
        "linewidth": 2.4 if activation == "serf" else 1.4,
        "zorder": 3 if activation == "serf" else 2,
    }


def is_logarithmic(low: float, high: float) -> bool:
    """Returns whether an axis is logarithmic; never for scores near 0."""
    return low > 0 and high >= DECADE * low


def new_figure(width: float, height: float) -> Figure:
    """Creates a figure, sized in inches, that needs no display."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def legend_below(
    figure: Figure, handles: Sequence[Any], labels: Sequence[str]
) -> None:
    """Draws a legend below all panels, in as many columns as fit."""
    column = 0.5 + LETTER * max(map(len, labels))  # 0.5 inches: the line.
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=max(1, int(figure.get_figwidth() / column)),
    )


def wrapped(text: str, width: int = 30, lines: int = 4) -> str:
    """Breaks a text into at most `lines` short lines for a figure.

    Text that does not fit is cut. A "$" does not start mathematics.
    """
    kept = textwrap.wrap(text, width, max_lines=lines, placeholder=" ...")
    return "\n".join(kept).replace("$", r"\$")

"""Errors against x: Serf and its composition, in float32."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from demos.benchmarks.accuracy.errors import BINS
from demos.benchmarks.accuracy.errors import SPAN
from demos.benchmarks.accuracy.promises import PROMISED
from demos.benchmarks.accuracy.promises import Result
from demos.benchmarks.names import COMPILED
from demos.benchmarks.names import COMPOSED
from demos.benchmarks.names import EAGER
from demos.benchmarks.names import SERF
from demos.report.figures.style import new_figure
from demos.report.figures.style import style_of


def draw(path: Path, results: Sequence[Result]) -> None:
    """Draws the figure, a column for each backend, as a PNG."""
    drawn = [
        each
        for each in results
        if each.dtype == "float32"
        and each.mode in (EAGER, COMPILED)
        and each.activation in (SERF, COMPOSED)
        and each.errors
    ]
    backends = list(dict.fromkeys(each.backend for each in drawn)) or [""]
    figure = new_figure(1 + 3.6 * len(backends), 6.4)
    axes = figure.subplots(
        2, len(backends), sharex=True, sharey=True, squeeze=False
    )
    for column, backend in enumerate(backends):
        there = [each for each in drawn if each.backend == backend]
        for row, quantity in enumerate(("value", "derivative")):
            _draw_errors(axes[row, column], there, quantity)
        axes[0, column].set_title(there[0].version if there else "")
        axes[1, column].set_xlabel("x")
    axes[0, 0].set_ylabel("error of f, in ulp")
    axes[1, 0].set_ylabel("error of f′, in units")
    axes[0, 0].legend(fontsize="small", loc="upper left")
    figure.suptitle("Largest errors in float32, in each interval of x")
    figure.savefig(path, format="png", dpi=130)


def _draw_errors(axes: Axes, results: Sequence[Result], quantity: str) -> None:
    edges = np.linspace(*SPAN, BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    is_normal = middle > math.log(np.finfo("float32").tiny)
    for each in results:
        bins = each.errors[quantity].bins if quantity in each.errors else ()
        if bins:
            axes.plot(
                middle,
                np.where(is_normal, bins, np.nan),
                color=style_of(each.activation)["color"],
                linestyle="-" if each.mode == EAGER else ":",
                linewidth=1.2,
                label=f"{each.activation}, {each.mode}",
            )
    axes.axhline(
        PROMISED["float32"], color="black", linewidth=0.8, label="promised"
    )
    if not any(quantity in each.errors for each in results):
        axes.text(0.5, 0.5, "no derivatives", transform=axes.transAxes)
    # Linear around the promise, logarithmic above.
    axes.set_yscale("symlog", linthresh=10, linscale=3)
    axes.set_ylim(0, 1e8)
    powers = (2, 4, 6, 8)
    axes.set_yticks(
        [*range(0, 12, 2), *(10.0**power for power in powers)],
        [*map(str, range(0, 12, 2)), *(f"$10^{power}$" for power in powers)],
    )
    axes.set_yticks([], minor=True)
    axes.grid(alpha=0.3)

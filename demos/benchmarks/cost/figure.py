"""Time against size, and ratios to names.GELU."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from demos.benchmarks import names
from demos.benchmarks.cost.plan import FEW
from demos.report.figures.style import COLOURS, new_figure, style_of


def draw(path: Path, table: pd.DataFrame) -> None:
    """Draws the figure, a row for each backend, as a PNG.

    Args:
        path: The file.
        table: What `report.tabulate` returns, not empty.
    """
    backends = list(dict.fromkeys(table["backend"]))
    figure = new_figure(15, 4.4 * len(backends))
    axes = figure.subplots(len(backends), 3, squeeze=False)
    for row, backend in zip(axes, backends, strict=True):
        there = table[table["backend"] == backend]
        _draw_growth(row[0], there, names.FORWARD, backend)
        _draw_growth(row[1], there, names.BOTH, backend)
        _draw_ratios(row[2], there, backend)
    figure.savefig(path, format="png", dpi=120)


def _draw_growth(
    axes: Axes, table: pd.DataFrame, work: str, backend: str
) -> None:
    chosen = table[
        (table["work"] == work)
        & (table["mode"] == names.COMPILED)
        & (table["dtype"] == "float32")
    ]
    for name in FEW:
        one = chosen[chosen["activation"] == name].sort_values("size")
        if one.empty:
            continue
        style = style_of("gelu" if name == names.GELU else name)
        if name == names.COPY:
            style |= {"color": "0.45", "linestyle": "--"}
        axes.loglog(
            *(one["size"], one["nanoseconds"]),
            **style | {"markersize": 4, "label": name},
        )
    axes.set_title(f"{backend}: {work}, compiled, float32")
    axes.set_xlabel("elements")
    axes.set_ylabel("nanoseconds per element")
    axes.grid(alpha=0.3, which="both")
    if axes.lines:
        axes.legend()


def _draw_ratios(axes: Axes, table: pd.DataFrame, backend: str) -> None:
    single = table[
        table["work"].isin((names.FORWARD, names.BOTH))
        & (table["dtype"] == "float32")
    ]
    # The size that has most activations is the one that compares them all.
    counts = single.groupby("size")["activation"].nunique()
    if counts.empty:
        axes.set_axis_off()
        return
    size = counts.idxmax()
    single = single[single["size"] == size]
    groups = [
        (mode, work)
        for mode in names.FRAMEWORK_MODES
        for work in (names.FORWARD, names.BOTH)
        if ((single["mode"] == mode) & (single["work"] == work)).any()
    ]
    activations = [
        name
        for name in dict.fromkeys(single["activation"])
        if name != names.COPY
    ]
    places = np.arange(len(activations), dtype=float)
    for number, (mode, work) in enumerate(groups):
        one = single[(single["mode"] == mode) & (single["work"] == work)]
        axes.plot(
            one.set_index("activation")[f"of {names.GELU}"].reindex(
                activations
            ),
            places + 0.1 * (number - (len(groups) - 1) / 2),
            color=COLOURS[number // 2],
            marker="o" if work == names.FORWARD else "D",
            markerfacecolor="white" if work == names.FORWARD else None,
            linestyle="none",
            label=f"{mode}, {work}",
        )
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(places, activations)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"{backend}: ratio to {names.GELU}, {size:,} float32")
    axes.grid(axis="x", alpha=0.3, which="both")
    axes.legend(
        fontsize="small",
        ncols=2,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.1),
    )

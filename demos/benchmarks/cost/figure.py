"""The cost figure: time by size, and ratios to GELU."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from demos.benchmarks import names
from demos.benchmarks.cost.plan import FEW
from demos.report.figures.style import new_figure, style_of


def draw(path: Path, table: pd.DataFrame) -> None:
    """Draws the result of `report.tabulate`, one row for each backend."""
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
    of_work = (table["work"] == work) & (table["mode"] == names.COMPILED)
    chosen = table[of_work & (table["dtype"] == "float32")]
    for name in FEW:
        one = chosen[chosen["activation"] == name].sort_values("size")
        if one.empty:
            continue
        style = style_of("gelu" if name == names.GELU else name)
        style |= {"markersize": 4, "label": name}
        if name == names.COPY:
            style |= {"color": "0.45", "linestyle": "--"}
        axes.loglog(one["size"], one["nanoseconds"], **style)
    axes.set_title(f"{backend}: {work}, compiled, float32")
    axes.set_xlabel("elements")
    axes.set_ylabel("nanoseconds per element")
    axes.grid(alpha=0.3, which="both")
    if axes.lines:
        axes.legend()


def _draw_ratios(axes: Axes, table: pd.DataFrame, backend: str) -> None:
    elementwise = table["work"].isin((names.FORWARD, names.BOTH))
    single = table[elementwise & (table["dtype"] == "float32")]
    # The size with the most activations is the one that compares all.
    counts = single.groupby("size")["activation"].nunique()
    if counts.empty:
        axes.set_axis_off()
        return
    size = counts.idxmax()
    single = single[single["size"] == size]
    single = single[single["activation"] != names.COPY]
    activations = single["activation"].unique()
    places = np.arange(len(activations), dtype=float)
    groups = single.groupby(["mode", "work"], sort=False)
    for number, ((mode, work), one) in enumerate(groups):
        ratios = one.set_index("activation")[f"of {names.GELU}"]
        axes.plot(
            ratios.reindex(activations),
            places + 0.1 * (number - (len(groups) - 1) / 2),
            color=str(0.3 * (number // 2)),  # Colours denote activations.
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
    place: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.1)}
    axes.legend(fontsize="small", ncols=2, **place)

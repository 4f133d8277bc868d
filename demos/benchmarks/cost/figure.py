"""The cost figure: ratios to GELU."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from demos.benchmarks import names
from demos.report.figures.style import new_figure, wrapped

RATIO = f"of {names.GELU}"


def draw(path: Path, table: pd.DataFrame) -> None:
    """Draws float32 of `report.tabulate`, one panel for each backend."""
    single = table["work"].isin((names.FORWARD, names.BOTH))
    single &= table["dtype"] == "float32"
    single &= table["activation"] != names.COPY
    # Only the largest arrays are large in comparison with the calls.
    chosen = table[single & (table["size"] == table[single]["size"].max())]
    backends = list(dict.fromkeys(chosen["backend"]))
    if not backends:
        return
    figure = new_figure(5 * len(backends), 4.6)
    panels = figure.subplots(1, len(backends), squeeze=False)[0]
    told = []
    for axes, backend in zip(panels, backends, strict=True):
        there = chosen[chosen["backend"] == backend]
        _draw_ratios(axes, there, backend)
        usual = there["mode"] == names.USUAL_MODES[backend]
        both = there[usual & (there["work"] == names.BOTH)]
        ours = both.set_index("activation")[RATIO].get(names.SERF)
        if ours is not None:
            told.append(f"{ours:.2f} ({backend})")
    sentence = (
        f"Time of Serf divided by that of {names.GELU}, forward and backward, "
        f"as Keras runs by default: {', '.join(told)}"
    )
    if told:
        title = wrapped(sentence, 50 * len(backends))
        figure.suptitle(title, fontweight="bold")
    figure.savefig(path, format="png", dpi=120)


def _draw_ratios(axes: Axes, table: pd.DataFrame, backend: str) -> None:
    activations = table["activation"].unique()
    places = np.arange(len(activations), dtype=float)
    groups = table.groupby(["mode", "work"], sort=False)
    for number, ((mode, work), one) in enumerate(groups):
        ratios = one.set_index("activation")[RATIO]
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
    size = table["size"].iloc[0]
    axes.set_title(f"{backend}, {size:,} float32 numbers")
    axes.set_xlabel(f"time, divided by that of {names.GELU}")
    axes.grid(axis="x", alpha=0.3, which="both")
    place: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15)}
    axes.legend(fontsize="small", ncols=2, **place)

"""Multimodal entailment: a figure of some training pairs."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from demos.common.files import atomic
from demos.datasets.images import read_all
from demos.datasets.types import Entailment
from demos.report.figures.style import wrapped

COUNT, COLUMNS = 12, 3


def draw_examples(path: Path, dataset: Entailment) -> None:
    """Draws training pairs into a PNG file, the same number per label."""
    train = dataset.train
    each = COUNT // len(dataset.label_names)
    rows = [
        row
        for label in range(len(dataset.label_names))
        for row in np.flatnonzero(np.equal(train.labels, label))[: each or 1]
    ][:COUNT]
    lines = -(-len(rows) // COLUMNS)
    figure = Figure(figsize=(12, 2.6 * lines), layout="constrained")
    panels = figure.subfigures(lines, COLUMNS, squeeze=False).ravel()
    for panel, row in zip(panels, rows, strict=False):
        posts = train.premises[row], train.hypotheses[row]
        images = read_all([post.picture for post in posts], dataset.read, 160)
        label = wrapped(dataset.label_names[train.labels[row]], lines=1)
        panel.suptitle(label, weight="bold")
        for axes, post, pixels, there in zip(
            panel.subplots(1, 2),
            posts,
            images.pixels,
            images.shown,
            strict=True,
        ):
            axes.imshow(pixels if there else pixels + 255)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_xlabel(wrapped(post.text), fontsize=8)
    with atomic(path) as scratch:
        figure.savefig(scratch, format="png", dpi=110)

"""Confusion matrices, from the saved predictions of trials."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

from demos.common.files import is_regular, read_text
from demos.report.figures.style import wrapped
from demos.report.trials import by_label
from demos.report.types import Chart
from demos.study.trial import TrialRecord, trial_path

FILE = "test.txt"  # The predicted labels of the test split, one per line.
# Maximum numbers of labels for which names, and numbers, fit.
NAMED, NUMBERED = 20, 6
COLUMNS = 4  # Matrices in a row; more would not be legible on a page.


def files(
    predictions: Sequence[int], label_names: Sequence[str]
) -> dict[str, str]:
    r"""Returns the content of the file that `chart` reads, by its name.

    Example:

    >>> files([1, 0], ["cat", "dog"])
    {'test.txt': 'dog\ncat\n'}
    """
    return {FILE: "".join(f"{label_names[i]}\n" for i in predictions)}


def chart(
    folder: Path, records: Sequence[TrialRecord], dataset: Any
) -> Chart | None:
    """Draws the confusion matrix of each activation, over all seeds.

    Trials whose predictions cannot be read are skipped. If none can be read,
    there is no chart.
    """
    label_names, labels = dataset.label_names, dataset.test.labels
    matrices: dict[str, np.ndarray] = {}
    for label, group in by_label(records).items():
        for record in group:
            path = trial_path(folder, record, FILE)
            predicted = read_text(path).splitlines() if is_regular(path) else []
            if len(predicted) == len(labels):
                matrices[label] = matrices.get(label, 0) + confusion_matrix(
                    [label_names[i] for i in labels],
                    predicted,
                    labels=label_names,
                )
    if not matrices:
        return None
    columns = min(COLUMNS, len(matrices))
    rows = math.ceil(len(matrices) / columns)
    figure = Figure(figsize=(3.2 * columns, 3.5 * rows), layout="constrained")
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in every[len(matrices) :]:
        axes.set_axis_off()
    for axes, (label, matrix) in zip(every, matrices.items(), strict=False):
        shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
        shown = [wrapped(name, 20, 1) for name in label_names]
        ConfusionMatrixDisplay(shares, display_labels=shown).plot(
            ax=axes,
            cmap="Blues",
            colorbar=False,
            include_values=len(label_names) <= NUMBERED,
            values_format=".2f",
            im_kw={"vmin": 0, "vmax": 1},
        )
        axes.set_title(label)
        places = range(len(shown))
        if len(shown) > NAMED:
            axes.set_xticks([])
            axes.set_yticks([])
        elif max(map(len, shown)) > 2:
            axes.set_xticks(places, shown, rotation=30, ha="right")
    figure.suptitle("Fraction of each true label, test split, all seeds")
    return Chart(
        "confusion.png",
        "Confusion matrices",
        f"Confusion matrices of {', '.join(matrices)}: the fraction of each "
        "true label (row) that was predicted as each label (column).",
        figure,
    )

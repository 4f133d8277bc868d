"""Draws which labels are taken for which, from what trials have said."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from demos.study.trial import TrialRecord
from demos.study.trial import text_path

if TYPE_CHECKING:
    from demos.report.charts import Chart

# Labels of which there is room for the names, and for the numbers.
NAMED, NUMBERED = 20, 6


def chart(
    folder: Path,
    results: Sequence[TrialRecord],
    label_names: Sequence[str],
    labels: Sequence[int],
) -> "Chart | None":
    """Draws the confusion matrix of each activation, all seeds together.

    Args:
        folder: Of the study, whose trials have left `test.txt`: the name of the
            label that the model gave to each example of the test, a line each.
        results: Finished trials; those whose answers cannot be read are passed
            over.
        label_names: Of all labels there are.
        labels: Index of the true label of each example of the test.

    Returns:
        The chart; None where no answers can be read.
    """
    import numpy as np
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay
    from sklearn.metrics import confusion_matrix

    from demos.report.charts import Chart
    from demos.report.charts import wrapped
    from demos.report.report import by_label

    matrices: dict[str, np.ndarray] = {}
    for label, group in by_label(results).items():
        for result in group:
            path = text_path(folder, result, "test.txt")
            said = path.read_text().splitlines() if path.is_file() else []
            if len(said) == len(labels):
                matrices[label] = matrices.get(label, 0) + confusion_matrix(
                    [label_names[i] for i in labels], said, labels=label_names
                )
    if not matrices:
        return None
    figure = Figure(figsize=(3.6 * len(matrices), 4), layout="constrained")
    every = figure.subplots(1, len(matrices), squeeze=False)[0]
    for axes, (label, matrix) in zip(every, matrices.items(), strict=True):
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
    figure.suptitle("Share of each true label, on the test, all seeds")
    return Chart(
        "confusion.png",
        "Who is taken for whom",
        "Confusion matrices, one for each of "
        f"{', '.join(matrices)}: the share of each true label that was given "
        "each label.",
        figure,
    )

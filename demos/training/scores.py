"""Scores of classifiers."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from demos.study.trial import DivergedError


def classification_scores(
    labels: Sequence[int], probabilities: np.ndarray
) -> dict[str, float]:
    """Computes scores of predictions.

    Args:
        labels: Index of the true label of each example.
        probabilities: Shape `(examples, labels)`.

    Returns:
        `accuracy`, `macro_f1` (mean F1 over the labels), `balanced_accuracy`
        (mean recall over the labels that occur) and `loss` (mean cross-entropy
        in nats).

    Raises:
        DivergedError: If a probability is not finite.
    """
    probabilities = np.asarray(probabilities, "float64")
    if not np.isfinite(probabilities).all():
        raise DivergedError("a predicted probability is not finite")
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    every = range(probabilities.shape[1])
    chosen = probabilities.argmax(axis=1)
    f1 = f1_score(
        labels,
        chosen,
        labels=every,
        average="macro",
        zero_division=0,  # pyright: ignore[reportArgumentType]
    )
    occurring = sorted(set(labels))
    recall = recall_score(labels, chosen, labels=occurring, average="macro")
    return {
        "accuracy": float(accuracy_score(labels, chosen)),
        "macro_f1": float(f1),
        "balanced_accuracy": float(recall),
        "loss": float(log_loss(labels, probabilities, labels=every)),
    }

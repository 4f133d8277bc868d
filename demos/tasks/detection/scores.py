"""Detection scores: mean average precision, as COCO defines it."""

import contextlib
import io
from collections.abc import Sequence
from typing import NamedTuple

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from demos.datasets.types import Box

MOST = 100  # Maximum number of boxes per image: COCO's maxDets.


class Found(NamedTuple):
    """A box that a detector finds, relative to the image size.

    `picture` and `label` are indices. `score` is the confidence, from 0 to 1.
    """

    picture: int
    label: int
    score: float
    left: float
    top: float
    width: float
    height: float


def detection_scores(
    truth: Sequence[Sequence[Box]], found: Sequence[Found]
) -> dict[str, float]:
    """Scores detections with pycocotools.

    Average precision is the area under the precision-recall curve, at 101
    recall values; the mean is over the labels in `truth`. Crowd boxes are
    ignored. Only the best 100 boxes of a label in an image count.

    Returns:
        `map_50`, at an IoU (intersection over union) of at least 0.5, and
        `map`, the mean over the IoU thresholds 0.5, 0.55, ..., 0.95 (COCO's
        main score).

    Raises:
        ValueError: If there is no box in `truth`.
    """
    boxes = [(i, box) for i, row in enumerate(truth) for box in row]
    labels = sorted({box.label for _, box in boxes if not box.crowd})
    if not labels:
        raise ValueError("truth has no box")
    found = [box for box in found if box.label in set(labels)]
    if not found:
        return {"map_50": 0.0, "map": 0.0}
    images = [{"id": i} for i in range(len(truth))]
    categories = [{"id": label} for label in labels]
    with contextlib.redirect_stdout(io.StringIO()):  # Hides its output.
        known, said = COCO(), COCO()
        known.dataset = {
            "images": images,
            "categories": categories,
            "annotations": [
                _annotation(number, picture, box) | {"iscrowd": int(box.crowd)}
                for number, (picture, box) in enumerate(boxes, 1)
            ],
        }
        said.dataset = {
            "images": images,
            "categories": categories,
            "annotations": [
                _annotation(number, box.picture, box) | {"score": box.score}
                for number, box in enumerate(found, 1)
            ],
        }
        known.createIndex()
        said.createIndex()
        judge = COCOeval(known, said, "bbox")
        # Boxes of all sizes, because COCO's size ranges are in pixels.
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.params.maxDets = [MOST]
        judge.evaluate()
        judge.accumulate()
    # Axes: thresholds, recalls, labels, size ranges, numbers of boxes.
    precision = judge.eval["precision"]
    return {
        "map_50": float(precision[0].mean()),
        "map": float(precision.mean()),
    }


def _annotation(number: int, picture: int, box: Box | Found) -> dict:
    return {
        "id": number,
        "image_id": picture,
        "category_id": box.label,
        "bbox": [box.left, box.top, box.width, box.height],
        "area": box.width * box.height,
    }

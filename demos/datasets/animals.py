"""Images of animals with bounding boxes.

The images are composed of the OpenMoji drawings (https://openmoji.org, CC BY-SA
4.0) of `scenes`. Nothing is stored: a fixed seed draws the positions of the
animals, and `scenes.render` draws the images.

An image shows one to four animals of different sizes, whose boxes overlap
little. Half of the images also show a place of `scenes`, which has no box: a
detector must distinguish animals from other objects.
"""

import random

from demos.datasets import scenes
from demos.datasets.scenes import Drawing, Scene
from demos.datasets.types import Box, BoxedPictures, Detection

SEED = 1904_07850  # The arXiv number of "Objects as Points".
TRAIN, OTHER = 3000, 500  # Images for training, and in each other split.
LABEL_NAMES = tuple(sorted(a for s in scenes.ANIMALS.values() for a in s))
MOST = 4  # Maximum number of animals in an image.
SIZES = (0.18, 0.5)  # Longer side of a drawing, as a fraction of the image.
PLACES = 0.5  # Fraction of the images with a place.
OVERLAP = 0.2  # Maximum fraction of a box that a larger one may cover.
ATTEMPTS = 20  # Attempts to find space for one more drawing.


def load(train: int = TRAIN, other: int = OTHER) -> Detection:
    """Returns the same images in every call.

    Args:
        train: Number of training images.
        other: Number of validation images, and of test images.

    Raises:
        UserError: If the packages with the drawings are not installed.
    """
    return Detection(
        "animals",
        LABEL_NAMES,
        _split(train, 0),
        _split(other, 1),
        _split(other, 2),
        read=scenes.render,
    )


def _split(count: int, number: int) -> BoxedPictures:
    draw = random.Random(SEED + number)
    pictures = [_picture(draw) for _ in range(count)]
    return BoxedPictures(
        tuple(pictures),
        tuple(
            tuple(box_of(d) for d in scene if d.name in LABEL_NAMES)
            for scene in pictures
        ),
    )


def _picture(draw: random.Random) -> Scene:
    """Returns a random scene; its first drawing always fits."""
    names = draw.choices(LABEL_NAMES, k=draw.randint(1, MOST))
    if draw.random() < PLACES:
        names.append(draw.choice(list(scenes.PLACES)))
    found: list[Drawing] = []
    for name in names:
        for _ in range(ATTEMPTS):
            drawing = _anywhere(draw, name)
            if all(_covered(drawing, other) <= OVERLAP for other in found):
                found.append(drawing)
                break
    return tuple(found)


def _anywhere(draw: random.Random, name: str) -> Drawing:
    size = draw.uniform(*SIZES)
    width, height = _shape(name)
    left = draw.uniform(0, 1 - size * width)
    top = draw.uniform(0, 1 - size * height)
    return Drawing(name, round(left, 4), round(top, 4), round(size, 4))


def _shape(name: str) -> tuple[float, float]:
    """Returns width and height of a drawing; the larger is 1."""
    width, height = scenes.drawings()[name].size
    longer = max(width, height)
    return width / longer, height / longer


def box_of(drawing: Drawing) -> Box:
    """Returns the bounding box of the drawing of an animal."""
    width, height = _shape(drawing.name)
    return Box(
        LABEL_NAMES.index(drawing.name),
        drawing.left,
        drawing.top,
        round(drawing.size * width, 4),
        round(drawing.size * height, 4),
    )


def _covered(one: Drawing, other: Drawing) -> float:
    """Returns the fraction of the smaller drawing that both cover."""
    sides = [[d.size * side for side in _shape(d.name)] for d in (one, other)]
    shared = 1.0
    for axis, name in enumerate(("left", "top")):
        starts = [getattr(one, name), getattr(other, name)]
        ends = [starts[i] + sides[i][axis] for i in (0, 1)]
        shared *= max(0.0, min(ends) - max(starts))
    return shared / min(width * height for width, height in sides)

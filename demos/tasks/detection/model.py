"""A small detector that finds each object as a point, its centre.

It follows Zhou, Wang and Kraehenbuehl, "Objects as Points", 2019, arXiv
1904.07850 (CenterNet), "the paper" below. The model predicts a heat map for
each label, whose peaks are the centres of objects, and for each grid cell the
size of the object and the offset of its centre. It needs neither anchors nor
non-maximum suppression.

The output of the model, its map, has the shape `(batch, grid, grid, labels +
4)`: for each cell a logit for each label, then width and height of the box,
then x and y of its centre from the upper left corner of the cell, in cells.
"""

import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy import ndimage

from demos.datasets.types import Box
from demos.tasks.detection.options import ModelConfig
from demos.tasks.detection.scores import MOST, Found
from demos.training.batches import ArrayBatches

Boxes = Sequence[Sequence[Box]]

STRIDE = 4  # Side of a cell in pixels: the paper's R, section 3.
COARSEST = 16  # Side of a cell in pixels at the coarsest resolution.
NUMBERS = 4  # Outputs of a cell, besides the logits.
# Exponents of the focal loss: equation 1 of the paper.
ALPHA, BETA = 2, 4
# Weight of the size loss. The paper (section 3) uses 0.1 for maps of 128 cells
# per side. For the default here, 16, validation scores are better with 0.5.
SIZE_WEIGHT = 0.5
# Initial probability that a cell has the centre of an object, as in the code of
# the paper, where biases start at -2.19.
PRIOR = 0.1
# Standard deviation of the heat around a centre, relative to the box: 0.54 / 6,
# from Liu et al., "Training-Time-Friendly Network for Real-Time Object
# Detection", AAAI 2020, section 3.
SPREAD = 0.09
# Minimum score of a box, as `box_score_thresh` in torchvision's Faster R-CNN.
LEAST_SCORE = 0.05
# Momentum of batch normalization. With Keras' default of 0.99, the averages
# would still be the initial ones after a short training.
MOMENTUM = 0.9


def build_model(
    activation: str, labels: int, sizes: ModelConfig
) -> keras.Model:
    """Builds the detector.

    The first layer reads patches of 4 x 4 pixels. Two more layers halve the
    resolution and double the channels. Then the resolution is doubled again,
    with skip connections from the layers of the same resolution. Between them
    are residual blocks (He et al., "Deep Residual Learning for Image
    Recognition", CVPR 2016, figure 2), with batch normalization before each
    activation.

    Returns:
        A model from pixels from 0 to 255, shape `(batch, image_size,
        image_size, 3)`, to float32 maps.
    """

    def convolve(x: Any, width: int, kernel: int = 3, stride: int = 1) -> Any:
        x = keras.layers.Conv2D(
            width,
            kernel,
            stride,
            padding="same",
            use_bias=False,  # Normalization has a bias.
            kernel_initializer=sizes.initializer,
        )(x)
        return keras.layers.BatchNormalization(momentum=MOMENTUM)(x)

    def activate(x: Any) -> Any:
        return keras.layers.Activation(activation)(x)

    def residual(x: Any) -> Any:
        width = x.shape[-1]
        added = convolve(activate(convolve(x, width)), width)
        return activate(keras.layers.Add()([x, added]))

    side = sizes.image_size
    pixels = keras.Input((side, side, 3), name="pixels")
    # White becomes 0, like padding.
    x = keras.layers.Rescaling(-1 / 255, 1.0)(pixels)
    x = activate(convolve(x, sizes.channels, STRIDE, STRIDE))
    seen = []
    stride = STRIDE
    while True:
        for _ in range(sizes.layers):
            x = residual(x)
        if stride == COARSEST:
            break
        seen.append(x)
        x = activate(convolve(x, 2 * x.shape[-1], stride=2))
        stride *= 2
    for finer in reversed(seen):
        width = finer.shape[-1]
        x = keras.layers.UpSampling2D()(convolve(x, width, kernel=1))
        x = activate(keras.layers.Add()([x, finer]))
        x = activate(convolve(x, width))
    x = activate(convolve(x, 2 * sizes.channels))
    # In float32 under any dtype policy.
    logits = keras.layers.Conv2D(
        labels,
        1,
        bias_initializer=keras.initializers.Constant(
            float(np.log(PRIOR / (1 - PRIOR)))
        ),
        dtype="float32",
        name="logits",
    )(x)
    numbers = keras.layers.Conv2D(NUMBERS, 1, dtype="float32", name="numbers")(
        x
    )
    outputs = keras.layers.Concatenate(dtype="float32", name="map")(
        [logits, numbers]
    )
    return keras.Model(pixels, outputs, name="detector")


def encode(boxes: Boxes, labels: int, grid: int) -> np.ndarray:
    """Returns the target maps of boxes.

    The heat of an object is 1 in the cell of its centre, and decreases like a
    Gaussian around it. The heat of a label is the maximum over its objects.
    Crowd boxes are ignored. If a cell has two centres, its size and offset are
    those of the later one.

    Returns:
        float32 array of shape `(images, grid, grid, labels + 4 + 1)`: a map
        with heat from 0 to 1 instead of logits, followed by 1 in cells with a
        centre, else 0.
    """
    made = np.zeros((len(boxes), grid, grid, labels + NUMBERS + 1), "float32")
    every = [(i, b) for i, row in enumerate(boxes) for b in row if not b.crowd]
    if not every:
        return made
    corners = np.array([(b.left, b.top) for _, b in every]) * grid
    sizes = np.array([(b.width, b.height) for _, b in every]) * grid
    centres = corners + sizes / 2
    places = np.clip(centres.astype(int), 0, grid - 1)
    # For each box, along x and along y.
    distances = np.arange(grid) - places[..., None]
    spread = np.maximum(SPREAD * sizes, 1e-3)[..., None]
    heat_x, heat_y = np.moveaxis(
        np.exp(-((distances / spread) ** 2) / 2).astype("float32"), 1, 0
    )
    heats = heat_y[:, :, None] * heat_x[:, None, :]
    for (picture, box), heat in zip(every, heats, strict=True):
        known = made[picture, :, :, box.label]
        np.maximum(known, heat, out=known)
    pictures = [picture for picture, _ in every]
    x, y = places.T
    made[pictures, y, x, labels:] = np.concatenate(
        [sizes, centres - places, np.ones((len(every), 1))], axis=1
    )
    return made


def loss(y_true: Any, y_pred: Any) -> Any:
    """Computes the loss of each image, shape `(batch,)`.

    With N objects in the image (at least 1), Y the heat, p the sigmoid of the
    logits, s the sizes and o the offsets of centres:

        1/N (sum of L + 0.5 sum of |s - s'| + sum of |o - o'|)

        L = -(1 - p)^2 log p                where Y = 1
            -(1 - Y)^4 p^2 log(1 - p)       elsewhere

    These are equations 1, 2 and 3 of the paper; the last two sums are only over
    the centres. `y_true` is the result of `encode`, shape `(batch, grid, grid,
    labels + 5)`; `y_pred` are maps.
    """
    labels = y_pred.shape[-1] - NUMBERS
    heat, numbers, there = (
        y_true[..., :labels],
        y_true[..., labels:-1],
        y_true[..., -1:],
    )
    logits = y_pred[..., :labels]
    p = ops.sigmoid(logits)
    # log p = -softplus(-logit) and log(1 - p) = -softplus(logit).
    focal = ops.where(
        heat == 1,
        (1 - p) ** ALPHA * ops.softplus(-logits),
        (1 - heat) ** BETA * p**ALPHA * ops.softplus(logits),
    )
    wrong = there * ops.abs(numbers - y_pred[..., labels:])
    total = (
        _sum(focal) + SIZE_WEIGHT * _sum(wrong[..., :2]) + _sum(wrong[..., 2:])
    )
    return total / ops.maximum(_sum(there), 1)


def _sum(x: Any) -> Any:
    return ops.sum(x, axis=(1, 2, 3))


def mean_loss(boxes: Boxes, maps: np.ndarray, batch_size: int = 64) -> float:
    """Computes the mean loss of images in batches; 0 without images."""
    grid, labels = maps.shape[1], maps.shape[-1] - NUMBERS
    total = 0.0
    for start in range(0, len(maps), batch_size):
        rows = slice(start, start + batch_size)
        losses = loss(
            ops.convert_to_tensor(encode(boxes[rows], labels, grid)),
            ops.convert_to_tensor(maps[rows]),
        )
        total += float(np.sum(ops.convert_to_numpy(losses)))
    return total / max(1, len(maps))


def decode(maps: np.ndarray, least_score: float = LEAST_SCORE) -> list[Found]:
    """Returns the boxes in maps, one for each peak of the heat of a label.

    A peak is a cell with no higher one among its eight neighbours (the paper,
    section 4). The boxes are grouped by image, best first, with at most 100 per
    image. They may extend beyond the image. Boxes with a score below
    `least_score` are dropped.
    """
    grid, labels = maps.shape[1], maps.shape[-1] - NUMBERS
    logits = np.asarray(maps[..., :labels], "float64")
    highest = ndimage.maximum_filter(logits, size=(1, 3, 3, 1))
    heat = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))  # Avoids overflow.
    scores = np.where(logits == highest, heat, -1)
    found = []
    for picture, score in enumerate(scores):
        peaks = np.argwhere(score >= least_score)
        sure = score[tuple(peaks.T)]
        for i in np.argsort(-sure, kind="stable")[:MOST]:
            y, x, label = peaks[i]
            width, height, dx, dy = maps[picture, y, x, labels:].tolist()
            width, height = max(0.0, width), max(0.0, height)
            found.append(
                Found(
                    picture,
                    int(label),
                    float(sure[i]),
                    (int(x) + dx - width / 2) / grid,
                    (int(y) + dy - height / 2) / grid,
                    width / grid,
                    height / grid,
                )
            )
    return found


class BoxBatches(ArrayBatches):
    """Training batches of pixels and target maps.

    Maps are encoded for each batch, because those of all images would need too
    much memory. With `flip`, half of the images are flipped horizontally. The
    pixels are uint8, shape `(images, side, side, 3)`.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        boxes: Boxes,
        labels: int,
        batch_size: int,
        seed: int,
        flip: bool = False,
    ) -> None:
        super().__init__(pixels, np.arange(len(pixels)), batch_size, seed)
        self._boxes = boxes
        self._labels = labels
        self._flip = flip

    def __getitem__(self, index: int):
        pixels, rows = super().__getitem__(index)
        began = time.perf_counter()
        boxes = [self._boxes[row] for row in rows]
        if self._flip:
            draw = np.random.default_rng([self._seed, self._epoch, index])
            mirrored = np.flatnonzero(draw.random(len(rows)) < 0.5)
            pixels[mirrored] = pixels[mirrored, :, ::-1]
            for i in mirrored:
                boxes[i] = flipped(boxes[i])
        grid = pixels.shape[1] // STRIDE
        maps = encode(boxes, self._labels, grid)
        self.seconds += time.perf_counter() - began
        return pixels, maps


def flipped(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Flips boxes horizontally, like their image.

    Example:

    >>> flipped([Box(0, left=0.5, top=0.25, width=0.25, height=0.5)])[0].left
    0.25
    """
    return tuple(b._replace(left=1 - b.left - b.width) for b in boxes)

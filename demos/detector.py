"""A small detector of things in pictures, each found as the point of its centre.

After Zhou, Wang, Kraehenbuehl, "Objects as Points", 2019, arXiv 1904.07850
(CenterNet): the model draws a heat map of each label, whose peaks are the
centres of things, and says at each place how large the thing there is, and
where in the place its centre lies. There are no anchors, and no suppression of
boxes that overlap.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from demos.datasets import Box
from demos.mean_average_precision import MOST
from demos.mean_average_precision import Found

STRIDE = 4  # Pixels of a side of a place, the paper's R.
COARSEST = 16  # Pixels of a side of a place, where places are fewest.
# Of the focal loss, the paper's equation 1.
ALPHA, BETA = 2, 4
# Share of the things' loss that sizes have: the paper's, section 3, is for ...
SIZE_WEIGHT = 0.1
# What a place is at first: the chance that a thing's centre is there. As in the
# code of the paper, after Lin et al., "Focal Loss for Dense Object Detection",
# ICCV 2017, section 4.1.
PRIOR = 0.1
# Of the heat around a centre: its standard deviation, in sides of a box. Liu et
# al., "Training-Time-Friendly Network for Real-Time Object Detection", AAAI
# 2020, section 3.2: 0.54 / 6.
SPREAD = 0.54 / 6
EXTRA = 4  # Numbers of a place besides its labels: width, height, x, y.
LEAST_SCORE = 0.01  # As in Liu et al., "SSD", ECCV 2016, section 3.1.


def build(
    activation: str,
    *,
    labels: int,
    image_size: int,
    channels: int,
    blocks: int,
    initializer: str,
) -> keras.Model:
    pixels = keras.Input((image_size, image_size, 3), name="pixels")

    def convolved(x, width, kernel=3, stride=1, active=True):
        x = keras.layers.Conv2D(
            width,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer=initializer,
        )(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        return keras.layers.Activation(activation)(x) if active else x

    def residual(x):
        width = x.shape[-1]
        y = convolved(convolved(x, width), width, active=False)
        return keras.layers.Activation(activation)(x + y)

    x = keras.layers.Rescaling(-1 / 255, 1.0)(pixels)
    x = convolved(x, channels, STRIDE, STRIDE)
    skips = []
    stride = STRIDE
    while True:
        for _ in range(blocks):
            x = residual(x)
        if stride == COARSEST:
            break
        skips.append(x)
        x = convolved(x, 2 * x.shape[-1], stride=2)
        stride *= 2
    for skip in reversed(skips):
        width = skip.shape[-1]
        x = keras.layers.UpSampling2D()(convolved(x, width, 1, active=False))
        x = keras.layers.Activation(activation)(x + skip)
        x = convolved(x, width)
    x = keras.layers.Conv2D(
        2 * channels,
        3,
        padding="same",
        activation=activation,
        kernel_initializer=initializer,
    )(x)
    bias = np.zeros(labels + EXTRA)
    bias[:labels] = np.log(PRIOR / (1 - PRIOR))
    outputs = keras.layers.Conv2D(
        labels + EXTRA,
        1,
        bias_initializer=lambda shape, dtype: ops.convert_to_tensor(bias,dtype),
        dtype="float32",
        name="map",
    )(x)
    return keras.Model(pixels, outputs, name="detector")


def encode(boxes, labels: int, grid: int) -> np.ndarray:
    made = np.zeros((len(boxes), grid, grid, labels + EXTRA + 1), "float32")
    places = np.arange(grid)
    for target, row in zip(made, boxes, strict=True):
        for box in row:
            if box.crowd: continue
            size = np.array([box.width, box.height]) * grid
            centre = np.array([box.left, box.top]) * grid + size / 2
            place = np.clip(centre.astype(int), 0, grid - 1)
            x, y = place
            s = np.maximum(SPREAD * size, 1e-3)
            heat_x, heat_y = (
                np.exp(-(((places - p) / d) ** 2) / 2)
                for p, d in zip(place, s, strict=True)
            )
            heat = target[..., box.label]
            np.maximum(heat, heat_y[:, None] * heat_x, out=heat)
            target[y, x, labels:] = [*size, *(centre - place), 1]
    return made


def loss(y_true: Any, y_pred: Any) -> Any:
    labels = y_pred.shape[-1] - EXTRA
    y, sizes, offsets, there = (
        y_true[..., :labels],
        y_true[..., labels : labels + 2],
        y_true[..., labels + 2 : labels + 4],
        y_true[..., labels + 4 :],
    )
    z = y_pred[..., :labels]
    p = ops.sigmoid(z)
    log_p, log_not_p = -ops.softplus(-z), -ops.softplus(z)
    focal = -ops.where(
        y == 1,
        (1 - p) ** ALPHA * log_p,
        (1 - y) ** BETA * p**ALPHA * log_not_p,
    )
    n = ops.maximum(ops.sum(there, axis=(1, 2, 3)), 1)
    def l1(target, said):
        return ops.sum(there * ops.abs(target - said), axis=(1, 2, 3))
    size_loss = l1(sizes, y_pred[..., labels : labels + 2])
    offset_loss = l1(offsets, y_pred[..., labels + 2 :])
    return (
        ops.sum(focal, axis=(1, 2, 3)) + SIZE_WEIGHT * size_loss + offset_loss
    ) / n


def decode(maps: np.ndarray, least=LEAST_SCORE) -> list[Found]:
    grid = maps.shape[1]
    labels = maps.shape[-1] - EXTRA
    z = maps[..., :labels]
    edged = np.pad(z, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    highest = np.max(
        [edged[:, i : i + grid, j : j + grid] for i in range(3) for j in range(3)],
        axis=0,
    )
    scores = np.where(z == highest, 1 / (1 + np.exp(-z)), 0)
    found = []
    for picture, (score, numbers) in enumerate(
        zip(scores, maps[..., labels:], strict=True)
    ):
        order = np.argsort(-score, axis=None, kind="stable")[:MOST]
        for y, x, label in zip(*np.unravel_index(order, score.shape), strict=True):
            sure = float(score[y, x, label])
            if sure < least: break
            w, h, dx, dy = (float(v) for v in numbers[y, x])
            found.append(Found(picture, int(label), sure, (x + dx - w / 2) / grid, (y + dy - h / 2) / grid, w / grid, h / grid))
    return found
